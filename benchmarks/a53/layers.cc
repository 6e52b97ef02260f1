// Runs one layer of the default network so many times by one kernel, between
// calls of two functions whose addresses tell block_counts.c what to count.
//
//   layers                            the layers and their kernels, a line each
//   layers LAYER KERNEL REPETITIONS

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/bit_im2col.h"
#include "custom_ops/kernels/dense.h"
#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/igemm.h"
#include "custom_ops/kernels/log_mel.h"
#include "custom_ops/kernels/log_mel_decibel.h"
#include "custom_ops/kernels/memory.h"
#include "custom_ops/kernels/reference.h"

// Each does something of its own, so that they do not become one function.
extern "C" {
volatile int a53_marker;
__attribute__((noinline)) void a53_begin() { a53_marker = 1; }
__attribute__((noinline)) void a53_end() { a53_marker = 2; }
}

namespace bifsmn {
namespace {

using Layer = std::function<void()>;

constexpr int kSteps = 8;
constexpr int kHidden = 128;

template <typename T>
std::vector<const char*> Names(const KernelRegistry<T>& kernels) {
  std::vector<const char*> names;
  for (const T* kernel : kernels) names.push_back(kernel->name);
  return names;
}

template <typename T>
const T& Find(const KernelRegistry<T>& kernels, const char* name) {
  const T* kernel = kernels.Find(name);
  if (kernel != nullptr) return *kernel;
  std::fprintf(stderr, "there is no kernel %s here\n", name);
  std::exit(1);
}

// What a layer works in lives until the program ends.
template <typename T>
T& Keep(T value) {
  return *new T(std::move(value));
}

// Of all 16 rows of the result, or of a stream's two new ones.
Layer Conv1(const char* name, bool quantizes, int rows = 16) {
  constexpr int kSize = 32, kPadded = 35, kOutput = 16, kTerms = 25;
  constexpr int kOutputs = 16;
  const FeatureConvKernel& kernel = Find(FeatureConvKernels(), name);
  Random random(1);
  auto& image = Keep(random.Integers<int8_t>(
      kPadded * kPadded + kFeatureConvSlack, -128, 127));
  if (quantizes) {
    const auto& features = Keep(random.Floats(kSize * kSize));
    return [&, rows] {
      for (int y = 0; y < 2 * rows; ++y) {
        kernel.quantize(features.data() + y * kSize, kSize, 50.0f,
                        image.data() + (y + 1) * kPadded + 1);
      }
    };
  }
  const auto weights = random.Integers<int8_t>(kOutputs * kTerms, -10, 10);
  const auto thresholds = random.Integers<int32_t>(kOutputs, -500, 500);
  auto& packed =
      Keep(AlignedVector<uint8_t>(kernel.packed_bytes(kOutputs, kTerms)));
  kernel.pack({weights.data(), thresholds.data(), kOutputs, kTerms},
              packed.data());
  auto& bits = Keep(std::vector<Word>(kOutput * kOutput));
  return [&, rows] {
    for (int y = 0; y < rows; ++y) {
      kernel.run({image.data() + 2 * y * kPadded, 5, 5, kPadded, 2, kOutput},
                 packed.data(), kOutputs, bits.data() + y * kOutput);
    }
  };
}

Layer Im2col(const ConvGeometry& geometry) {
  const auto& image =
      Keep(Random(1).Bits(geometry.height * geometry.width, kWordBits));
  const int pixels = geometry.output_h * geometry.output_w;
  auto& patches = Keep(std::vector<Word>(pixels * 25));
  return [&image, &patches, geometry, pixels] {
    BitIm2col(image.data(), geometry, 1, 0, pixels, patches.data());
  };
}

enum class Epilogue { kThreshold, kThresholdWithPatterns, kAdd };

Layer Product(const char* name, int pixels, int words, int outputs,
              Epilogue epilogue) {
  const BgemmKernel& kernel = Find(BgemmKernels(), name);
  Random random(1);
  const auto& patches = Keep(random.Bits(pixels, words * kWordBits));
  const auto weights = random.Bits(outputs, words * kWordBits);
  auto& packed =
      Keep(AlignedVector<Word>(BgemmPackedWords(kernel, outputs, words)));
  kernel.pack(weights.data(), outputs, words, packed.data());
  auto& bits = Keep(std::vector<Word>(pixels * WordsFor(outputs)));
  const auto& gemm =
      Keep(Bgemm{patches.data(), pixels, words, packed.data(), outputs});
  if (epilogue == Epilogue::kAdd) {
    const int base = words * kWordBits;
    const auto& parameters = Keep(RandomInt16Residual(random, outputs, base));
    const auto& residual =
        Keep(random.Integers<int16_t>(pixels * outputs, -9000, 9000));
    auto& result = Keep(std::vector<int16_t>(pixels * outputs));
    return [&, base] {
      kernel.add(gemm, base, parameters.get(), residual.data(), result.data(),
                 bits.data());
    };
  }
  const auto& limits = Keep(AlignedVector<uint16_t>(
      BgemmRowStride(outputs), static_cast<uint16_t>(words * kWordBits / 2)));
  const auto& flips = Keep(std::vector<Word>(WordsFor(outputs)));
  const auto& patterns = Keep(std::vector<uint16_t>(pixels));
  const bool has_patterns = epilogue == Epilogue::kThresholdWithPatterns;
  return [&, has_patterns] {
    kernel.threshold(
        gemm,
        {limits.data(), has_patterns ? patterns.data() : nullptr, flips.data()},
        bits.data());
  };
}

// Of the steps from `first` on.
Layer Memory(const char* name, const MemoryGeometry& geometry, int first) {
  const MemoryKernel& kernel = Find(MemoryKernels(), name);
  Random random(1);
  const auto& bits = Keep(random.Bits(geometry.steps, kHidden));
  const auto& weights = Keep(random.Bits(geometry.taps(), kHidden));
  const auto& parameters =
      Keep(RandomInt16Residual(random, kHidden, geometry.taps()));
  const auto& residual =
      Keep(random.Integers<int16_t>(geometry.steps * kHidden, -9000, 9000));
  auto& result = Keep(residual);
  auto& signs = Keep(bits);
  return [&, geometry, first] {
    kernel.add(bits.data(), weights.data(), geometry, first, parameters.get(),
               residual.data(), result.data(), signs.data());
  };
}

Layer Classifier(const char* name) {
  constexpr int kInputs = kSteps * kHidden, kClasses = 12;
  const DenseKernel& kernel = Find(DenseKernels(), name);
  Random random(1);
  const auto weights = random.Integers<int8_t>(kInputs * kClasses, -60, 60);
  const auto& values = Keep(random.Integers<int16_t>(kInputs, -9000, 9000));
  auto& packed =
      Keep(AlignedVector<uint8_t>(kernel.packed_bytes(kInputs, kClasses)));
  kernel.pack(weights.data(), kInputs, kClasses, packed.data());
  auto& sums = Keep(std::vector<int32_t>(kClasses));
  return [&] {
    kernel.run(values.data(), packed.data(), kInputs, kClasses, sums.data());
  };
}

Layer QuantizedProduct(const char* name, int pixels, int outputs, int terms) {
  const IgemmKernel& kernel = Find(IgemmKernels(), name);
  const int stride = RoundUp(terms, kIgemmTermStep);
  Random random(1);
  // As networks have them: few are large.
  const auto weights = random.Floats(outputs * terms, 38.0f);
  std::vector<int8_t> rounded;
  for (const float weight : weights) {
    rounded.push_back(static_cast<int8_t>(std::clamp(weight, -127.0f, 127.0f)));
  }
  auto& patches = Keep(AlignedVector<int8_t>(pixels * stride));
  for (int p = 0; p < pixels; ++p) {
    const auto values = random.Integers<int8_t>(terms, -128, 127);
    std::copy(values.begin(), values.end(), patches.begin() + p * stride);
  }
  auto& packed =
      Keep(AlignedVector<uint8_t>(kernel.packed_bytes(outputs, terms)));
  kernel.pack(rounded.data(), outputs, terms, packed.data());
  auto& sums = Keep(std::vector<int32_t>(pixels * outputs));
  const Igemm gemm = {patches.data(), stride,  pixels,
                      packed.data(),  outputs, terms};
  return [&kernel, &sums, gemm] { kernel.run(gemm, sums.data()); };
}

// A frame of sound, of which a clip has 32.
template <typename T>
Layer MelFrame(const KernelRegistry<MelKernel<T>>& kernels, const char* name,
               const MelParameters& p) {
  const MelKernel<T>& kernel = Find(kernels, name);
  const auto& tables = Keep(LogMelTables<T>(p, kernel.lanes));
  const auto& samples = Keep(Random(1).Floats(p.frame_length(), 0.1f));
  auto& work = Keep(AlignedVector<T>(tables.work_size()));
  auto& mels = Keep(std::vector<T>(p.n_mels));
  return
      [&] { kernel.frame(tables, samples.data(), work.data(), mels.data()); };
}

Layer Decibel() {
  const auto& power = Keep(Random(1).Floats(32));
  auto& features = Keep(std::vector<float>(32));
  return [&] {
    NormalizedDecibel(power.data(), 32, {1e-10f, -40.0f, 0.05f},
                      features.data());
  };
}

struct Entry {
  std::string layer;
  std::vector<const char*> kernels;
  std::function<Layer(const char*)> make;
};

std::vector<Entry> Entries() {
  const auto product = [](std::string layer, int pixels, int words, int outputs,
                          Epilogue epilogue) {
    return Entry{std::move(layer), Names(BgemmKernels()),
                 [=](const char* kernel) {
                   return Product(kernel, pixels, words, outputs, epilogue);
                 }};
  };
  const auto quantized = [](std::string layer, int pixels, int outputs,
                            int terms) {
    return Entry{std::move(layer), Names(IgemmKernels()),
                 [=](const char* kernel) {
                   return QuantizedProduct(kernel, pixels, outputs, terms);
                 }};
  };
  return {
      {"mel", Names(MelKernels()),
       [](const char* kernel) {
         return MelFrame(MelKernels(), kernel, kDefaultMel);
       }},
      {"mel_board", Names(MelKernels()),
       [](const char* kernel) {
         return MelFrame(MelKernels(), kernel, kBoardMel);
       }},
      {"mel_exact", Names(ExactMelKernels()),
       [](const char* kernel) {
         return MelFrame(ExactMelKernels(), kernel, kDefaultMel);
       }},
      {"mel_exact_board", Names(ExactMelKernels()),
       [](const char* kernel) {
         return MelFrame(ExactMelKernels(), kernel, kBoardMel);
       }},
      {"decibel", {"portable"}, [](const char*) { return Decibel(); }},
      {"quantize", Names(FeatureConvKernels()),
       [](const char* kernel) { return Conv1(kernel, true); }},
      {"conv1", Names(FeatureConvKernels()),
       [](const char* kernel) { return Conv1(kernel, false); }},
      {"im2col",
       {"portable"},
       [](const char*) { return Im2col({16, 16, 5, 5, 2, 2, 1, 1, 8, 8}); }},
      product("conv2", 64, 25, 32, Epilogue::kThresholdWithPatterns),
      product("projection", kSteps, 16, kHidden, Epilogue::kAdd),
      {"memory", Names(MemoryKernels()),
       [](const char* kernel) {
         return Memory(kernel, {kSteps, kHidden, 2, 2, 1, 1}, 0);
       }},
      product("expand", kSteps, 8, 2 * kHidden, Epilogue::kThreshold),
      product("shrink", kSteps, 16, kHidden, Epilogue::kAdd),
      {"classifier", Names(DenseKernels()), Classifier},
      // A step of a stream: four rows of features, a frame of the memory.
      {"step_quantize", Names(FeatureConvKernels()),
       [](const char* kernel) { return Conv1(kernel, true, 2); }},
      {"step_conv1", Names(FeatureConvKernels()),
       [](const char* kernel) { return Conv1(kernel, false, 2); }},
      {"step_im2col",
       {"portable"},
       [](const char*) { return Im2col({5, 16, 5, 5, 2, 2, 0, 1, 1, 8}); }},
      product("step_conv2", 8, 25, 48, Epilogue::kThresholdWithPatterns),
      product("step_projection", 1, 24, kHidden, Epilogue::kAdd),
      product("step_skip", 1, 16, kHidden, Epilogue::kAdd),
      {"step_memory", Names(MemoryKernels()),
       [](const char* kernel) {
         return Memory(kernel, {2, kHidden, 1, 0, 1, 1}, 1);
       }},
      product("step_expand", 1, 8, 2 * kHidden, Epilogue::kThreshold),
      product("step_shrink", 1, 16, kHidden, Epilogue::kAdd),
      quantized("step_int8_8x48x400", 8, 48, 400),
      quantized("step_int8_1x128x384", 1, 128, 384),
      quantized("int8_256x16x25", 256, 16, 25),
      quantized("int8_64x48x400", 64, 48, 400),
      quantized("int8_64x32x400", 64, 32, 400),
      quantized("int8_8x128x384", 8, 128, 384),
  };
}

int Main(int argc, char** argv) {
  for (const Entry& entry : Entries()) {
    if (argc == 1) {
      for (const char* kernel : entry.kernels) {
        std::printf("%s %s\n", entry.layer.c_str(), kernel);
      }
    } else if (argc == 4 && entry.layer == argv[1]) {
      const Layer layer = entry.make(argv[2]);
      const int repetitions = std::atoi(argv[3]);
      a53_begin();
      for (int i = 0; i < repetitions; ++i) layer();
      a53_end();
      return 0;
    }
  }
  if (argc == 1) return 0;
  std::fprintf(stderr, "usage: %s [LAYER KERNEL REPETITIONS]\n", argv[0]);
  return 1;
}

}  // namespace
}  // namespace bifsmn

int main(int argc, char** argv) { return bifsmn::Main(argc, argv); }
