// A .tflite, as far as the engine reads it: graphs of the project's ops,
// signatures, metadata. bifsmn_tf/model_file/schema.py has the same tables.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_MODEL_FILE_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_MODEL_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "custom_ops/ops/status.h"
#include "custom_ops/ops/tensor.h"

namespace bifsmn {

// A view of a file, which has to stay where it is.
class ModelFile {
 public:
  struct Operator {
    // Of a custom op; empty for one of a runtime's own.
    std::string_view custom_name;
    int builtin_code;
    std::string_view options;
    // Numbers of tensors; -1 for one that is absent.
    std::vector<int> inputs;
    std::vector<int> outputs;
  };

  struct Graph {
    std::vector<TensorInfo> tensors;
    std::vector<Operator> operators;
  };

  // A tensor by its name in a signature.
  struct Entry {
    std::string name;
    int tensor;
  };

  struct Signature {
    std::string key;
    size_t graph;
    std::vector<Entry> inputs;
    std::vector<Entry> outputs;
  };

  // Reads a file, or says what is wrong with it.
  static Status Parse(const void* content, size_t bytes, ModelFile* file);

  const std::vector<Graph>& graphs() const { return graphs_; }
  const std::vector<Signature>& signatures() const { return signatures_; }

  // The signature of that key, or null.
  const Signature* FindSignature(std::string_view key) const;

  // The metadata of that name, or null.
  const std::string_view* FindMetadata(std::string_view name) const;

 private:
  class Parser;

  struct Metadata {
    std::string_view name;
    std::string_view content;
  };

  std::vector<Graph> graphs_;
  std::vector<Signature> signatures_;
  std::vector<Metadata> metadata_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_MODEL_FILE_H_
