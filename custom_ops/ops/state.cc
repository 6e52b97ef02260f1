// BifsmnState: what a stream keeps of its windows for its next step.

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/stream_frames.h"
#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

class State : public Op {
 public:
  explicit State(std::vector<int> frames) : frames_(std::move(frames)) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kStateOp, inputs, output_count));
    if (inputs.size() != frames_.size()) {
      return Status::Error("keeps frames of %zu windows, got %zu",
                           frames_.size(), inputs.size());
    }
    parts_.clear();
    int64_t bytes = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const TensorInfo& window = *inputs[i];
      const std::string name = "window " + std::to_string(i);
      BIFSMN_RETURN_IF_ERROR(CheckFrames(window, name.c_str()));
      if (frames_[i] > window.shape[1]) {
        return Status::Error("%s has no %d frames, is of shape %s",
                             name.c_str(), frames_[i],
                             ShapeText(window.shape).c_str());
      }
      const int64_t kept = frames_[i] * FrameBytes(window);
      const int64_t padded =
          (kept + kStateAlignment - 1) / kStateAlignment * kStateAlignment;
      parts_.push_back({static_cast<size_t>(window.bytes() - kept),
                        static_cast<size_t>(kept),
                        static_cast<size_t>(padded - kept)});
      bytes += padded;
      if (bytes > kMaxElements) {
        return Status::Error("a state of more than %lld bytes",
                             static_cast<long long>(kMaxElements));
      }
    }
    *outputs = {{ElementType::kInt8, {1, static_cast<int>(bytes)}}};
    return Status();
  }

  size_t workspace_bytes() const override { return 0; }

  void Run(const void* const* inputs, void* const* outputs,
           void*) const override {
    auto* state = static_cast<char*>(outputs[0]);
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      std::memcpy(state, static_cast<const char*>(inputs[i]) + part.skipped,
                  part.bytes);
      state = std::fill_n(state + part.bytes, part.gap, '\0');
    }
  }

 private:
  // Bytes of a window: those of its older frames, those that are kept, and
  // zeros behind them.
  struct Part {
    size_t skipped, bytes, gap;
  };

  const std::vector<int> frames_;
  std::vector<Part> parts_;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  std::vector<int> frames = attributes.Ints("frames");
  for (const int kept : frames) {
    if (kept < 1) {
      return Status::Error("frames have to be positive, one is %d", kept);
    }
  }
  *op = std::make_unique<State>(std::move(frames));
  return Status();
}

}  // namespace

const OpDefinition kStateOp = {
    "BifsmnState", 1,         {{"frames", AttributeType::kInt32s}},
    {"windows+"},  {"state"}, Create,
};

}  // namespace bifsmn
