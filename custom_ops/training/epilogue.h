// What surrounds a linear layer while it is trained, in as few passes over
// memory as there can be: BatchNorm by its batch, PReLU, the residual, and the
// sign that the next layer begins with (Eq. 1, 3 and 4 of the paper).
//
//   u = gamma (z - mean) / sqrt(variance + epsilon) + beta
//   y = residual + (u >= 0 ? u : slope u)
//   s = y >= threshold ? 1 : -1
//
// Matrices are [rows][columns]; the columns are channels, of all the depths
// that run through a layer side by side. Sums are taken in the same order
// whatever the processor and the number of threads.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_EPILOGUE_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_EPILOGUE_H_

#include <cstdint>

namespace bifsmn::training {

// What a gradient through the sign is multiplied with, d being y - threshold:
// 1 where |d| <= 1 (Eq. 1), or 2 - 2|d| there (Bi-Real Net).
enum class Surrogate : int { kStraightThrough = 0, kApprox = 1 };

struct Shape {
  int64_t rows;
  int64_t columns;
};

// [columns] each.
struct Parameters {
  const float* gamma;
  const float* beta;
  const float* slope;
  const float* threshold;  // Unused where nothing asks for signs.
};

// [columns] each: the batch's mean and 1 / sqrt(variance by rows + epsilon).
struct Statistics {
  float* mean;
  float* inverse;
};

// What inference normalizes by, [columns] each: a batch moves it by 1 -
// momentum of the way to its own mean, and to its variance by rows - 1.
struct Moving {
  const float* mean;
  const float* variance;
  float momentum;
  float* moved_mean;
  float* moved_variance;
};

// `residual`, `stream` (y) and `signs` (s) may be null.
void EpilogueForward(Shape shape, const float* z, const float* residual,
                     const Parameters& parameters, float epsilon,
                     const Statistics& statistics, const Moving& moving,
                     float* stream, float* signs, int threads);

// [columns] each.
struct ParameterGradients {
  float* gamma;
  float* beta;
  float* slope;
  float* threshold;
};

// Of EpilogueForward, by the gradients of its stream and its signs, either of
// which may be null. `stream` is null if there was no residual: y is then
// computed again. `dresidual` may be null.
void EpilogueBackward(Shape shape, const float* z, const float* stream,
                      const Parameters& parameters, const float* mean,
                      const float* inverse, const float* dstream,
                      const float* dsigns, Surrogate surrogate, float* dz,
                      float* dresidual, const ParameterGradients& gradients,
                      int threads);

// s of y alone, and its gradients.
void SignForward(Shape shape, const float* y, const float* threshold,
                 float* signs, int threads);
void SignBackward(Shape shape, const float* y, const float* threshold,
                  const float* dsigns, Surrogate surrogate, float* dy,
                  float* dthreshold, int threads);

// residual + (u >= 0 ? u : slope u) of u = z + offset: what a frozen network's
// layer ends with, without a gradient. `residual` may be null.
void AffineForward(Shape shape, const float* z, const float* residual,
                   const float* offset, const float* slope, float* y,
                   int threads);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_EPILOGUE_H_
