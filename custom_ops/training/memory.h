// The filter over time of a memory block (Eq. 3 of the paper), and its
// gradients.
//
//   z[t] = sum over i of y[i] x[t + i - look_back]
//
// for each example, variant and channel; frames outside the clip contribute
// nothing. Where all taps of a column have the same magnitude, as
// those of one bit have, signs are added up before they are scaled: a sum of
// signs is exact. Activations are [examples][rows][variants][columns] of time
// and channels, kernels [taps][columns].

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_MEMORY_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_MEMORY_H_

#include "custom_ops/training/attention.h"

namespace bifsmn::training {

struct Taps {
  int64_t count;
  int64_t look_back;
};

void MemoryForward(const States& shape, const Taps& taps, const float* x,
                   const float* y, float* z);

// Writes dx and dy.
void MemoryBackward(const States& shape, const Taps& taps, const float* x,
                    const float* y, const float* dz, float* dx, float* dy);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_MEMORY_H_
