#include "custom_ops/engine/program.h"

#include <algorithm>
#include <string_view>

#include "custom_ops/ops/op.h"

namespace bifsmn {
namespace {

// Far more than any network for a board works in.
constexpr size_t kMostMemory = size_t{64} << 20;

// What an op packs when it is planned. Its other inputs it reads when it runs,
// when the file may be gone.
constexpr std::string_view kConstants[] = {"weights", "thresholds",
                                           "parameters", "scale_bias"};

Status CheckConstants(const ModelFile::Graph& graph,
                      const ModelFile::Operator& op) {
  const OpDefinition* definition = FindOp(op.custom_name);
  if (definition == nullptr) return Status();
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const int tensor = op.inputs[i];
    if (tensor < 0 || graph.tensors[tensor].constant == nullptr) continue;
    const size_t known = std::min(i, definition->inputs.size() - 1);
    const std::string_view name = definition->inputs[known];
    if (std::find(std::begin(kConstants), std::end(kConstants), name) ==
        std::end(kConstants)) {
      return Status::Error("input %s is a constant, not computed",
                           std::string(name).c_str())
          .In(definition->name);
    }
  }
  return Status();
}

}  // namespace

Status Program::Plan(const ModelFile& file,
                     const ModelFile::Signature& signature, Program* program) {
  const ModelFile::Graph& graph = file.graphs()[signature.graph];
  *program = Program();
  BIFSMN_RETURN_IF_ERROR(program->AddOps(graph));
  std::vector<int> results;
  for (const auto& entry : signature.outputs) results.push_back(entry.tensor);
  BIFSMN_RETURN_IF_ERROR(program->partition_.SetOutputs(results));
  std::vector<TensorInfo> inputs, outputs;
  BIFSMN_RETURN_IF_ERROR(program->AddInputs(graph, signature, &inputs));
  BIFSMN_RETURN_IF_ERROR(program->partition_.PlanOnce(inputs, &outputs));
  if (program->memory_bytes() > kMostMemory) {
    return Status::Error("it needs %zu bytes to work in, at most %zu",
                         program->memory_bytes(), kMostMemory);
  }
  return program->CheckOutputs(graph, signature, outputs);
}

Status Program::AddOps(const ModelFile::Graph& graph) {
  for (const ModelFile::Operator& op : graph.operators) {
    if (op.custom_name.empty()) {
      return Status::Error(
          "an operator is number %d of TensorFlow Lite's own, which only its "
          "runtime has",
          op.builtin_code);
    }
    BIFSMN_RETURN_IF_ERROR(CheckConstants(graph, op));
    BIFSMN_RETURN_IF_ERROR(partition_.AddOp(op.custom_name, op.options.data(),
                                            op.options.size(), op.inputs,
                                            op.outputs));
  }
  return Status();
}

Status Program::AddInputs(const ModelFile::Graph& graph,
                          const ModelFile::Signature& signature,
                          std::vector<TensorInfo>* infos) {
  for (const auto& entry : signature.inputs) {
    TensorInfo info = graph.tensors[entry.tensor];
    if (SizeOf(info.type) == 0 || info.constant != nullptr) {
      return Status::Error("input %s is of %s or a constant",
                           entry.name.c_str(), NameOf(info.type));
    }
    BIFSMN_RETURN_IF_ERROR(CheckShape(info.shape).In("input " + entry.name));
    inputs_.push_back({entry.name, info});
  }
  for (const int tensor : partition_.inputs()) {
    const auto found = std::find_if(
        signature.inputs.begin(), signature.inputs.end(),
        [=](const ModelFile::Entry& entry) { return entry.tensor == tensor; });
    int number = -1;
    if (found != signature.inputs.end()) {
      number = static_cast<int>(found - signature.inputs.begin());
    } else if (graph.tensors[tensor].constant == nullptr) {
      return Status::Error("tensor %d is read, but nothing computes it",
                           tensor);
    }
    input_numbers_.push_back(number);
    infos->push_back(graph.tensors[tensor]);
  }
  input_pointers_.assign(infos->size(), nullptr);
  return Status();
}

Status Program::CheckOutputs(const ModelFile::Graph& graph,
                             const ModelFile::Signature& signature,
                             const std::vector<TensorInfo>& planned) {
  for (size_t i = 0; i < planned.size(); ++i) {
    const auto& entry = signature.outputs[i];
    const TensorInfo& info = graph.tensors[entry.tensor];
    if (info.type != planned[i].type || info.shape != planned[i].shape) {
      return Status::Error(
          "output %s is %s %s, but %s %s is computed", entry.name.c_str(),
          NameOf(info.type), ShapeText(info.shape).c_str(),
          NameOf(planned[i].type), ShapeText(planned[i].shape).c_str());
    }
    outputs_.push_back({entry.name, planned[i]});
  }
  return Status();
}

int Program::Find(const std::vector<Tensor>& tensors, const char* name) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

void Program::Run(const void* const* inputs, void* const* outputs) {
  for (size_t i = 0; i < input_numbers_.size(); ++i) {
    if (input_numbers_[i] >= 0) input_pointers_[i] = inputs[input_numbers_[i]];
  }
  partition_.Run(input_pointers_.data(), outputs);
}

}  // namespace bifsmn
