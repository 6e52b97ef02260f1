// The signatures of a model file that a caller has asked for, behind bifsmn.h.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_MODEL_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_MODEL_H_

#include <memory>
#include <vector>

#include "custom_ops/engine/bifsmn.h"
#include "custom_ops/engine/model_file.h"
#include "custom_ops/engine/program.h"

namespace bifsmn {

// Whether BIFSMN_ISA and BIFSMN_KERNELS name what this processor has.
Status CheckKernelChoice();

}  // namespace bifsmn

// The type that bifsmn.h leaves incomplete.
struct bifsmn_model {
  struct Signature {
    bifsmn::Program program;
    bifsmn::AlignedBuffer<char> memory;
    // As the caller sees them; names and shapes are the program's.
    std::vector<bifsmn_tensor> inputs;
    std::vector<bifsmn_tensor> outputs;
  };

  bifsmn::ModelFile file;
  std::vector<std::unique_ptr<Signature>> signatures;
  // What the signatures have in common.
  bifsmn::ConstantPool pool;
};

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_MODEL_H_
