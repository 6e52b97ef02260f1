#include "custom_ops/engine/spotter.h"

#include <algorithm>
#include <cmath>

#include "custom_ops/engine/model.h"

namespace bifsmn {
namespace {

// Each returns how many samples it wrote: those before one that is not finite.
size_t ToFloats(const int16_t* samples, size_t count, float* values) {
  for (size_t i = 0; i < count; ++i) values[i] = samples[i] * (1.0f / 32768);
  return count;
}

size_t ToFloats(const float* samples, size_t count, float* values) {
  const float* end =
      std::find_if_not(samples, samples + count,
                       [](float sample) { return std::isfinite(sample); });
  std::copy(samples, end, values);
  return end - samples;
}

// In double precision, so that what is rounded to floats is what Python has.
void Softmax(const std::vector<float>& logits, std::vector<float>* result) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  std::transform(logits.begin(), logits.end(), result->begin(),
                 [=](float logit) {
                   return static_cast<float>(std::exp(logit - largest) / sum);
                 });
}

Status FindDepth(const std::vector<int>& deltas, int delta, int* depth) {
  const auto found = std::find(deltas.begin(), deltas.end(), delta);
  if (found == deltas.end()) {
    return Status::Error("the model has no delta %d", delta);
  }
  *depth = static_cast<int>(found - deltas.begin());
  return Status();
}

}  // namespace

Status Spotter::Create(const void* content, size_t bytes,
                       const bifsmn_options& options,
                       std::unique_ptr<Spotter>* spotter) {
  BIFSMN_RETURN_IF_ERROR(CheckKernelChoice());
  ModelFile file;
  BIFSMN_RETURN_IF_ERROR(ModelFile::Parse(content, bytes, &file));
  auto made = std::make_unique<Spotter>();
  Description& description = made->description_;
  BIFSMN_RETURN_IF_ERROR(Description::Read(file, &description));
  if (options.delta > 0) {
    BIFSMN_RETURN_IF_ERROR(
        FindDepth(description.deltas, options.delta, &made->depth_));
  }
  if (options.one_depth != 0) {
    description.deltas = {description.deltas[made->depth_]};
    made->depth_ = 0;
  }
  DetectorSettings& detection = description.detection;
  if (options.smoothing >= 0) detection.smoothing = options.smoothing;
  if (options.hold >= 0) detection.hold = options.hold;
  for (double& threshold : detection.thresholds) {
    if (options.threshold >= 0 && threshold != kNoThreshold) {
      threshold = options.threshold;
    }
  }
  BIFSMN_RETURN_IF_ERROR(
      Stream::Create(file, description, options.hop, &made->stream_));
  BIFSMN_RETURN_IF_ERROR(
      Detector::Create(detection, made->stream_->step(), &made->detector_));
  made->samples_.assign(made->stream_->step(), 0);
  made->logits_.assign(description.labels.size(), 0);
  made->probabilities_.assign(description.labels.size(), 0);
  // What gives no numbers for silence is damaged.
  for (size_t i = 0; i < description.deltas.size(); ++i) {
    made->stream_->Reset(static_cast<int>(i));
    made->stream_->Decide(made->samples_.data(), static_cast<int>(i),
                          made->logits_.data());
    if (!std::all_of(made->logits_.begin(), made->logits_.end(),
                     [](float logit) { return std::isfinite(logit); })) {
      return Status::Error(
          "its logits are not finite: it is damaged, convert it again");
    }
  }
  made->Reset();
  *spotter = std::move(made);
  return Status();
}

void Spotter::Reset() {
  stream_->Reset(depth_);
  detector_.Reset();
  filled_ = 0;
  end_ = 0;
  decisions_ = 0;
  waiting_ = 0;
  std::fill(logits_.begin(), logits_.end(), 0.0f);
  std::fill(probabilities_.begin(), probabilities_.end(), 0.0f);
}

void Spotter::Decide() {
  filled_ = 0;
  end_ += static_cast<int64_t>(samples_.size());
  stream_->Decide(samples_.data(), depth_, logits_.data());
  ++decisions_;
  Softmax(logits_, &probabilities_);
  Event event;
  if (!detector_.Push(end_, probabilities_.data(), &event)) return;
  detections_[(first_detection_ + waiting_++) % detections_.size()] = {
      event.time, event.label, event.probability};
}

template <typename Sample>
size_t Spotter::Push(const Sample* samples, size_t count) {
  size_t taken = 0;
  while (taken < count) {
    // A step's last sample waits until there is room for what it may detect.
    const size_t end = samples_.size() - (waiting_ == detections_.size());
    const size_t wanted = std::min<size_t>(count - taken, end - filled_);
    const size_t written =
        ToFloats(samples + taken, wanted, samples_.data() + filled_);
    filled_ += written;
    taken += written;
    if (filled_ == samples_.size()) {
      Decide();
    } else if (written < wanted || filled_ == end) {
      break;
    }
  }
  return taken;
}

template size_t Spotter::Push(const int16_t* samples, size_t count);
template size_t Spotter::Push(const float* samples, size_t count);

void Spotter::Flush() {
  if (filled_ == 0 || waiting_ == detections_.size()) return;
  std::fill(samples_.begin() + filled_, samples_.end(), 0.0f);
  Decide();
}

bool Spotter::Poll(bifsmn_detection* detection) {
  if (waiting_ == 0) return false;
  *detection = detections_[first_detection_];
  first_detection_ = (first_detection_ + 1) % detections_.size();
  --waiting_;
  return true;
}

}  // namespace bifsmn
