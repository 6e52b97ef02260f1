// A signature of a model file, planned: runs without allocating.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_PROGRAM_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_PROGRAM_H_

#include <cstddef>
#include <string>
#include <vector>

#include "custom_ops/engine/model_file.h"
#include "custom_ops/engine/partition.h"
#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

class Program {
 public:
  struct Tensor {
    std::string name;
    TensorInfo info;
  };

  // Plans a signature whose ops are all the project's. The file may go
  // afterwards.
  static Status Plan(const ModelFile& file,
                     const ModelFile::Signature& signature, Program* program);

  // Then: works in memory of memory_bytes(), aligned to 64 bytes, which other
  // programs may use between two runs; and shares constants with them.
  void Share(ConstantPool* pool) { partition_.Share(pool); }
  size_t memory_bytes() const { return partition_.memory_bytes(); }
  void Settle(void* memory) {
    partition_.Settle(static_cast<std::byte*>(memory));
  }

  // In the order of the signature.
  const std::vector<Tensor>& inputs() const { return inputs_; }
  const std::vector<Tensor>& outputs() const { return outputs_; }

  // The number of the input or output of that name, or -1.
  static int Find(const std::vector<Tensor>& tensors, const char* name);

  // Runs. The pointers are in the order of inputs() and outputs(), aligned to
  // their elements; no result may lie in an input.
  void Run(const void* const* inputs, void* const* outputs);

 private:
  Status AddOps(const ModelFile::Graph& graph);
  Status AddInputs(const ModelFile::Graph& graph,
                   const ModelFile::Signature& signature,
                   std::vector<TensorInfo>* infos);
  Status CheckOutputs(const ModelFile::Graph& graph,
                      const ModelFile::Signature& signature,
                      const std::vector<TensorInfo>& planned);

  Partition partition_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  // Of every input of the partition, the number in inputs_; -1 for constants.
  std::vector<int> input_numbers_;
  std::vector<const void*> input_pointers_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_PROGRAM_H_
