// What a model file says of itself, as far as a spotter needs it.
// bifsmn_tf/model_file/metadata.py defines it.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_DESCRIPTION_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_DESCRIPTION_H_

#include <string>
#include <vector>

#include "custom_ops/engine/detector.h"
#include "custom_ops/engine/model_file.h"
#include "custom_ops/ops/status.h"

namespace bifsmn {

struct Description {
  // The JSON.
  std::string text;

  std::vector<std::string> labels;

  int sample_rate;
  int frame_length;
  int hop;

  bool streaming;
  std::vector<int> deltas;
  int frames;
  int mels;
  int blocks;
  int look_back;
  int stride_back;
  int front_kernel;

  DetectorSettings detection;

  static Status Read(const ModelFile& file, Description* description);

  // As NetworkConfig's properties of these names.
  int step_frames() const;
  int reach_steps(int delta) const;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_DESCRIPTION_H_
