// Attention distillation of hidden states (Eq. 8 to 10 and 14 of the paper).
//
// A plane is the state of one example, [rows][columns] of time and channels.
// Sums over a plane are taken in the same order whatever the processor.

#ifndef BIFSMN_CUSTOM_OPS_TRAINING_ATTENTION_H_
#define BIFSMN_CUSTOM_OPS_TRAINING_ATTENTION_H_

#include <cstdint>

namespace bifsmn::training {

// Writes a teacher's maps h^2 / |h^2| of planes [planes][rows][columns]; if
// `emphasise`, h has its high frequencies added, each part divided by its
// standard deviation (Eq. 8 and 9).
void AttentionMaps(int64_t planes, int64_t rows, int64_t columns,
                   const float* states, bool emphasise, float* maps,
                   int threads);

// [examples][rows][variants][columns].
struct States {
  int64_t examples, rows, variants, columns;
};

// Writes |h^2 / |h^2| - map| for each plane: [examples][variants]. Maps are
// [examples][rows][columns].
void AttentionDistance(const States& shape, const float* states,
                       const float* maps, float* distances, int threads);

// Its gradient by the states, given that of the distances.
void AttentionDistanceGradient(const States& shape, const float* states,
                               const float* maps, const float* ddistances,
                               float* dstates, int threads);

}  // namespace bifsmn::training

#endif  // BIFSMN_CUSTOM_OPS_TRAINING_ATTENTION_H_
