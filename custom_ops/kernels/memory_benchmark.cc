// The memory block of the default network: 8 steps of 128 channels, two taps
// back and two ahead. Of a stream's step, one frame with one tap back.

#include <benchmark/benchmark.h>

#include <string>

#include "custom_ops/kernels/memory.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

constexpr MemoryGeometry kGeometry = {8, 128, 2, 2, 1, 1};
constexpr MemoryGeometry kStep = {2, 128, 1, 0, 1, 1};

void BM_Dot(benchmark::State& state, const MemoryKernel* kernel) {
  const MemoryGeometry& g = kGeometry;
  Random random(1);
  const auto bits = random.Bits(g.steps, g.channels);
  const auto weights = random.Bits(g.taps(), g.channels);
  std::vector<int16_t> dots(size_t{1} * g.steps * MemoryRowStride(g.channels));
  for (auto _ : state) {
    kernel->dot(bits.data(), weights.data(), g, 0, g.steps, dots.data());
    benchmark::ClobberMemory();
  }
}

// Of the steps from `first` on.
void BM_Add(benchmark::State& state, const MemoryKernel* kernel,
            const MemoryGeometry& g, int first) {
  Random random(1);
  const auto bits = random.Bits(g.steps, g.channels);
  const auto weights = random.Bits(g.taps(), g.channels);
  const RandomInt16Residual parameters(random, g.channels, g.taps());
  const size_t values = size_t{1} * g.steps * g.channels;
  const auto residual = random.Integers<int16_t>(values, -10000, 10000);
  std::vector<int16_t> result(values);
  std::vector<Word> signs(bits.size());
  for (auto _ : state) {
    kernel->add(bits.data(), weights.data(), g, first, parameters.get(),
                residual.data(), result.data(), signs.data());
    benchmark::ClobberMemory();
  }
}

}  // namespace
}  // namespace bifsmn

int main(int argc, char** argv) {
  for (const bifsmn::MemoryKernel* kernel : bifsmn::MemoryKernels()) {
    const std::string name = kernel->name;
    benchmark::RegisterBenchmark((name + "/dot").c_str(), bifsmn::BM_Dot,
                                 kernel);
    benchmark::RegisterBenchmark((name + "/add").c_str(), bifsmn::BM_Add,
                                 kernel, bifsmn::kGeometry, 0);
    benchmark::RegisterBenchmark((name + "/step").c_str(), bifsmn::BM_Add,
                                 kernel, bifsmn::kStep, 1);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
