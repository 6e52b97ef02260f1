// One frame to 32 bands: of 2,048 samples, and of 1,024 folded into a transform
// of 512. A clip of a second has 32 of them.

#include <benchmark/benchmark.h>

#include <string>

#include "custom_ops/kernels/log_mel.h"
#include "custom_ops/kernels/reference.h"

namespace bifsmn {
namespace {

template <typename T>
void BM_Frame(benchmark::State& state, const MelKernel<T>* kernel,
              const MelParameters& parameters) {
  const LogMelTables<T> tables(parameters, kernel->lanes);
  Random random(1);
  const std::vector<float> samples =
      random.Floats(parameters.frame_length(), 0.1f);
  AlignedVector<T> work(tables.work_size());
  std::vector<T> mels(parameters.n_mels);
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        kernel->frame(tables, samples.data(), work.data(), mels.data()));
    benchmark::ClobberMemory();
  }
}

template <typename T>
void BM_TwoFrames(benchmark::State& state, const MelKernel<T>* kernel,
                  const MelParameters& parameters) {
  const LogMelTables<T> tables(parameters, kernel->lanes);
  Random random(1);
  const std::vector<float> values =
      random.Floats(2 * parameters.frame_length(), 0.1f);
  const AlignedVector<float> frames(values.begin(), values.end());
  const float* const samples[] = {frames.data(),
                                  frames.data() + parameters.frame_length()};
  AlignedVector<T> work(tables.work_size(2));
  std::vector<T> mels(2 * parameters.n_mels);
  T totals[2];
  for (auto _ : state) {
    kernel->two_frames(tables, samples, work.data(), mels.data(), totals);
    benchmark::ClobberMemory();
  }
}

void BM_Decibel(benchmark::State& state, const MelKernel<float>* kernel) {
  Random random(1);
  const std::vector<float> power = random.Floats(kDefaultMel.n_mels);
  std::vector<float> features(kDefaultMel.n_mels);
  for (auto _ : state) {
    kernel->decibel(power.data(), kDefaultMel.n_mels, {1e-10f, -40.0f, 0.05f},
                    features.data());
    benchmark::ClobberMemory();
  }
}

template <typename T>
void Register(const KernelRegistry<MelKernel<T>>& kernels) {
  for (const MelKernel<T>* kernel : kernels) {
    const std::string name = kernel->name;
    benchmark::RegisterBenchmark((name + "/2048").c_str(), BM_Frame<T>, kernel,
                                 kDefaultMel);
    benchmark::RegisterBenchmark((name + "/1024_in_512").c_str(), BM_Frame<T>,
                                 kernel, kBoardMel);
    if (kernel->two_frames == nullptr) continue;
    benchmark::RegisterBenchmark((name + "/two/2048").c_str(), BM_TwoFrames<T>,
                                 kernel, kDefaultMel);
    benchmark::RegisterBenchmark((name + "/two/1024_in_512").c_str(),
                                 BM_TwoFrames<T>, kernel, kBoardMel);
  }
}

}  // namespace
}  // namespace bifsmn

int main(int argc, char** argv) {
  bifsmn::Register(bifsmn::MelKernels());
  bifsmn::Register(bifsmn::ExactMelKernels());
  for (const auto* kernel : bifsmn::MelKernels()) {
    const std::string name = kernel->name;
    benchmark::RegisterBenchmark((name + "/decibel").c_str(),
                                 bifsmn::BM_Decibel, kernel);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
