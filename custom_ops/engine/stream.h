// From a stream of sound to logits: what bifsmn_tf/runtime/streaming.py does.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_STREAM_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_STREAM_H_

#include <memory>

#include "custom_ops/engine/description.h"
#include "custom_ops/engine/model_file.h"
#include "custom_ops/ops/status.h"

namespace bifsmn {

class Stream {
 public:
  virtual ~Stream() = default;

  // Plans a model's depths. `hop` is what lies between two decisions of a model
  // of clips, in seconds, or negative for a frame.
  static Status Create(const ModelFile& file, const Description& description,
                       double hop, std::unique_ptr<Stream>* stream);

  // Samples from one decision to the next.
  virtual int step() const = 0;

  // The depth that decided last, as its number in the description.
  virtual int deciding() const = 0;

  // Forgets what was heard: as if there had been silence all along.
  virtual void Reset(int depth) = 0;

  // Takes step() samples in [-1, 1]; writes the logits of every label. `depth`
  // is the one that shall decide, now or as soon as it has heard enough.
  virtual void Decide(const float* samples, int depth, float* logits) = 0;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_STREAM_H_
