#include "custom_ops/engine/detector.h"

#include <algorithm>
#include <limits>

namespace bifsmn {
namespace {

// So long that nobody means it.
constexpr double kMostSeconds = 60;

// More than a minute of any model's has.
constexpr double kMostDecisions = 1 << 16;

// Against rounding: whole steps are whole steps.
constexpr double kHairOfSamples = 1e-6;
constexpr double kHairOfSeconds = 1e-6;

Status CheckSeconds(const char* name, double seconds, double most) {
  // Written so that NaN fails.
  if (seconds >= 0 && seconds <= most) return Status();
  return Status::Error("%s is from 0 to %g s, not %g", name, most, seconds);
}

}  // namespace

Status Detector::Create(const DetectorSettings& settings, int step,
                        Detector* detector) {
  BIFSMN_RETURN_IF_ERROR(
      CheckSeconds("smoothing", settings.smoothing, kMostSeconds));
  BIFSMN_RETURN_IF_ERROR(
      CheckSeconds("hold", settings.hold, std::numeric_limits<double>::max()));
  *detector = Detector();
  detector->settings_ = settings;
  const size_t labels = settings.thresholds.size();
  for (size_t i = 0; i < labels; ++i) {
    const double threshold = settings.thresholds[i];
    if (threshold != kNoThreshold && !(threshold > 0 && threshold <= 1)) {
      return Status::Error("threshold is in (0, 1], not %g", threshold);
    }
  }
  detector->averaged_samples_ =
      settings.smoothing * settings.sample_rate + kHairOfSamples;
  if (detector->averaged_samples_ / step > kMostDecisions) {
    return Status::Error("smoothing of %g s is more than %g decisions",
                         settings.smoothing, kMostDecisions);
  }
  const auto decisions =
      static_cast<size_t>(detector->averaged_samples_ / step) + 2;
  detector->ends_.assign(decisions, 0);
  detector->recent_.assign(decisions * labels, 0);
  detector->averages_.assign(labels, 0);
  detector->above_.assign(labels, 0);
  detector->silent_until_.assign(labels, 0);
  detector->Reset();
  return Status();
}

void Detector::Reset() {
  first_ = 0;
  count_ = 0;
  std::fill(averages_.begin(), averages_.end(), 0.0);
  std::fill(above_.begin(), above_.end(), char{0});
  std::fill(silent_until_.begin(), silent_until_.end(),
            -std::numeric_limits<double>::infinity());
}

void Detector::Average() {
  std::fill(averages_.begin(), averages_.end(), 0.0);
  for (size_t k = 0; k < count_; ++k) {
    const float* decision =
        recent_.data() + (first_ + k) % ends_.size() * labels();
    for (size_t i = 0; i < labels(); ++i) averages_[i] += decision[i];
  }
  for (double& average : averages_) average /= static_cast<double>(count_);
}

bool Detector::Push(int64_t end, const float* probabilities, Event* event) {
  while (count_ > 0 &&
         static_cast<double>(end - ends_[first_]) > averaged_samples_) {
    first_ = (first_ + 1) % ends_.size();
    --count_;
  }
  const size_t last = (first_ + count_++) % ends_.size();
  ends_[last] = end;
  std::copy_n(probabilities, labels(), recent_.begin() + last * labels());
  Average();

  const double now = static_cast<double>(end) / settings_.sample_rate;
  int found = -1;
  for (size_t i = 0; i < labels(); ++i) {
    const bool above = averages_[i] >= settings_.thresholds[i];
    const bool begins = above && above_[i] == 0;
    above_[i] = above;
    if (begins && now > silent_until_[i] - kHairOfSeconds &&
        (found < 0 || averages_[i] > averages_[found])) {
      found = static_cast<int>(i);
    }
  }
  if (found < 0) return false;
  silent_until_[found] = now + settings_.hold;
  *event = {now, found, averages_[found]};
  return true;
}

}  // namespace bifsmn
