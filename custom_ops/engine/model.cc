#include "custom_ops/engine/model.h"

#include <cstdint>

#include "custom_ops/engine/errors.h"
#include "custom_ops/kernels/kernel_names.h"

namespace bifsmn {
namespace {

bifsmn_type TypeOf(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return BIFSMN_FLOAT32;
    case ElementType::kFloat16:
      return BIFSMN_FLOAT16;
    case ElementType::kInt32:
      return BIFSMN_INT32;
    case ElementType::kInt16:
      return BIFSMN_INT16;
    default:
      return BIFSMN_INT8;
  }
}

std::vector<bifsmn_tensor> Describe(
    const std::vector<Program::Tensor>& tensors) {
  std::vector<bifsmn_tensor> described;
  for (const Program::Tensor& tensor : tensors) {
    described.push_back({tensor.name.c_str(), TypeOf(tensor.info.type),
                         tensor.info.shape.data(),
                         static_cast<int>(tensor.info.shape.size()),
                         tensor.info.bytes()});
  }
  return described;
}

Status CheckPointers(const char* what,
                     const std::vector<Program::Tensor>& tensors,
                     const void* const* pointers) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto address = reinterpret_cast<uintptr_t>(pointers[i]);
    if (address == 0 || address % SizeOf(tensors[i].info.type) != 0) {
      return Status::Error("%s %s is null or not aligned to its elements", what,
                           tensors[i].name.c_str());
    }
  }
  return Status();
}

}  // namespace

Status CheckKernelChoice() {
  const std::string fault = KernelChoiceFault();
  return fault.empty() ? Status() : Status::Error("%s", fault.c_str());
}

}  // namespace bifsmn

using bifsmn::Program;
using bifsmn::Status;
using bifsmn::Succeeds;

bifsmn_model* bifsmn_model_create(const void* content, size_t bytes,
                                  char* error, size_t error_bytes) {
  bifsmn_model* result = nullptr;
  Succeeds({error, error_bytes}, [&] {
    BIFSMN_RETURN_IF_ERROR(bifsmn::CheckKernelChoice());
    auto made = std::make_unique<bifsmn_model>();
    BIFSMN_RETURN_IF_ERROR(
        bifsmn::ModelFile::Parse(content, bytes, &made->file));
    result = made.release();
    return Status();
  });
  return result;
}

void bifsmn_model_destroy(bifsmn_model* model) { delete model; }

int bifsmn_model_plan(bifsmn_model* model, const char* key, char* error,
                      size_t error_bytes) {
  int number = -1;
  Succeeds({error, error_bytes}, [&] {
    const auto* signature = model->file.FindSignature(key);
    if (signature == nullptr) {
      return Status::Error("the model has no signature %s", key);
    }
    auto planned = std::make_unique<bifsmn_model::Signature>();
    BIFSMN_RETURN_IF_ERROR(
        Program::Plan(model->file, *signature, &planned->program).In(key));
    Program& program = planned->program;
    program.Share(&model->pool);
    planned->memory.Resize(program.memory_bytes());
    program.Settle(planned->memory.data());
    planned->inputs = bifsmn::Describe(program.inputs());
    planned->outputs = bifsmn::Describe(program.outputs());
    model->signatures.push_back(std::move(planned));
    number = static_cast<int>(model->signatures.size()) - 1;
    return Status();
  });
  return number;
}

int bifsmn_model_inputs(const bifsmn_model* model, int signature) {
  return static_cast<int>(model->signatures[signature]->inputs.size());
}

int bifsmn_model_outputs(const bifsmn_model* model, int signature) {
  return static_cast<int>(model->signatures[signature]->outputs.size());
}

const bifsmn_tensor* bifsmn_model_input(const bifsmn_model* model,
                                        int signature, int number) {
  return &model->signatures[signature]->inputs[number];
}

const bifsmn_tensor* bifsmn_model_output(const bifsmn_model* model,
                                         int signature, int number) {
  return &model->signatures[signature]->outputs[number];
}

int bifsmn_model_run(bifsmn_model* model, int signature,
                     const void* const* inputs, void* const* outputs,
                     char* error, size_t error_bytes) {
  Program& program = model->signatures[signature]->program;
  const bool succeeded = Succeeds({error, error_bytes}, [&] {
    BIFSMN_RETURN_IF_ERROR(
        bifsmn::CheckPointers("input", program.inputs(), inputs));
    BIFSMN_RETURN_IF_ERROR(
        bifsmn::CheckPointers("output", program.outputs(), outputs));
    program.Run(inputs, outputs);
    return Status();
  });
  return succeeded ? 0 : -1;
}
