#include "custom_ops/kernels/bgemm.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "custom_ops/kernels/epilogue.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

using ::testing::Combine;
using ::testing::Values;
using ::testing::ValuesIn;

// Operands of a product and, term by term, its disagreements.
class Product {
 public:
  Product(const BgemmKernel& kernel, int pixels, int words, int outputs,
          unsigned seed)
      : random_(seed),
        patches_(random_.Bits(pixels, words * kWordBits)),
        packed_(BgemmPackedWords(kernel, outputs, words)) {
    std::vector<Word> weights = random_.Bits(outputs, words * kWordBits);
    // The largest count there can be.
    for (int k = 0; k < words; ++k) patches_[k] = ~weights[k];
    kernel.pack(weights.data(), outputs, words, packed_.data());
    operands_ = {patches_.data(), pixels, words, packed_.data(), outputs};
    for (int p = 0; p < pixels; ++p) {
      for (int o = 0; o < outputs; ++o) {
        int count = 0;
        for (int k = 0; k < words; ++k) {
          count += __builtin_popcount(patches_[p * words + k] ^
                                      weights[o * words + k]);
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

void CheckCount(const BgemmKernel& kernel, int pixels, int words, int outputs,
                unsigned seed) {
  Product product(kernel, pixels, words, outputs, seed);
  const int stride = BgemmRowStride(outputs);
  std::vector<uint16_t> counts(size_t{1} * pixels * stride);
  kernel.count(product.operands(), counts.data());
  for (int p = 0; p < pixels; ++p) {
    for (int o = 0; o < outputs; ++o) {
      ASSERT_EQ(counts[p * stride + o], product.count(p, o))
          << "pixel " << p << ", output " << o;
    }
  }
}

void CheckThreshold(const BgemmKernel& kernel, int pixels, int words,
                    int outputs, unsigned seed) {
  Product product(kernel, pixels, words, outputs, seed);
  Random& random = product.random();
  const int stride = BgemmRowStride(outputs);
  const int terms = words * kWordBits;
  const int patterns = seed % 3 == 0 ? 3 : 1;
  const auto drawn = random.Integers<uint16_t>(patterns * stride, terms / 2 - 5,
                                               terms / 2 + 5);
  AlignedVector<uint16_t> limits(drawn.begin(), drawn.end());
  // Never but for the largest count, and always; no bit where no output is.
  limits[0] = static_cast<uint16_t>(terms);
  if (outputs > 1) limits[1] = 0;
  for (int i = 0; i < patterns * stride; ++i) {
    if (i % stride >= outputs) limits[i] = 65535;
  }
  std::vector<uint16_t> pattern_of;
  if (patterns > 1) {
    pattern_of = random.Integers<uint16_t>(pixels, 0, patterns - 1);
  }
  const std::vector<Word> flips = random.Bits(1, outputs);
  const int row_words = WordsFor(outputs);
  std::vector<Word> bits(size_t{1} * pixels * row_words, 0xffff);
  kernel.threshold(
      product.operands(),
      {limits.data(), pattern_of.empty() ? nullptr : pattern_of.data(),
       flips.data()},
      bits.data());
  for (int p = 0; p < pixels; ++p) {
    const int row = pattern_of.empty() ? 0 : pattern_of[p];
    const Word* pixel = bits.data() + p * row_words;
    for (int o = 0; o < outputs; ++o) {
      const bool below = product.count(p, o) >= limits[row * stride + o];
      ASSERT_EQ(Sign(pixel, o) < 0, below != (Sign(flips.data(), o) < 0))
          << "pixel " << p << ", output " << o;
    }
    ASSERT_EQ(pixel[row_words - 1] & UnusedBits(outputs), 0);
  }
}

void CheckResidual(const BgemmKernel& kernel, int pixels, int words,
                   int outputs, unsigned seed) {
  outputs = RoundUp(outputs, kernel.add_outputs);
  Product product(kernel, pixels, words, outputs, seed);
  const int base = words * kWordBits;
  const RandomInt16Residual parameters(product.random(), outputs, base);
  const size_t values = size_t{1} * pixels * outputs;
  const auto residual =
      product.random().Integers<int16_t>(values, -32768, 32767);
  const int row_words = WordsFor(outputs);
  for (const bool with_residual : {true, false}) {
    for (const bool with_bits : {true, false}) {
      std::vector<int16_t> result(values);
      std::vector<Word> bits(size_t{1} * pixels * row_words, 0xffff);
      kernel.add(product.operands(), base, parameters.get(),
                 with_residual ? residual.data() : nullptr, result.data(),
                 with_bits ? bits.data() : nullptr);
      for (int p = 0; p < pixels; ++p) {
        for (int o = 0; o < outputs; ++o) {
          const int at = p * outputs + o;
          const int expected = Int16ResidualValue(
              parameters.get(), o, base - 2 * product.count(p, o),
              with_residual ? residual[at] : 0);
          ASSERT_EQ(result[at], expected) << "pixel " << p << ", output " << o;
          if (!with_bits) continue;
          ASSERT_EQ(Sign(bits.data() + p * row_words, o) < 0,
                    expected < parameters.get().threshold[o])
              << "pixel " << p << ", output " << o;
        }
        if (!with_bits) continue;
        ASSERT_EQ(bits[(p + 1) * row_words - 1] & UnusedBits(outputs), 0);
      }
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
  CheckCount(*kernel, pixels, words, outputs, seed);
  CheckThreshold(*kernel, pixels, words, outputs, seed);
  CheckResidual(*kernel, pixels, words, outputs, seed);
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
    CheckCount(kernel, pixels, words, outputs, seed);
    CheckThreshold(kernel, pixels, words, outputs, seed);
    CheckResidual(kernel, pixels, words, outputs, seed);
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
    CheckCount(kernel, pixels, words, outputs, seed);
    CheckThreshold(kernel, pixels, words, outputs, seed);
    CheckResidual(kernel, pixels, words, outputs, seed);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(AllKernels, RandomBgemmTest,
                         ValuesIn(BgemmKernels().begin(), BgemmKernels().end()),
                         [](const auto& info) { return info.param->name; });

}  // namespace
}  // namespace bifsmn
