// Gradients of products of signs: sums of floats with signs, looked up.
//
//   z = x y      dx = dz yᵀ      dy = xᵀ dz
//
// One factor of each is signs. Four floats and their four signs have sixteen
// sums: made once, they serve all the columns (or rows) that have these floats,
// with one addition in place of four products (the method of four Russians:
// Arlazarov, Dinic, Kronrod and Faradzhev, 1970). Sums are taken in an order
// that no level of instructions changes. Matrices are dense, by rows.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_SIGN_GRADIENT_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_SIGN_GRADIENT_H_

#include "custom_ops/training/epilogue.h"

namespace bifsmn::training {

// Writes dx [shape.rows][shape.columns] for y [shape.columns][units], |y| the
// same in all of a column, and dz [shape.rows][units]. Reads nothing of y but
// signs, and the magnitudes of its first row.
void SignInputGradient(Shape shape, int64_t units, const float* y,
                       const float* dz, float* dx);

// Writes dy [shape.columns][units] for x [shape.rows][shape.columns] of +1 and
// -1 and dz [shape.rows][units].
void SignKernelGradient(Shape shape, int64_t units, const float* x,
                        const float* dz, float* dy);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_SIGN_GRADIENT_H_
