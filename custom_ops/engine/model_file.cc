#include "custom_ops/engine/model_file.h"

#include <algorithm>
#include <cstdint>

#include "custom_ops/engine/flatbuffer.h"

namespace bifsmn {
namespace {

constexpr std::string_view kIdentifier = "TFL3";
constexpr int kCustomBuiltinCode = 32;

// Fields of the schema's tables.
enum ModelField {
  kModelCodes = 1,
  kModelGraphs = 2,
  kModelBuffers = 4,
  kModelMetadata = 6,
  kModelSignatures = 7
};
enum CodeField { kCodeDeprecated = 0, kCodeCustom = 1, kCodeBuiltin = 3 };
enum GraphField { kGraphTensors = 0, kGraphOperators = 3 };
enum TensorField { kTensorShape = 0, kTensorType = 1, kTensorBuffer = 2 };
enum OperatorField {
  kOperatorCode = 0,
  kOperatorInputs = 1,
  kOperatorOutputs = 2,
  kOperatorOptions = 5
};
enum SignatureField {
  kSignatureInputs = 0,
  kSignatureOutputs = 1,
  kSignatureKey = 2,
  kSignatureGraph = 4
};
enum EntryField { kEntryName = 0, kEntryTensor = 1 };
enum MetadataField { kMetadataName = 0, kMetadataBuffer = 1 };
constexpr int kBufferData = 0;

ElementType TypeOf(int schema_type) {
  switch (schema_type) {
    case 0:
      return ElementType::kFloat32;
    case 1:
      return ElementType::kFloat16;
    case 2:
      return ElementType::kInt32;
    case 7:
      return ElementType::kInt16;
    case 9:
      return ElementType::kInt8;
  }
  return ElementType::kOther;
}

Status CheckNumber(const char* what, int64_t number, size_t count) {
  if (number >= 0 && static_cast<uint64_t>(number) < count) return Status();
  return Status::Error("not a valid model: %s refers to number %lld of %zu",
                       what, static_cast<long long>(number), count);
}

Status CheckTensors(const char* what, const std::vector<int>& numbers,
                    size_t count) {
  for (const int number : numbers) {
    if (number == -1) continue;
    BIFSMN_RETURN_IF_ERROR(CheckNumber(what, number, count));
  }
  return Status();
}

}  // namespace

class ModelFile::Parser {
 public:
  Parser(const void* content, size_t bytes, ModelFile* model)
      : file_(content, bytes), model_(*model) {}

  Status Parse() {
    if (file_.identifier() != kIdentifier) {
      return Status::Error(
          "not a TensorFlow Lite model: it has no identifier TFL3");
    }
    const auto root = file_.Root();
    ReadBuffers(root);
    ReadCodes(root);
    const auto graphs = file_.Tables(root, kModelGraphs);
    for (size_t i = 0; i < graphs.count && file_.status().ok(); ++i) {
      BIFSMN_RETURN_IF_ERROR(ReadGraph(file_.At(graphs, i)));
    }
    const auto signatures = file_.Tables(root, kModelSignatures);
    for (size_t i = 0; i < signatures.count && file_.status().ok(); ++i) {
      BIFSMN_RETURN_IF_ERROR(ReadSignature(file_.At(signatures, i)));
    }
    const auto metadata = file_.Tables(root, kModelMetadata);
    for (size_t i = 0; i < metadata.count && file_.status().ok(); ++i) {
      const auto entry = file_.At(metadata, i);
      const auto buffer = file_.Scalar<uint32_t>(entry, kMetadataBuffer, 0);
      BIFSMN_RETURN_IF_ERROR(CheckNumber("metadata", buffer, buffers_.size()));
      model_.metadata_.push_back(
          {file_.Bytes(entry, kMetadataName), buffers_[buffer]});
    }
    return file_.status();
  }

 private:
  struct Code {
    std::string_view custom_name;
    int builtin_code;
  };

  void ReadBuffers(const FlatBuffer::Table& root) {
    const auto buffers = file_.Tables(root, kModelBuffers);
    for (size_t i = 0; i < buffers.count && file_.status().ok(); ++i) {
      buffers_.push_back(file_.Bytes(file_.At(buffers, i), kBufferData));
    }
  }

