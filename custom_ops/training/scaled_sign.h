// One-bit weights with a scale per output channel (Eq. 1 and 2 of the paper).
//
//   y = alpha sign(w), alpha the mean of |w| of a column
//
// Kernels are [rows][columns], columns being output channels. No gradient goes
// through alpha.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_SCALED_SIGN_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_SCALED_SIGN_H_

#include "custom_ops/training/epilogue.h"

namespace bifsmn::training {

// Writes y, and alpha [columns].
void ScaledSignForward(Shape shape, const float* w, float* y, float* alpha);

// Writes dw = dy alpha where |w| <= 1, else 0.
void ScaledSignBackward(Shape shape, const float* w, const float* alpha,
                        const float* dy, float* dw);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_SCALED_SIGN_H_
