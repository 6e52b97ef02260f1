// A network of clips: for every decision it computes the newest frames anew.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_CLIP_STREAM_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_CLIP_STREAM_H_

#include <vector>

#include "custom_ops/engine/program.h"
#include "custom_ops/engine/stream.h"

namespace bifsmn {

class ClipStream : public Stream {
 public:
  Status Plan(const ModelFile& file, const Description& description,
              double hop);

  int step() const override { return step_frames_ * hop_; }
  int deciding() const override { return deciding_; }
  void Reset(int depth) override;
  void Decide(const float* samples, int depth, float* logits) override;

 private:
  static Status PlanSignature(const ModelFile& file, const std::string& key,
                              const char* input, std::vector<int> input_shape,
                              const char* output, std::vector<int> output_shape,
                              Program* program);

  // Puts the features of a frame behind the newest ones.
  void AddFrame(const float* samples);

  int hop_ = 0;
  // In which the programs work, one after another.
  AlignedBuffer<char> memory_;
  int frame_length_ = 0;
  int mels_ = 0;
  int step_frames_ = 0;
  int deciding_ = 0;
  std::vector<Program> depths_;
  Program frame_;
  // The newest frames' features, [frames][mels].
  std::vector<float> features_;
  // The samples that the next frame shares with the last one, and a step's.
  std::vector<float> heard_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_CLIP_STREAM_H_
