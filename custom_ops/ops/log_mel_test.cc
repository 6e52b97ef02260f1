#include "custom_ops/kernels/log_mel.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "custom_ops/kernels/reference.h"
#include "custom_ops/ops/op_test_util.h"

namespace bifsmn {
namespace {

constexpr int kFft = 256;
constexpr int kMels = 8;

// What an op has beside its transform: words of attributes by name.
struct Words {
  int sample_rate = 8000;
  int n_fft = kFft;
  int folds = 1;
  int hop = 100;
  int n_mels = kMels;
  int centred = 1;
  float f_min = 0.0f;
  float f_max = 4000.0f;
  float floor = 1e-10f;
  float mean = 0.0f;
  float inverse_std = 1.0f;

  std::vector<int32_t> list() const {
    return {sample_rate,
            n_fft,
            folds,
            hop,
            n_mels,
            centred,
            BitsOf(f_min),
            BitsOf(f_max),
            BitsOf(floor),
            BitsOf(mean),
            BitsOf(inverse_std)};
  }
};

std::vector<float> Features(const Words& words, const std::vector<int>& shape,
                            const std::vector<float>& audio) {
  OpRunner runner("BifsmnLogMel", words.list());
  runner.Add(shape, audio);
  EXPECT_THAT(runner.Plan(), Succeeds());
  runner.Run();
  return runner.Result<float>(0);
}

TEST(LogMelOpTest, HasAFrameForEveryHop) {
  OpRunner runner("BifsmnLogMel", Words().list());
  runner.Add({2, 1000}, std::vector<float>(2000));
  ASSERT_THAT(runner.Plan(), Succeeds());
  EXPECT_EQ(runner.output(0).shape, (std::vector<int>{2, 11, kMels}));
  runner.Run();
  for (const float value : runner.Result<float>(0)) {
    EXPECT_NEAR(value, -100.0f, 1e-4f);
  }
  runner.input(0).shape = {1, 999};
  ASSERT_THAT(runner.Plan(), Succeeds());
  EXPECT_EQ(runner.output(0).shape, (std::vector<int>{1, 10, kMels}));
}

TEST(LogMelOpTest, HasAFrameWhereverThereIsAWholeOne) {
  Words words;
  words.centred = 0;
  OpRunner runner("BifsmnLogMel", words.list());
  runner.Add({1, 455}, std::vector<float>(455));
  ASSERT_THAT(runner.Plan(), Succeeds());
  EXPECT_EQ(runner.output(0).shape, (std::vector<int>{1, 2, kMels}));
  runner.input(0).shape = {1, kFft};
  ASSERT_THAT(runner.Plan(), Succeeds());
  EXPECT_EQ(runner.output(0).shape, (std::vector<int>{1, 1, kMels}));
}

TEST(LogMelOpTest, ReflectsAtTheBorders) {
  Random random(1);
  for (const int samples : {kFft / 2 + 1, kFft - 1, kFft, 700}) {
    const std::vector<float> audio = random.Floats(samples);
    std::vector<float> padded;
    for (int i = kFft / 2; i > 0; --i) padded.push_back(audio[i]);
    padded.insert(padded.end(), audio.begin(), audio.end());
    for (int i = 0; i < kFft / 2; ++i) {
      padded.push_back(audio[samples - 2 - i]);
    }
    Words whole;
    whole.centred = 0;
    EXPECT_EQ(Features(Words(), {1, samples}, audio),
              Features(whole, {1, static_cast<int>(padded.size())}, padded))
        << samples;
  }
}

TEST(LogMelOpTest, FoldsLongerFrames) {
  Words words;
  words.folds = 3;
  OpRunner runner("BifsmnLogMel", words.list());
  runner.Add({1, 3 * kFft + 250}, std::vector<float>(3 * kFft + 250));
  ASSERT_THAT(runner.Plan(), Succeeds());
  EXPECT_EQ(runner.output(0).shape, (std::vector<int>{1, 11, kMels}));
  words.centred = 0;
  OpRunner whole("BifsmnLogMel", words.list());
  whole.Add({1, 3 * kFft + 250}, std::vector<float>(3 * kFft + 250));
  ASSERT_THAT(whole.Plan(), Succeeds());
  EXPECT_EQ(whole.output(0).shape, (std::vector<int>{1, 3, kMels}));
  whole.input(0).shape = {1, 3 * kFft - 1};
  EXPECT_THAT(whole.Plan(), FailsWith("at least 768 samples, has 767"));

  // Mirrored samples are mirrored results: the window is symmetric but for the
  // sample 0, which it weighs 0.
  Random random(5);
  std::vector<float> audio = random.Floats(3 * kFft);
  const std::vector<float> forwards =
      Features(words, {1, static_cast<int>(audio.size())}, audio);
  std::reverse(audio.begin() + 1, audio.end());
  const std::vector<float> backwards =
      Features(words, {1, static_cast<int>(audio.size())}, audio);
  for (size_t i = 0; i < forwards.size(); ++i) {
    EXPECT_NEAR(forwards[i], backwards[i], 1e-3f);
  }
}

TEST(LogMelOpTest, FramesAreAsTheyAreAlone) {
  Random random(6);
  for (const int frames : {1, 2, 5, 6}) {
    const std::vector<float> audio =
        random.Floats(2 * kFft + 100 * (frames - 1));
    Words words;
    words.folds = 2;
    words.centred = 0;
    const std::vector<float> features =
        Features(words, {1, static_cast<int>(audio.size())}, audio);
    ASSERT_EQ(features.size(), static_cast<size_t>(frames * kMels));
    for (int t = 0; t < frames; ++t) {
      const auto start = audio.begin() + 100 * t;
      const auto begin = features.begin() + kMels * t;
      EXPECT_EQ(Features(words, {1, 2 * kFft}, {start, start + 2 * kFft}),
                std::vector<float>(begin, begin + kMels));
    }
  }
}

TEST(LogMelOpTest, TakesIntegers) {
  Random random(2);
  const auto integers = random.Integers<int16_t>(2 * 500, -32768, 32767);
  std::vector<float> floats;
  for (const int16_t value : integers) floats.push_back(value / 32768.0f);
  for (const int centred : {0, 1}) {
    Words words;
    words.centred = centred;
    OpRunner runner("BifsmnLogMel", words.list());
    runner.Add({2, 500}, integers);
    ASSERT_THAT(runner.Plan(), Succeeds());
    runner.Run();
    EXPECT_EQ(runner.Result<float>(0), Features(words, {2, 500}, floats));
  }
}

TEST(LogMelOpTest, Normalizes) {
  const std::vector<float> audio = Random(3).Floats(500);
  Words words;
  const std::vector<float> decibel = Features(words, {1, 500}, audio);
  words.mean = -12.0f;
  words.inverse_std = 0.25f;
  const std::vector<float> features = Features(words, {1, 500}, audio);
  for (size_t i = 0; i < decibel.size(); ++i) {
    EXPECT_NEAR(features[i], (decibel[i] + 12) / 4, 1e-5f);
  }
}

TEST(LogMelOpTest, IsExactWhereABandIsWeak) {
  Words words;
  words.n_mels = 32;
  words.centred = 0;
  Random random(4);
  std::vector<float> audio = random.Floats(kFft, 1e-4f);
  for (int i = 0; i < kFft; ++i) audio[i] += std::sin(i * 1.963495f);
  const std::vector<float> features = Features(words, {1, kFft}, audio);

  const MelParameters parameters = {words.sample_rate, kFft,
                                    words.folds,       words.n_mels,
                                    words.f_min,       words.f_max};
  const MelKernel<double>& exact = kMelPortable2F64;
  const LogMelTables<double> exact_tables(parameters, exact.lanes);
  std::vector<double> work(exact_tables.work_size());
  std::vector<double> mels(words.n_mels);
  exact.frame(exact_tables, audio.data(), work.data(), mels.data());
  const MelKernel<float>& fast = kMelPortable4F32;
  const LogMelTables<float> fast_tables(parameters, fast.lanes);
  std::vector<float> fast_work(fast_tables.work_size());
  std::vector<float> fast_mels(words.n_mels);
  fast.frame(fast_tables, audio.data(), fast_work.data(), fast_mels.data());
  double largest_error = 0;
  for (int m = 0; m < words.n_mels; ++m) {
    EXPECT_NEAR(features[m], 10 * std::log10(std::max(mels[m], 1e-10)), 2e-5);
    largest_error = std::max(largest_error,
                             std::abs(10 * std::log10(fast_mels[m] / mels[m])));
  }
  EXPECT_GT(largest_error, 1e-4);
}

TEST(LogMelOpTest, IsFinite) {
  for (const float value :
       {std::nanf(""), std::numeric_limits<float>::infinity(), 3e38f}) {
    std::vector<float> audio(1000);
    audio[500] = value;
    for (const float feature : Features(Words(), {1, 1000}, audio)) {
      EXPECT_TRUE(std::isfinite(feature)) << value;
    }
  }
}

TEST(LogMelOpTest, ChecksAudio) {
  OpRunner runner("BifsmnLogMel", Words().list());
  runner.Add({1, kFft / 2}, std::vector<float>(kFft / 2));
  EXPECT_THAT(runner.Plan(), FailsWith("at least 129 samples, has 128"));
  runner.input(0).shape = {128};
  EXPECT_THAT(runner.Plan(), FailsWith("audio has to be of rank 2"));
  runner.input(0).type = ElementType::kInt8;
  EXPECT_THAT(runner.Plan(), FailsWith("audio has to be"));
  runner.Remove(0);
  EXPECT_THAT(runner.Plan(), FailsWith("input audio is missing"));

  Words words;
  words.hop = 1;
  words.n_mels = 1024;
  OpRunner large("BifsmnLogMel", words.list());
  large.Add({1, 1 << 20}, std::vector<float>());
  EXPECT_THAT(large.Plan(), FailsWith("result"));
}

TEST(LogMelOpTest, ChecksAttributes) {
  const float nan = std::nanf("");
  const float infinity = std::numeric_limits<float>::infinity();
  const auto plan = [](void (*change)(Words*, float), float value) {
    Words words;
    change(&words, value);
    OpRunner runner("BifsmnLogMel", words.list());
    runner.Add({1, 40000}, std::vector<float>(40000));
    return runner.Plan();
  };
  const auto sample_rate = [](Words* w, float v) { w->sample_rate = v; };
  const auto n_fft = [](Words* w, float v) { w->n_fft = v; };
  const auto folds = [](Words* w, float v) { w->folds = v; };
  const auto hop = [](Words* w, float v) { w->hop = v; };
  const auto n_mels = [](Words* w, float v) { w->n_mels = v; };
  const auto centred = [](Words* w, float v) { w->centred = v; };
  const auto f_min = [](Words* w, float v) { w->f_min = v; };
  const auto f_max = [](Words* w, float v) { w->f_max = v; };
  const auto floor = [](Words* w, float v) { w->floor = v; };
  const auto mean = [](Words* w, float v) { w->mean = v; };
  const auto inverse_std = [](Words* w, float v) { w->inverse_std = v; };
  for (const float value : {0.0f, -8000.0f}) {
    EXPECT_THAT(plan(sample_rate, value), FailsWith("sample_rate"));
  }
  for (const float value : {0.0f, -256.0f, 128.0f, 400.0f, 32768.0f}) {
    EXPECT_THAT(plan(n_fft, value), FailsWith("n_fft has to be a power"));
  }
  for (const float value : {0.0f, -1.0f, 17.0f}) {
    EXPECT_THAT(plan(folds, value), FailsWith("folds has to be from 1"));
  }
  EXPECT_THAT(plan(hop, 0), FailsWith("hop has to be positive"));
  for (const float value : {0.0f, -1.0f, 1025.0f}) {
    EXPECT_THAT(plan(n_mels, value), FailsWith("n_mels has to be from 1"));
  }
  EXPECT_THAT(plan(centred, 2), FailsWith("centred has to be 0 or 1"));
  for (const float value : {-1.0f, 4000.0f, nan}) {
    EXPECT_THAT(plan(f_min, value), FailsWith("0 <= f_min < f_max"));
  }
  for (const float value : {0.0f, 4001.0f, nan, infinity}) {
    EXPECT_THAT(plan(f_max, value), FailsWith("0 <= f_min < f_max"));
  }
  for (const float value : {0.0f, -1.0f, 1e-40f, nan, infinity}) {
    EXPECT_THAT(plan(floor, value), FailsWith("floor has to be"));
  }
  for (const float value : {nan, infinity}) {
    EXPECT_THAT(plan(mean, value), FailsWith("mean has to be finite"));
  }
  for (const float value : {0.0f, -1.0f, nan, infinity}) {
    EXPECT_THAT(plan(inverse_std, value), FailsWith("inverse_std has to be"));
  }
}

}  // namespace
}  // namespace bifsmn
