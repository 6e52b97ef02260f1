#include "tests/fuzz/op_graph.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "custom_ops/kernels/bits.h"
#include "tests/fuzz/op_describer.h"
#include "tests/fuzz/tensor_maker.h"

namespace bifsmn {
namespace {

class GraphMaker {
 public:
  explicit GraphMaker(Choices* choices)
      : choices_(*choices),
        tensors_(choices, &graph_),
        describer_(choices, &tensors_) {}

  OpGraph Make() {
    const int count = choices_.OneIn(2) ? choices_.In(1, 6) : 1;
    for (int i = 0; i < count; ++i) {
      const auto& definitions = OpDefinitions();
      const OpDefinition& definition =
          *definitions[choices_.Byte() % definitions.size()];
      op_ = describer_.Describe(definition);
      if (choices_.OneIn(6)) Damage();
      if (!AddNode(definition)) break;
    }
    return std::move(graph_);
  }

 private:
  using Kind = GraphTensor::Kind;

  int32_t AnyNumber() {
    return choices_.Of({0, 1, -1, 2, 16, 255, 16382, 16383, 65536, 1 << 20,
                        1 << 28, 1 << 30, std::numeric_limits<int>::max(),
                        std::numeric_limits<int>::min(), choices_.Word(),
                        int{choices_.Byte()}});
  }

  // Makes something wrong.
  void Damage() {
    GraphTensor* tensor = nullptr;
    const size_t number = choices_.Byte() % op_.inputs.size();
    // What an op computes stays as it is.
    if (op_.inputs[number] >= 0 && !graph_.IsComputed(op_.inputs[number])) {
      tensor = &graph_.tensors[op_.inputs[number]];
    }
    switch (choices_.In(0, 10)) {
      case 0:
      case 1:
        op_.options[choices_.Byte() % op_.options.size()] = AnyNumber();
        return;
      case 2:
        op_.options.resize(choices_.Byte() % (op_.options.size() + 3));
        return;
      case 3:
        op_.output_count = choices_.In(0, 3);
        return;
      case 4:
        op_.inputs[number] = -1;
        return;
      case 5:
        op_.inputs.resize(choices_.Byte() % (op_.inputs.size() + 2), -1);
        return;
      case 6:
        op_.inputs[number] = choices_.Byte() % graph_.tensors.size();
        return;
      default:
        if (tensor != nullptr) DamageTensor(tensor);
    }
  }

  void DamageTensor(GraphTensor* tensor) {
    std::vector<int>& shape = tensor->info.shape;
    switch (choices_.In(0, 6)) {
      case 0:
      case 1:
        // Its content stays as large as it was.
        shape[choices_.Byte() % shape.size()] = AnyNumber();
        break;
      case 2:
        // With a content to match.
        shape[choices_.Byte() % shape.size()] = tensors_.Size();
        tensors_.Fill(tensor);
        break;
      case 3:
        shape.resize(choices_.In(1, 6), 1);
        break;
      case 4:
        tensor->info.type = tensors_.AnyType();
        break;
      case 5:
        tensor->content.resize(choices_.Byte() % (tensor->content.size() + 9));
        break;
      case 6:
        tensor->is_constant = !tensor->is_constant;
        break;
    }
  }

  // Adds the described op and its results; whether others may follow it.
  bool AddNode(const OpDefinition& definition) {
    GraphNode node = {definition.name, op_.options, op_.inputs, {}};
    for (int i = 0; i < op_.output_count; ++i) {
      node.outputs.push_back(static_cast<int>(graph_.tensors.size()));
      graph_.tensors.emplace_back();
    }
    graph_.nodes.push_back(node);
    std::unique_ptr<Op> op;
    std::vector<const TensorInfo*> inputs;
    std::vector<TensorInfo> infos(op_.inputs.size());
    for (size_t i = 0; i < op_.inputs.size(); ++i) {
      if (op_.inputs[i] < 0) {
        inputs.push_back(nullptr);
        continue;
      }
      const GraphTensor& tensor = graph_.tensors[op_.inputs[i]];
      infos[i] = tensor.info;
      if (tensor.is_constant) {
        infos[i].constant = tensor.content.data();
        infos[i].constant_bytes = tensor.content.size();
      }
      inputs.push_back(&infos[i]);
    }
    std::vector<TensorInfo> outputs;
    if (!CreateOp(node.op, node.options.data(),
                  node.options.size() * sizeof(int32_t), &op)
             .ok() ||
        !op->Plan(inputs, op_.output_count, &outputs).ok()) {
      return false;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      GraphTensor& tensor = graph_.tensors[node.outputs[i]];
      tensor.info = outputs[i];
      DescribeResult(definition.outputs[i], &tensor);
    }
    return true;
  }

  void DescribeResult(const std::string& name, GraphTensor* tensor) {
    if (name == "features") tensor->kind = Kind::kFeatures;
    if (name == "state") tensor->kind = Kind::kState;
    if (name == "window") {
      const GraphTensor& added = graph_.tensors[op_.inputs[1]];
      tensor->channels = added.channels;
      // A state has bits where there are no channels.
      if (added.kind != Kind::kBits || UnusedBits(added.channels) == 0) {
        tensor->kind = added.kind;
      }
    }
    if (name == "stream" || name == "result") {
      tensor->kind = tensor->info.type == ElementType::kInt8 ? Kind::kLevels
                                                             : Kind::kResidual;
      tensor->channels = tensor->info.shape.back();
    }
    if (name == "bits" || name == "bits?") {
      tensor->kind = Kind::kBits;
      // Of the residual before it, or the op's outputs.
      const int from = op_.inputs[name == "bits" ? 1 : 0];
      tensor->channels =
          name == "bits"
              ? graph_.tensors[from].info.shape[0]
              : graph_.tensors[graph_.nodes.back().outputs[0]].channels;
      // Two planes are as many channels as their words have bits.
      const int words = tensor->info.shape.back();
      if (words != WordsFor(tensor->channels)) {
        tensor->channels = words * kWordBits;
      }
    }
  }

  Choices& choices_;
  OpGraph graph_;
  TensorMaker tensors_;
  OpDescriber describer_;
  // The op that is made.
  OpDescription op_;
};

}  // namespace

bool OpGraph::IsComputed(int tensor) const {
  return std::any_of(nodes.begin(), nodes.end(), [=](const GraphNode& node) {
    return std::find(node.outputs.begin(), node.outputs.end(), tensor) !=
           node.outputs.end();
  });
}

bool OpGraph::Has(const char* op) const {
  return std::any_of(nodes.begin(), nodes.end(),
                     [=](const GraphNode& node) { return node.op == op; });
}

OpGraph MakeGraph(Choices* choices) { return GraphMaker(choices).Make(); }

}  // namespace bifsmn
