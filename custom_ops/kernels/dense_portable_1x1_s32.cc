// One output at a time, over weights as the model has them.

#include <algorithm>

#include "custom_ops/kernels/dense.h"

namespace bifsmn {
namespace {

size_t PackedBytes(int inputs, int outputs) {
  return static_cast<size_t>(inputs) * outputs;
}

void Pack(const int8_t* weights, int inputs, int outputs, void* packed) {
  std::copy_n(weights, PackedBytes(inputs, outputs),
              static_cast<int8_t*>(packed));
}

void Run(const int16_t* values, const void* packed, int inputs, int outputs,
         int32_t* sums) {
  const auto* weights = static_cast<const int8_t*>(packed);
  for (int o = 0; o < outputs; ++o) {
    int32_t sum = 0;
    for (int i = 0; i < inputs; ++i) sum += values[i] * weights[i];
    sums[o] = sum;
    weights += inputs;
  }
}

}  // namespace

const DenseKernel kDensePortable1x1S32 = {
    "dense_portable_1x1_s32", [] { return true; }, PackedBytes, Pack, Run,
};

}  // namespace bifsmn
