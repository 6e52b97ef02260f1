// The first convolution of the default network: 32 x 32 features, 5 x 5 with
// stride 2, 16 outputs.

#include <benchmark/benchmark.h>

#include <string>

#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

constexpr int kSize = 32;
constexpr int kKernel = 5;
constexpr int kStride = 2;
constexpr int kPadding = 3;
constexpr int kOutputs = 16;
constexpr int kTerms = kKernel * kKernel;
constexpr int kPaddedSize = kSize + kPadding;
constexpr int kOutputSize = kSize / kStride;

void BM_Quantize(benchmark::State& state, const FeatureConvKernel* kernel) {
  const std::vector<float> values = Random(1).Floats(kSize * kSize);
  std::vector<int8_t> quantized(values.size());
  for (auto _ : state) {
    kernel->quantize(values.data(), values.size(), 50.0f, quantized.data());
    benchmark::ClobberMemory();
  }
}

void BM_Run(benchmark::State& state, const FeatureConvKernel* kernel) {
  Random random(1);
  const auto weights = random.Integers<int8_t>(kOutputs * kTerms, -10, 10);
  const auto thresholds = random.Integers<int32_t>(kOutputs, -500, 500);
  AlignedVector<uint8_t> packed(kernel->packed_bytes(kOutputs, kTerms, 1));
  kernel->pack({weights.data(), thresholds.data(), kOutputs, kTerms, 1},
               packed.data());
  const auto image = random.Integers<int8_t>(
      kPaddedSize * kPaddedSize + kFeatureConvSlack, -128, 127);
  std::vector<Word> bits(kOutputSize * kOutputSize);
  for (auto _ : state) {
    for (int y = 0; y < kOutputSize; ++y) {
      kernel->run({image.data() + y * kStride * kPaddedSize, kKernel, kKernel,
                   kPaddedSize, kStride, kOutputSize},
                  packed.data(), kOutputs, 1, bits.data() + y * kOutputSize);
    }
    benchmark::ClobberMemory();
  }
}

}  // namespace
}  // namespace bifsmn

int main(int argc, char** argv) {
  for (const bifsmn::FeatureConvKernel* kernel : bifsmn::FeatureConvKernels()) {
    const std::string name = kernel->name;
    benchmark::RegisterBenchmark((name + "/quantize").c_str(),
                                 bifsmn::BM_Quantize, kernel);
    benchmark::RegisterBenchmark((name + "/run").c_str(), bifsmn::BM_Run,
                                 kernel);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
