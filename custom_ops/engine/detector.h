// From a decision every few milliseconds to one event for each keyword.
// bifsmn_tf/runtime/detector.py is the same in Python.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_DETECTOR_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_DETECTOR_H_

#include <cstdint>
#include <vector>

#include "custom_ops/ops/status.h"

namespace bifsmn {

// Of a class that is never an event: what no probability reaches.
constexpr double kNoThreshold = 2.0;

struct DetectorSettings {
  int sample_rate = 0;
  // Of every label; kNoThreshold for one that is no keyword.
  std::vector<double> thresholds;
  // Seconds.
  double smoothing = 0;
  double hold = 0;
};

struct Event {
  double time;
  int label;
  double probability;
};

class Detector {
 public:
  // For decisions that are `step` samples apart.
  static Status Create(const DetectorSettings& settings, int step,
                       Detector* detector);

  const DetectorSettings& settings() const { return settings_; }

  // Sets the threshold of a keyword, in (0, 1].
  void SetThreshold(int label, double threshold) {
    settings_.thresholds[label] = threshold;
  }

  void Reset();

  // Takes the probabilities of the decision at sample `end`; whether a keyword
  // has become certain.
  bool Push(int64_t end, const float* probabilities, Event* event);

 private:
  size_t labels() const { return settings_.thresholds.size(); }
  void Average();

  DetectorSettings settings_;
  double averaged_samples_ = 0;
  // The decisions that are averaged, in a ring: where they end, and what they
  // are, [decisions][labels].
  std::vector<int64_t> ends_;
  std::vector<float> recent_;
  size_t first_ = 0;
  size_t count_ = 0;
  std::vector<double> averages_;
  std::vector<char> above_;
  std::vector<double> silent_until_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_DETECTOR_H_
