#include "custom_ops/engine/clip_stream.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace bifsmn {
namespace {

// Between two decisions.
constexpr double kMostSeconds = 60;

}  // namespace

Status ClipStream::Plan(const ModelFile& file, const Description& description,
                        double hop) {
  hop_ = description.hop;
  frame_length_ = description.frame_length;
  mels_ = description.mels;
  // As Python computes it, halves rounded to even.
  const double frame =
      static_cast<double>(description.hop) / description.sample_rate;
  const double frames = std::nearbyint(hop / frame);
  // Written so that NaN fails.
  if (!(hop < 0 || (hop > 0 && hop <= kMostSeconds))) {
    return Status::Error("hop has to be positive and at most %g s, not %g",
                         kMostSeconds, hop);
  }
  step_frames_ = hop < 0 ? 1 : std::max(1, static_cast<int>(frames));
  const std::vector<int> row = {1, 1, mels_};
  if (file.FindSignature("frame") == nullptr) {
    return Status::Error(
        "it takes features and no sound: convert it with an --audio that "
        "does");
  }
  BIFSMN_RETURN_IF_ERROR(PlanSignature(
      file, "frame", "audio", {1, frame_length_}, "features", row, &frame_));
  ConstantPool pool;
  for (const int delta : description.deltas) {
    depths_.emplace_back();
    BIFSMN_RETURN_IF_ERROR(PlanSignature(
        file, "delta_" + std::to_string(delta), "features",
        {1, description.frames, mels_}, "logits",
        {1, static_cast<int>(description.labels.size())}, &depths_.back()));
    depths_.back().Share(&pool);
  }
  size_t memory = frame_.memory_bytes();
  for (const Program& depth : depths_) {
    memory = std::max(memory, depth.memory_bytes());
  }
  memory_.Resize(memory);
  frame_.Settle(memory_.data());
  for (Program& depth : depths_) depth.Settle(memory_.data());
  features_.assign(size_t{1} * description.frames * mels_, 0);
  const int overlap = std::max(0, frame_length_ - hop_);
  heard_.assign(size_t{1} * overlap + step(), 0);
  Reset(0);
  return Status();
}

Status ClipStream::PlanSignature(const ModelFile& file, const std::string& key,
                                 const char* input,
                                 std::vector<int> input_shape,
                                 const char* output,
                                 std::vector<int> output_shape,
                                 Program* program) {
  const auto* signature = file.FindSignature(key);
  if (signature == nullptr) {
    return Status::Error("it has no signature %s: convert it again",
                         key.c_str());
  }
  BIFSMN_RETURN_IF_ERROR(Program::Plan(file, *signature, program).In(key));
  const auto fits = [](const std::vector<Program::Tensor>& tensors,
                       const char* name, const std::vector<int>& shape) {
    return tensors.size() == 1 && tensors[0].name == name &&
           tensors[0].info.type == ElementType::kFloat32 &&
           tensors[0].info.shape == shape;
  };
  if (!fits(program->inputs(), input, input_shape) ||
      !fits(program->outputs(), output, output_shape)) {
    return Status::Error(
        "%s is not from %s to %s of the shapes that the file "
        "describes",
        key.c_str(), input, output);
  }
  return Status();
}

void ClipStream::Reset(int depth) {
  deciding_ = depth;
  std::fill(heard_.begin(), heard_.end(), 0.0f);
  // Silence is one frame, again and again.
  const size_t frames = features_.size() / mels_;
  AddFrame(heard_.data());
  for (size_t i = 0; i + 1 < frames; ++i) {
    std::copy_n(features_.end() - mels_, mels_, features_.begin() + i * mels_);
  }
}

void ClipStream::AddFrame(const float* samples) {
  std::move(features_.begin() + mels_, features_.end(), features_.begin());
  const void* input = samples;
  void* output = features_.data() + features_.size() - mels_;
  frame_.Run(&input, &output);
}

void ClipStream::Decide(const float* samples, int depth, float* logits) {
  const size_t kept = heard_.size() - step();
  std::copy_n(samples, step(), heard_.begin() + kept);
  // Where a frame is shorter than a hop it is the end of it.
  const size_t last = heard_.size() - frame_length_;
  for (int i = step_frames_ - 1; i >= 0; --i) {
    AddFrame(heard_.data() + last - size_t{1} * i * hop_);
  }
  std::copy_n(heard_.end() - kept, kept, heard_.begin());
  deciding_ = depth;
  const void* input = features_.data();
  void* output = logits;
  depths_[depth].Run(&input, &output);
}

}  // namespace bifsmn
