// A spotter, behind bifsmn.h.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_SPOTTER_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_SPOTTER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "custom_ops/engine/bifsmn.h"
#include "custom_ops/engine/description.h"
#include "custom_ops/engine/detector.h"
#include "custom_ops/engine/stream.h"

namespace bifsmn {

class Spotter {
 public:
  static Status Create(const void* content, size_t bytes,
                       const bifsmn_options& options,
                       std::unique_ptr<Spotter>* spotter);

  const Description& description() const { return description_; }
  const Stream& stream() const { return *stream_; }
  Detector& detector() { return detector_; }
  const Detector& detector() const { return detector_; }

  // The depth that shall decide, by its number.
  void SetDepth(int depth) { depth_ = depth; }

  void Reset();

  // Takes samples until detections have to be polled; returns how many.
  template <typename Sample>
  size_t Push(const Sample* samples, size_t count);

  // Decides on what does not fill a step, silence behind it.
  void Flush();

  bool Poll(bifsmn_detection* detection);

  uint64_t decisions() const { return decisions_; }
  const float* logits() const { return logits_.data(); }
  const float* probabilities() const { return probabilities_.data(); }

 private:
  void Decide();

  Description description_;
  std::unique_ptr<Stream> stream_;
  Detector detector_;
  int depth_ = 0;

  // Of the next step, those that came so far.
  std::vector<float> samples_;
  size_t filled_ = 0;
  int64_t end_ = 0;
  uint64_t decisions_ = 0;
  std::vector<float> logits_;
  std::vector<float> probabilities_;

  // Those that wait, in a ring.
  std::array<bifsmn_detection, BIFSMN_DETECTIONS> detections_;
  size_t first_detection_ = 0;
  size_t waiting_ = 0;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_SPOTTER_H_
