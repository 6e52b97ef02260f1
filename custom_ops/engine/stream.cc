#include "custom_ops/engine/stream.h"

#include "custom_ops/engine/clip_stream.h"
#include "custom_ops/engine/step_stream.h"

namespace bifsmn {

Status Stream::Create(const ModelFile& file, const Description& description,
                      double hop, std::unique_ptr<Stream>* stream) {
  if (description.streaming) {
    if (!(hop < 0)) {
      return Status::Error(
          "hop: this model computes a stream step by step and has a step of "
          "its own");
    }
    auto made = std::make_unique<StepStream>();
    BIFSMN_RETURN_IF_ERROR(made->Plan(file, description));
    *stream = std::move(made);
    return Status();
  }
  auto made = std::make_unique<ClipStream>();
  BIFSMN_RETURN_IF_ERROR(made->Plan(file, description, hop));
  *stream = std::move(made);
  return Status();
}

}  // namespace bifsmn
