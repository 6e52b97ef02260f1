// Layers with 8-bit weights: pixels x outputs x terms.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "custom_ops/kernels/igemm.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

struct Shape {
  int pixels;
  int outputs;
  int terms;
};

constexpr Shape kShapes[] = {
    {256, 16, 25}, {64, 48, 400}, {64, 32, 400}, {8, 128, 384}};

void BM_Run(benchmark::State& state, const IgemmKernel* kernel, Shape shape) {
  const auto [pixels, outputs, terms] = shape;
  const int stride = RoundUp(terms, kIgemmTermStep);
  Random random(1);
  const auto weights = random.Integers<int8_t>(outputs * terms, -60, 60);
  AlignedVector<int8_t> patches(pixels * stride);
  for (int p = 0; p < pixels; ++p) {
    const auto values = random.Integers<int8_t>(terms, -128, 127);
    std::copy(values.begin(), values.end(), patches.begin() + p * stride);
  }
  AlignedVector<uint8_t> packed(kernel->packed_bytes(outputs, terms));
  kernel->pack(weights.data(), outputs, terms, packed.data());
  std::vector<int32_t> sums(pixels * outputs);
  for (auto _ : state) {
    kernel->run({patches.data(), stride, pixels, packed.data(), outputs, terms},
                sums.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * pixels * outputs * terms);
}

}  // namespace
}  // namespace bifsmn

int main(int argc, char** argv) {
  for (const bifsmn::IgemmKernel* kernel : bifsmn::IgemmKernels()) {
    for (const bifsmn::Shape& shape : bifsmn::kShapes) {
      const std::string name =
          std::string(kernel->name) + "/" + std::to_string(shape.pixels) + "x" +
          std::to_string(shape.outputs) + "x" + std::to_string(shape.terms);
      benchmark::RegisterBenchmark(name.c_str(), bifsmn::BM_Run, kernel, shape);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
