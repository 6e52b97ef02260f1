// Graphs of ops for the fuzzer: mostly right, wrong in a place or two.

#ifndef BIFSMN_TESTS_FUZZ_OP_GRAPH_H_
#define BIFSMN_TESTS_FUZZ_OP_GRAPH_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "custom_ops/ops/op.h"
#include "custom_ops/ops/tensor.h"
#include "tests/fuzz/choices.h"

namespace bifsmn {

struct GraphTensor {
  enum Kind { kBits, kResidual, kFeatures, kLevels, kState, kOther };

  // `constant` is set when the graph is run.
  TensorInfo info;
  // Of bits: how many, in the words of a pixel.
  int channels = 0;
  Kind kind = kOther;

  // Of what no op computes; may be shorter or longer than its shape says.
  std::vector<char> content;
  bool is_constant = false;
  // Bytes by which a constant lies off its alignment.
  int misaligned = 0;
};

struct GraphNode {
  std::string op;
  std::vector<int32_t> options;
  // Numbers of tensors; -1 for an input that is absent.
  std::vector<int> inputs;
  std::vector<int> outputs;
};

struct OpGraph {
  std::deque<GraphTensor> tensors;
  std::vector<GraphNode> nodes;
  // Whether no bit that stands for no channel is set in any activation: what is
  // computed from others is not specified.
  bool has_clean_bits = true;

  bool IsComputed(int tensor) const;
  bool Has(const char* op) const;
};

// Makes a graph whose every decision is one of the input's.
OpGraph MakeGraph(Choices* choices);

}  // namespace bifsmn

#endif  // BIFSMN_TESTS_FUZZ_OP_GRAPH_H_
