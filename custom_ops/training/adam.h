// An update of Adam (arXiv:1412.6980) in one pass, on the calling thread.
//
//   m += (gradient - m) (1 - beta1)
//   v += (gradient^2 - v) (1 - beta2)
//   weight -= rate m / (sqrt(v) + epsilon)
//
// TensorFlow's own wakes its threads for each of a network's many small
// variables, which takes several times as long as the arithmetic.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_ADAM_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_ADAM_H_

#include <cstdint>

namespace bifsmn::training {

struct AdamSettings {
  float rate;  // Corrected for the bias of the first steps.
  float epsilon;
  float beta1;
  float beta2;
};

// Of `count` weights.
void AdamUpdate(int64_t count, const AdamSettings& settings,
                const float* gradient, float* weight, float* m, float* v);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_ADAM_H_
