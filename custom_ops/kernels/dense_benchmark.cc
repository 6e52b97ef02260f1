// The classifier of the default network: 1,024 inputs, 12 classes.

#include <benchmark/benchmark.h>

#include "custom_ops/kernels/dense.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

constexpr int kInputs = 1024;
constexpr int kOutputs = 12;

void BM_Run(benchmark::State& state, const DenseKernel* kernel) {
  Random random(1);
  const auto weights = random.Integers<int8_t>(kInputs * kOutputs, -60, 60);
  const auto values = random.Integers<int16_t>(kInputs, -32768, 32767);
  AlignedVector<uint8_t> packed(kernel->packed_bytes(kInputs, kOutputs));
  kernel->pack(weights.data(), kInputs, kOutputs, packed.data());
  std::vector<int32_t> sums(kOutputs);
  for (auto _ : state) {
    kernel->run(values.data(), packed.data(), kInputs, kOutputs, sums.data());
    benchmark::ClobberMemory();
  }
}

}  // namespace
}  // namespace bifsmn

int main(int argc, char** argv) {
  for (const bifsmn::DenseKernel* kernel : bifsmn::DenseKernels()) {
    benchmark::RegisterBenchmark(kernel->name, bifsmn::BM_Run, kernel);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
