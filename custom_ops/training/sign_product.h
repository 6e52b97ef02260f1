// Products of signs with one-bit weights, forward: counted bits for floats.
//
//   z = x y, x of +1 and -1, |y| the same in all of a column
//
// A float product gives the same but for its roundings: here a sum of signs is
// exact and is rounded once, when it is scaled. Matrices are dense, by rows.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_SIGN_PRODUCT_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_SIGN_PRODUCT_H_

#include "custom_ops/training/epilogue.h"

namespace bifsmn::training {

// Whether this processor counts bits faster than it multiplies floats: with
// AVX2, and more so with AVX-512 VPOPCNTDQ.
bool SignProductIsFast();

// Writes z [shape.rows][units] for x [shape.rows][shape.columns] and y
// [shape.columns][units]. Reads nothing of x and y but signs, and the
// magnitudes of y's first row.
void SignProduct(Shape shape, int64_t units, const float* x, const float* y,
                 float* z);

// The same on any processor.
void PortableSignProduct(Shape shape, int64_t units, const float* x,
                         const float* y, float* z);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_SIGN_PRODUCT_H_
