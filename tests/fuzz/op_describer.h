// What would be right of each op, for the fuzzer.

#ifndef BIFSMN_TESTS_FUZZ_OP_DESCRIBER_H_
#define BIFSMN_TESTS_FUZZ_OP_DESCRIBER_H_

#include <cstdint>
#include <vector>

#include "custom_ops/ops/op.h"
#include "custom_ops/ops/op_list.h"
#include "custom_ops/ops/tensor.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/tensor_maker.h"

namespace bifsmn {

struct OpDescription {
  std::vector<int32_t> options;
  // Numbers of tensors; -1 for one that is absent.
  std::vector<int> inputs;
  int output_count;
};

class OpDescriber {
 public:
  OpDescriber(Choices* choices, TensorMaker* tensors)
      : choices_(*choices), tensors_(*tensors) {}

  // Chooses attributes and inputs, and makes the tensors that are missing.
  OpDescription Describe(const OpDefinition& definition);

 private:
  using Kind = GraphTensor::Kind;

  // An op's own part of Describe.
#define BIFSMN_DECLARE_DESCRIBE(op) void Describe##op();
  BIFSMN_OPS(BIFSMN_DECLARE_DESCRIBE)
#undef BIFSMN_DECLARE_DESCRIBE

  void DescribeFeatureConv(bool in_floats);
  // Returns the largest level of the bits.
  int DescribeBinaryConv(int bits, int outputs);

  // A tensor of frames, new or not.
  int Frames();

  // Adds strides and padding for an image, and returns the kernel's size.
  void AddGeometry(int height, int width, int* kernel_h, int* kernel_w);

  // Adds the shift and the parameters of a residual, and returns its type.
  ElementType AddParameters(int channels, int largest_dot);

  // Chooses one bit or two for the activations that an op gives. Their
  // attribute is the last one, which may be left out.
  int Thresholds();
  void AddActivationBits(int thresholds);

  // The two for a convolution: returns the shape of its thresholds.
  std::vector<int> ThresholdShape(int outputs);

  // The channels that the words of some bits are read as: all of them, or one
  // plane of two.
  int ChannelsOf(int bits, int* largest_level);

  // The shape of a convolution's result, or one that is possible if there is
  // none. Strides and padding are the options from number `first` on.
  std::vector<int> ConvResult(const std::vector<int>& image, int kernel_h,
                              int kernel_w, int first, int outputs) const;

  Choices& choices_;
  TensorMaker& tensors_;
  std::vector<int32_t> options_;
  std::vector<int> inputs_;
  int output_count_ = 1;
};

}  // namespace bifsmn

#endif  // BIFSMN_TESTS_FUZZ_OP_DESCRIBER_H_
