// The binary products of the default network, layer by layer: what is counted,
// and what becomes of the counts.

#include <benchmark/benchmark.h>

#include <string>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

struct Layer {
  const char* name;
  int pixels;
  int words;
  int outputs;
};

constexpr Layer kLayers[] = {
    {"conv2", 64, 25, 32},
    {"projection", 8, 16, 128},
    {"expand", 8, 8, 256},
    {"shrink", 8, 16, 128},
    // A step of a stream.
    {"step_conv2", 8, 25, 48},
    {"step_projection", 1, 24, 128},
    {"step_expand", 1, 8, 256},
    {"step_shrink", 1, 16, 128},
};

class Operands {
 public:
  Operands(const BgemmKernel& kernel, const Layer& layer)
      : random_(1),
        patches_(random_.Bits(layer.pixels, layer.words * kWordBits)),
        packed_(BgemmPackedWords(kernel, layer.outputs, layer.words)),
        gemm_{patches_.data(), layer.pixels, layer.words, packed_.data(),
              layer.outputs} {
    const auto weights = random_.Bits(layer.outputs, layer.words * kWordBits);
    kernel.pack(weights.data(), layer.outputs, layer.words, packed_.data());
  }

  const Bgemm& gemm() const { return gemm_; }
  Random& random() { return random_; }
  double products() const {
    return 1.0 * gemm_.rows * gemm_.outputs * gemm_.words * kWordBits;
  }

 private:
  Random random_;
  std::vector<Word> patches_;
  AlignedVector<Word> packed_;
  Bgemm gemm_;
};

// Counts binary products (of +-1 with +-1) a second.
void SetRate(benchmark::State& state, const Operands& operands) {
  state.counters["products"] = benchmark::Counter(
      operands.products(), benchmark::Counter::kIsIterationInvariantRate);
}

void BM_Threshold(benchmark::State& state, const BgemmKernel* kernel,
                  const Layer& layer) {
  Operands operands(*kernel, layer);
  const AlignedVector<uint16_t> limits(
      BgemmRowStride(layer.outputs),
      static_cast<uint16_t>(layer.words * kWordBits / 2));
  const std::vector<Word> flips(WordsFor(layer.outputs));
  std::vector<Word> bits(size_t{1} * layer.pixels * flips.size());
  for (auto _ : state) {
    kernel->threshold(operands.gemm(), {limits.data(), nullptr, flips.data()},
                      bits.data());
    benchmark::ClobberMemory();
  }
  SetRate(state, operands);
}

void BM_Add(benchmark::State& state, const BgemmKernel* kernel,
            const Layer& layer) {
  Operands operands(*kernel, layer);
  const int base = layer.words * kWordBits;
  const RandomInt16Residual parameters(operands.random(), layer.outputs, base);
  const size_t values = size_t{1} * layer.pixels * layer.outputs;
  const auto residual =
      operands.random().Integers<int16_t>(values, -10000, 10000);
  std::vector<int16_t> result(values);
  std::vector<Word> bits(size_t{1} * layer.pixels * WordsFor(layer.outputs));
  for (auto _ : state) {
    kernel->add(operands.gemm(), base, parameters.get(), residual.data(),
                result.data(), bits.data());
    benchmark::ClobberMemory();
  }
  SetRate(state, operands);
}

}  // namespace
}  // namespace bifsmn

int main(int argc, char** argv) {
  for (const bifsmn::Layer& layer : bifsmn::kLayers) {
    for (const bifsmn::BgemmKernel* kernel : bifsmn::BgemmKernels()) {
      const std::string name = std::string(layer.name) + "/" + kernel->name;
      if (layer.words <= kernel->max_depth) {
        benchmark::RegisterBenchmark((name + "/threshold").c_str(),
                                     bifsmn::BM_Threshold, kernel, layer);
      }
      if (layer.words <= kernel->max_depth &&
          layer.outputs % kernel->add_outputs == 0) {
        benchmark::RegisterBenchmark((name + "/add").c_str(), bifsmn::BM_Add,
                                     kernel, layer);
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
