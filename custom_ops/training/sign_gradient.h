// Gradients of products of signs: sums of floats with signs, looked up.
//
//   z = x y      dx = dz yᵀ      dy = xᵀ dz
//
// One factor of each is signs. Four floats and their four signs have sixteen
// sums: made once, they serve all the columns (or rows) that have these floats,
// with one addition in place of four products (the method of four Russians:
// Arlazarov, Dinic, Kronrod and Faradzhev, 1970). The product is a convolution,
// of which a matrix product is one of a single pixel. Sums are taken in an
// order that no level of instructions changes. Arrays are dense.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_SIGN_GRADIENT_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_SIGN_GRADIENT_H_

#include "custom_ops/training/convolution.h"

namespace bifsmn::training {

// Writes dx, as x, for y with |y| the same in all of a unit, and dz [batch]
// [out_height][out_width][units]. Reads nothing of y but signs, and the
// magnitudes of its first tap and channel.
void SignInputGradient(const Convolution& convolution, const float* y,
                       const float* dz, float* dx);

// Writes dy, as y. x is +1 and -1; or, where `step` is not 0, four levels, that
// times -3, -1, 1 and 3, of two bits that count double and once.
void SignKernelGradient(const Convolution& convolution, float step,
                        const float* x, const float* dz, float* dy);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_SIGN_GRADIENT_H_
