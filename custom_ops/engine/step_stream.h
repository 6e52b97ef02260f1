// A streaming network: every moment is computed once, from a state.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_STEP_STREAM_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_STEP_STREAM_H_

#include <cstdint>
#include <vector>

#include "custom_ops/engine/program.h"
#include "custom_ops/engine/stream.h"

namespace bifsmn {

class StepStream : public Stream {
 public:
  Status Plan(const ModelFile& file, const Description& description);

  int step() const override { return step_; }
  int deciding() const override { return current_.depth; }
  void Reset(int depth) override;
  void Decide(const float* samples, int depth, float* logits) override;

 private:
  struct Depth {
    Program program;
    // Numbers of the program's tensors.
    int audio_in, state_in, logits_out, state_out;
    int reach_steps;
    // That of a stream that has been silent all along.
    std::vector<int8_t> start;
  };

  // A stream at a depth, and how many steps it took.
  struct Running {
    int depth = -1;
    int64_t steps = 0;
    std::vector<int8_t> state;
  };

  Status PlanDepth(const ModelFile& file, int delta, int labels, Depth* depth);
  void Start(int depth, Running* running);
  void Step(Running* running, float* logits);

  int step_ = 0;
  // In which the depths work, one after another.
  AlignedBuffer<char> memory_;
  bool takes_integers_ = false;
  std::vector<Depth> depths_;
  Running current_;
  // A depth that warms up behind the current one; -1 if none does.
  Running next_;
  std::vector<int8_t> new_state_;
  std::vector<float> next_logits_;
  // The samples of a step as the network takes them.
  const void* sound_ = nullptr;
  std::vector<int16_t> integers_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_STEP_STREAM_H_
