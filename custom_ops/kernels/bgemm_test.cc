#include "custom_ops/kernels/bgemm.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/levels.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

// The size of a product.
struct Shape {
  int pixels;
  int words;
  int outputs;
  int planes = 1;
};

// Operands of a product and, term by term, its disagreements.
class Product {
 public:
  Product(const BgemmKernel& kernel, const Shape& shape, unsigned seed)
      : random_(seed),
        patches_(
            random_.Bits(shape.pixels * shape.planes, shape.words * kWordBits)),
        packed_(BgemmPackedWords(kernel, shape.outputs, shape.words)) {
    const auto [pixels, words, outputs, planes] = shape;
    std::vector<Word> weights = random_.Bits(outputs, words * kWordBits);
    // The largest count there can be.
    for (int k = 0; k < planes * words; ++k) patches_[k] = ~weights[k % words];
    kernel.pack(weights.data(), outputs, words, packed_.data());
    operands_ = {patches_.data(), pixels * planes, words,
                 packed_.data(),  outputs,         planes};
    for (int p = 0; p < pixels; ++p) {
      for (int o = 0; o < outputs; ++o) {
        int count = 0;
        for (int k = 0; k < planes * words; ++k) {
          const int weight = k < words && planes == 2 ? 2 : 1;
          count +=
              weight * __builtin_popcount(patches_[p * planes * words + k] ^
                                          weights[o * words + k % words]);
        }
        counts_.push_back(count);
      }
    }
  }

  const Bgemm& operands() const { return operands_; }
  int count(int pixel, int output) const {
    return counts_[pixel * operands_.outputs + output];
  }
  Random& random() { return random_; }

 private:
  Random random_;
  std::vector<Word> patches_;
  AlignedVector<Word> packed_;
  Bgemm operands_;
  std::vector<int> counts_;
};

void CheckCount(const BgemmKernel& kernel, const Shape& shape, unsigned seed) {
  Product product(kernel, shape, seed);
  const int stride = BgemmRowStride(shape.outputs);
  std::vector<uint16_t> counts(size_t{1} * shape.pixels * stride);
  kernel.count(product.operands(), counts.data());
  for (int p = 0; p < shape.pixels; ++p) {
    for (int o = 0; o < shape.outputs; ++o) {
      ASSERT_EQ(counts[p * stride + o], product.count(p, o))
          << "pixel " << p << ", output " << o;
    }
  }
}

// Bits of an activation and the thresholds that it takes.
constexpr int kThresholdsOf[] = {0, 1, kLevelThresholds};

// Whether channel o of a pixel is what the tests of its thresholds make it.
bool IsActivation(const Word* pixel, int words, int o,
                  const std::vector<bool>& below) {
  if (below.size() == 1) return (Sign(pixel, o) < 0) == below[0];
  Word tests[kLevelThresholds];
  for (int t = 0; t < kLevelThresholds; ++t) tests[t] = below[t] ? 1 : 0;
  Word first, second;
  CountBelow(tests, &first, &second);
  return (Sign(pixel, o) < 0) == (first & 1) &&
         (Sign(pixel + words, o) < 0) == (second & 1);
}

void CheckThreshold(const BgemmKernel& kernel, const Shape& shape, int bits,
                    unsigned seed) {
  Product product(kernel, shape, seed);
  Random& random = product.random();
  const int outputs = shape.outputs;
  const int stride = BgemmRowStride(outputs);
  const int terms = shape.words * kWordBits * (shape.planes == 2 ? 3 : 1);
  const int patterns = seed % 3 == 0 ? 3 : 1;
  const int count = kThresholdsOf[bits];
  const auto drawn = random.Integers<uint16_t>(count * patterns * stride,
                                               terms / 2 - 5, terms / 2 + 5);
  AlignedVector<uint16_t> limits(drawn.begin(), drawn.end());
  // Never but for the largest count, and always; no bit where no output is.
  limits[0] = static_cast<uint16_t>(terms);
  if (outputs > 1) limits[1] = 0;
  for (int i = 0; i < count * patterns * stride; ++i) {
    if (i % stride >= outputs) limits[i] = 65535;
  }
  std::vector<uint16_t> pattern_of;
  if (patterns > 1) {
    pattern_of = random.Integers<uint16_t>(shape.pixels, 0, patterns - 1);
  }
  const std::vector<Word> flips = random.Bits(count, outputs);
  const int words = WordsFor(outputs);
  const int row_words = bits * words;
  std::vector<Word> result(size_t{1} * shape.pixels * row_words, 0xffff);
  BgemmThresholds thresholds = {
      limits.data(), pattern_of.empty() ? nullptr : pattern_of.data(),
      flips.data()};
  if (bits == 2) thresholds.next_limits = ptrdiff_t{patterns} * stride;
  kernel.threshold(product.operands(), thresholds, result.data());
  for (int p = 0; p < shape.pixels; ++p) {
    const int row = pattern_of.empty() ? 0 : pattern_of[p];
    const Word* pixel = result.data() + p * row_words;
    for (int o = 0; o < outputs; ++o) {
      std::vector<bool> below;
      for (int t = 0; t < count; ++t) {
        const int limit = limits[(t * patterns + row) * stride + o];
        const bool flip = Sign(flips.data() + t * words, o) < 0;
        below.push_back((product.count(p, o) >= limit) != flip);
      }
      ASSERT_TRUE(IsActivation(pixel, words, o, below))
          << "pixel " << p << ", output " << o;
    }
    for (int i = 1; i <= bits; ++i) {
      ASSERT_EQ(pixel[i * words - 1] & UnusedBits(outputs), 0);
    }
  }
}

