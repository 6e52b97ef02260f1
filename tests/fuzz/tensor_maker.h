// The tensors of the fuzzer's graphs: what is in them, and which there are.

#ifndef BIFSMN_TESTS_FUZZ_TENSOR_MAKER_H_
#define BIFSMN_TESTS_FUZZ_TENSOR_MAKER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "custom_ops/ops/tensor.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/op_graph.h"

namespace bifsmn {

// A float as a word of an op's options.
int32_t WordOf(float value);

class TensorMaker {
 public:
  using Kind = GraphTensor::Kind;

  TensorMaker(Choices* choices, OpGraph* graph)
      : choices_(*choices), graph_(*graph), batch_(choices->In(1, 3)) {}

  int batch() const { return batch_; }
  GraphTensor& tensor(int number) { return graph_.tensors[number]; }
  const std::vector<int>& shape(int number) const {
    return graph_.tensors[number].info.shape;
  }

  int Size();
  int Channels();
  ElementType AnyType();

  // Adds a tensor that no op computes, and returns its number. `shape` is in
  // channels.
  int Add(Kind kind, ElementType type, const std::vector<int>& shape,
          bool is_constant);
  int AddConstant(ElementType type, const std::vector<int>& shape);
  int AddBitsConstant(const std::vector<int>& shape);

  // As AddConstant, integers [rows][columns] that may be packed.
  int AddIntegers(ElementType type, const std::vector<int>& shape);

  // Makes a content to match the type and the shape.
  void Fill(GraphTensor* tensor);

  // A tensor of that kind that there is already, the latest first, or -1.
  int Find(Kind kind, size_t rank);

  // One that there is, or a new one.
  int Bits();
  int Residual(const std::vector<int>& shape, ElementType type);

 private:
  void PackRow(const int16_t* row, size_t columns, std::vector<char>* packed);
  void ClearUnusedBits(GraphTensor* tensor);

  Choices& choices_;
  OpGraph& graph_;
  const int batch_;
};

}  // namespace bifsmn

#endif  // BIFSMN_TESTS_FUZZ_TENSOR_MAKER_H_
