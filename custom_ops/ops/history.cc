// BifsmnHistory: a stream's latest frames before its new ones.

#include <cstring>

#include "custom_ops/ops/attributes.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/stream_frames.h"
#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

class History : public Op {
 public:
  History(int offset, int frames) : offset_(offset), frames_(frames) {}

  Status Plan(const std::vector<const TensorInfo*>& inputs, int output_count,
              std::vector<TensorInfo>* outputs) override {
    BIFSMN_RETURN_IF_ERROR(CheckArity(kHistoryOp, inputs, output_count));
    const TensorInfo& state = *inputs[0];
    const TensorInfo& added = *inputs[1];
    BIFSMN_RETURN_IF_ERROR(CheckTensor(state, "state", ElementType::kInt8, 2));
    BIFSMN_RETURN_IF_ERROR(CheckFrames(state, "state"));
    BIFSMN_RETURN_IF_ERROR(CheckFrames(added, "new"));
    const int64_t kept = int64_t{frames_} * FrameBytes(added);
    if (offset_ + kept > state.shape[1]) {
      return Status::Error(
          "%d frames of %lld bytes from byte %d on are not in a state of %d "
          "bytes",
          frames_, static_cast<long long>(FrameBytes(added)), offset_,
          state.shape[1]);
    }
    std::vector<int> shape = added.shape;
    // Each frame has a byte in the state, so that this is no overflow.
    shape[1] += frames_;
    BIFSMN_RETURN_IF_ERROR(CheckShape(shape).In("window"));
    kept_bytes_ = kept;
    added_bytes_ = added.bytes();
    *outputs = {{added.type, shape}};
    return Status();
  }

  size_t workspace_bytes() const override { return 0; }

  void Run(const void* const* inputs, void* const* outputs,
           void*) const override {
    auto* window = static_cast<char*>(outputs[0]);
    std::memcpy(window, static_cast<const char*>(inputs[0]) + offset_,
                kept_bytes_);
    std::memcpy(window + kept_bytes_, inputs[1], added_bytes_);
  }

 private:
  const int offset_;
  const int frames_;
  size_t kept_bytes_ = 0;
  size_t added_bytes_ = 0;
};

Status Create(const Attributes& attributes, std::unique_ptr<Op>* op) {
  const int offset = attributes.Int("offset");
  const int frames = attributes.Int("frames");
  if (offset < 0 || offset % kStateAlignment != 0) {
    return Status::Error("offset has to be a multiple of %d, is %d",
                         kStateAlignment, offset);
  }
  if (frames < 1) {
    return Status::Error("frames has to be positive, is %d", frames);
  }
  *op = std::make_unique<History>(offset, frames);
  return Status();
}

}  // namespace

const OpDefinition kHistoryOp = {
    "BifsmnHistory",
    1,
    {{"offset", AttributeType::kInt32}, {"frames", AttributeType::kInt32}},
    {"state", "new"},
    {"window"},
    Create,
};

}  // namespace bifsmn