  void ReadCodes(const FlatBuffer::Table& root) {
    const auto codes = file_.Tables(root, kModelCodes);
    for (size_t i = 0; i < codes.count && file_.status().ok(); ++i) {
      const auto code = file_.At(codes, i);
      // Numbers above 127 are in the second field, lower ones in either.
      const int builtin =
          std::max<int>(file_.Scalar<int8_t>(code, kCodeDeprecated, 0),
                        file_.Scalar<int32_t>(code, kCodeBuiltin, 0));
      std::string_view name;
      if (builtin == kCustomBuiltinCode) name = file_.Bytes(code, kCodeCustom);
      codes_.push_back({name, builtin});
    }
  }

  Status ReadGraph(const FlatBuffer::Table& table) {
    Graph graph;
    const auto tensors = file_.Tables(table, kGraphTensors);
    for (size_t i = 0; i < tensors.count && file_.status().ok(); ++i) {
      const auto tensor = file_.At(tensors, i);
      const auto buffer = file_.Scalar<uint32_t>(tensor, kTensorBuffer, 0);
      BIFSMN_RETURN_IF_ERROR(CheckNumber("a tensor", buffer, buffers_.size()));
      const std::string_view content = buffers_[buffer];
      graph.tensors.push_back(
          {TypeOf(file_.Scalar<int8_t>(tensor, kTensorType, 0)),
           file_.Ints(tensor, kTensorShape),
           content.empty() ? nullptr : content.data(), content.size()});
    }
    const auto operators = file_.Tables(table, kGraphOperators);
    for (size_t i = 0; i < operators.count && file_.status().ok(); ++i) {
      const auto node = file_.At(operators, i);
      const auto code = file_.Scalar<uint32_t>(node, kOperatorCode, 0);
      BIFSMN_RETURN_IF_ERROR(CheckNumber("an operator", code, codes_.size()));
      Operator op = {codes_[code].custom_name, codes_[code].builtin_code,
                     file_.Bytes(node, kOperatorOptions),
                     file_.Ints(node, kOperatorInputs),
                     file_.Ints(node, kOperatorOutputs)};
      for (const auto* numbers : {&op.inputs, &op.outputs}) {
        BIFSMN_RETURN_IF_ERROR(
            CheckTensors("an operator", *numbers, graph.tensors.size()));
      }
      graph.operators.push_back(std::move(op));
    }
    model_.graphs_.push_back(std::move(graph));
    return file_.status();
  }

  Status ReadSignature(const FlatBuffer::Table& table) {
    Signature signature;
    signature.key = file_.Bytes(table, kSignatureKey);
    signature.graph = file_.Scalar<uint32_t>(table, kSignatureGraph, 0);
    BIFSMN_RETURN_IF_ERROR(CheckNumber("a signature",
                                       static_cast<int64_t>(signature.graph),
                                       model_.graphs_.size()));
    const size_t count = model_.graphs_[signature.graph].tensors.size();
    BIFSMN_RETURN_IF_ERROR(
        ReadEntries(table, kSignatureInputs, count, &signature.inputs));
    BIFSMN_RETURN_IF_ERROR(
        ReadEntries(table, kSignatureOutputs, count, &signature.outputs));
    model_.signatures_.push_back(std::move(signature));
    return file_.status();
  }

  Status ReadEntries(const FlatBuffer::Table& table, int field, size_t count,
                     std::vector<Entry>* entries) {
    const auto tables = file_.Tables(table, field);
    for (size_t i = 0; i < tables.count && file_.status().ok(); ++i) {
      const auto entry = file_.At(tables, i);
      const auto tensor = file_.Scalar<uint32_t>(entry, kEntryTensor, 0);
      BIFSMN_RETURN_IF_ERROR(CheckNumber("a signature", tensor, count));
      entries->push_back({std::string(file_.Bytes(entry, kEntryName)),
                          static_cast<int>(tensor)});
    }
    return file_.status();
  }

  FlatBuffer file_;
  ModelFile& model_;
  std::vector<std::string_view> buffers_;
  std::vector<Code> codes_;
};

Status ModelFile::Parse(const void* content, size_t bytes, ModelFile* file) {
  *file = ModelFile();
  return Parser(content, bytes, file).Parse();
}

const ModelFile::Signature* ModelFile::FindSignature(
    std::string_view key) const {
  for (const Signature& signature : signatures_) {
    if (signature.key == key) return &signature;
  }
  return nullptr;
}

const std::string_view* ModelFile::FindMetadata(std::string_view name) const {
  for (const Metadata& entry : metadata_) {
    if (entry.name == name) return &entry.content;
  }
  return nullptr;
}

}  // namespace bifsmn
