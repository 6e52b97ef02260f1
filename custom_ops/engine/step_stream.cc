#include "custom_ops/engine/step_stream.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace bifsmn {
namespace {

// As bifsmn_tf/audio/samples.py rounds them.
int16_t ToInt16(float sample) {
  const float rounded = std::nearbyint(sample * 32768.0f);
  return static_cast<int16_t>(std::clamp(rounded, -32768.0f, 32767.0f));
}

}  // namespace

Status StepStream::Plan(const ModelFile& file, const Description& description) {
  step_ = description.step_frames() * description.hop;
  const int labels = static_cast<int>(description.labels.size());
  size_t most = 0;
  ConstantPool pool;
  for (const int delta : description.deltas) {
    depths_.emplace_back();
    Depth& depth = depths_.back();
    depth.reach_steps = description.reach_steps(delta);
    BIFSMN_RETURN_IF_ERROR(PlanDepth(file, delta, labels, &depth));
    depth.program.Share(&pool);
    most = std::max(most, depth.start.size());
  }
  size_t memory = 0;
  for (const Depth& depth : depths_) {
    memory = std::max(memory, depth.program.memory_bytes());
  }
  memory_.Resize(memory);
  for (Depth& depth : depths_) depth.program.Settle(memory_.data());
  next_logits_.assign(labels, 0);
  new_state_.assign(most, 0);
  current_.state.reserve(most);
  next_.state.reserve(most);
  const std::vector<float> silence(step_, 0.0f);
  integers_.assign(takes_integers_ ? step_ : 0, 0);
  sound_ = takes_integers_ ? static_cast<const void*>(integers_.data())
                           : silence.data();
  for (size_t i = 0; i < depths_.size(); ++i) {
    Start(static_cast<int>(i), &next_);
    for (int k = 0; k < depths_[i].reach_steps; ++k) {
      Step(&next_, next_logits_.data());
    }
    depths_[i].start = next_.state;
  }
  Reset(0);
  return Status();
}

Status StepStream::PlanDepth(const ModelFile& file, int delta, int labels,
                             Depth* depth) {
  const std::string key = "stream_delta_" + std::to_string(delta);
  const auto* signature = file.FindSignature(key);
  if (signature == nullptr) {
    return Status::Error("it has no signature %s: convert it again",
                         key.c_str());
  }
  BIFSMN_RETURN_IF_ERROR(
      Program::Plan(file, *signature, &depth->program).In(key));
  const auto& inputs = depth->program.inputs();
  const auto& outputs = depth->program.outputs();
  depth->audio_in = Program::Find(inputs, "audio");
  depth->state_in = Program::Find(inputs, "state");
  depth->logits_out = Program::Find(outputs, "logits");
  depth->state_out = Program::Find(outputs, "state");
  if (depth->audio_in < 0) {
    return Status::Error(
        "%s takes no sound: convert it with an --audio that does", key.c_str());
  }
  if (inputs.size() != 2 || outputs.size() != 2 || depth->state_in < 0 ||
      depth->logits_out < 0 || depth->state_out < 0) {
    return Status::Error("%s is not from audio and state to logits and state",
                         key.c_str());
  }
  const TensorInfo& audio = inputs[depth->audio_in].info;
  const TensorInfo& state = inputs[depth->state_in].info;
  const TensorInfo& logits = outputs[depth->logits_out].info;
  // All depths are of the first one's type.
  if (depth == &depths_.front()) {
    takes_integers_ = audio.type == ElementType::kInt16;
  }
  const bool fits = audio.type == (takes_integers_ ? ElementType::kInt16
                                                   : ElementType::kFloat32) &&
                    audio.shape == std::vector<int>{1, step_} &&
                    logits.type == ElementType::kFloat32 &&
                    logits.shape == std::vector<int>{1, labels} &&
                    state.type == ElementType::kInt8 &&
                    outputs[depth->state_out].info.type == state.type &&
                    outputs[depth->state_out].info.shape == state.shape;
  if (!fits) {
    return Status::Error("%s is not of the shapes that the file describes",
                         key.c_str());
  }
  depth->start.assign(state.bytes(), 0);
  return Status();
}

void StepStream::Start(int depth, Running* running) {
  running->depth = depth;
  running->steps = 0;
  running->state = depths_[depth].start;
}

void StepStream::Reset(int depth) {
  Start(depth, &current_);
  next_.depth = -1;
}

void StepStream::Step(Running* running, float* logits) {
  Depth& depth = depths_[running->depth];
  const void* inputs[2];
  inputs[depth.audio_in] = sound_;
  inputs[depth.state_in] = running->state.data();
  void* outputs[2];
  outputs[depth.logits_out] = logits;
  outputs[depth.state_out] = new_state_.data();
  depth.program.Run(inputs, outputs);
  std::copy_n(new_state_.begin(), running->state.size(),
              running->state.begin());
  ++running->steps;
}

void StepStream::Decide(const float* samples, int depth, float* logits) {
  if (takes_integers_) {
    std::transform(samples, samples + step_, integers_.begin(), ToInt16);
  } else {
    sound_ = samples;
  }
  Step(&current_, logits);
  if (depth == current_.depth) {
    next_.depth = -1;
    return;
  }
  if (next_.depth != depth) Start(depth, &next_);
  Step(&next_, next_logits_.data());
  if (next_.steps < depths_[depth].reach_steps) return;
  std::swap(current_, next_);
  next_.depth = -1;
  std::copy(next_logits_.begin(), next_logits_.end(), logits);
}

}  // namespace bifsmn