void CheckResidual(const BgemmKernel& kernel, Shape shape, int bits,
                   unsigned seed) {
  shape.outputs = RoundUp(shape.outputs, kernel.add_outputs);
  const auto [pixels, words, outputs, planes] = shape;
  Product product(kernel, shape, seed);
  const int base = words * kWordBits * (planes == 2 ? 3 : 1);
  if (base > 32767) return;
  const RandomInt16Residual drawn(product.random(), outputs, base);
  Int16Residual parameters = drawn.get();
  const auto thresholds = product.random().Integers<int16_t>(
      size_t{1} * kLevelThresholds * outputs, -32768, 32767);
  if (bits == 2) {
    parameters.threshold = thresholds.data();
    parameters.next_threshold = outputs;
  }
  const size_t values = size_t{1} * pixels * outputs;
  const auto residual =
      product.random().Integers<int16_t>(values, -32768, 32767);
  const int row_words = bits * WordsFor(outputs);
  for (const bool with_residual : {true, false}) {
    for (const bool with_bits : {true, false}) {
      std::vector<int16_t> result(values);
      std::vector<Word> written(size_t{1} * pixels * row_words, 0xffff);
      kernel.add(product.operands(), base, parameters,
                 with_residual ? residual.data() : nullptr, result.data(),
                 with_bits ? written.data() : nullptr);
      for (int p = 0; p < pixels; ++p) {
        const Word* pixel = written.data() + p * row_words;
        for (int o = 0; o < outputs; ++o) {
          const int at = p * outputs + o;
          const int expected =
              Int16ResidualValue(parameters, o, base - 2 * product.count(p, o),
                                 with_residual ? residual[at] : 0);
          ASSERT_EQ(result[at], expected) << "pixel " << p << ", output " << o;
          if (!with_bits) continue;
          std::vector<bool> below;
          for (int t = 0; t < kThresholdsOf[bits]; ++t) {
            below.push_back(expected < parameters.threshold[t * outputs + o]);
          }
          ASSERT_TRUE(IsActivation(pixel, WordsFor(outputs), o, below))
              << "pixel " << p << ", output " << o;
        }
        if (!with_bits) continue;
        ASSERT_EQ(pixel[row_words - 1] & UnusedBits(outputs), 0);
      }
    }
  }
}

// All that the kernel takes, of this size.
void CheckProduct(const BgemmKernel& kernel, Shape shape, unsigned seed) {
  const int most = kernel.takes_levels ? 2 : 1;
  for (shape.planes = 1; shape.planes <= most; ++shape.planes) {
    CheckCount(kernel, shape, seed);
    for (int bits = 1; bits <= most; ++bits) {
      SCOPED_TRACE(std::to_string(shape.planes) + " planes, results of " +
                   std::to_string(bits));
      CheckThreshold(kernel, shape, bits, seed);
      CheckResidual(kernel, shape, bits, seed);
    }
  }
}

using Case = std::tuple<const BgemmKernel*, int, int, int>;

class BgemmTest : public ::testing::TestWithParam<Case> {};

std::string NameOfCase(const ::testing::TestParamInfo<Case>& info) {
  const auto [kernel, pixels, words, outputs] = info.param;
  return std::string(kernel->name) + "_" + std::to_string(pixels) + "x" +
         std::to_string(words) + "x" + std::to_string(outputs);
}

TEST_P(BgemmTest, Edges) {
  const auto [kernel, pixels, words, outputs] = GetParam();
  if (words > kernel->max_depth) {
    EXPECT_LT(kernel->max_depth, CeilDiv(kMaxBinaryTerms, kWordBits));
    return;
  }
  const unsigned seed = pixels * 1000 + words * 10 + outputs;
  CheckProduct(*kernel, {pixels, words, outputs}, seed);
}

INSTANTIATE_TEST_SUITE_P(
    AllKernels, BgemmTest,
    Combine(ValuesIn(BgemmKernels().begin(), BgemmKernels().end()),
            Values(1, 2, 3, 4, 5, 8, 33),  // pixels
            // words of a patch
            Values(1, 2, 15, 16, 25, 30, 31, 32, 60, 61, 63, 200),
            Values(1, 3, 12, 16, 17, 33)),  // outputs
    NameOfCase);

class RandomBgemmTest : public ::testing::TestWithParam<const BgemmKernel*> {};

TEST_P(RandomBgemmTest, ThousandShapes) {
  const BgemmKernel& kernel = *GetParam();
  Random random(7);
  for (unsigned seed = 0; seed < 1000; ++seed) {
    const int pixels = random.Integer(1, 20);
    const int words = random.Integer(1, std::min(40, kernel.max_depth));
    const int outputs = random.Integer(1, 70);
    SCOPED_TRACE(std::to_string(pixels) + " pixels, " + std::to_string(words) +
                 " words, " + std::to_string(outputs) + " outputs");
    CheckProduct(kernel, {pixels, words, outputs}, seed);
    if (HasFatalFailure()) return;
  }
}

// As in a step of a stream: few pixels, and outputs of several groups of tiles.
TEST_P(RandomBgemmTest, HundredRows) {
  const BgemmKernel& kernel = *GetParam();
  Random random(8);
  for (unsigned seed = 0; seed < 100; ++seed) {
    const int pixels = random.Integer(1, 3);
    const int words = random.Integer(1, std::min(40, kernel.max_depth));
    const int outputs = random.Integer(100, 700);
    SCOPED_TRACE(std::to_string(pixels) + " pixels, " + std::to_string(words) +
                 " words, " + std::to_string(outputs) + " outputs");
    CheckProduct(kernel, {pixels, words, outputs}, seed);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(AllKernels, RandomBgemmTest,
                         ValuesIn(BgemmKernels().begin(), BgemmKernels().end()),
                         [](const auto& info) { return info.param->name; });

}  // namespace
}  // namespace bifsmn
