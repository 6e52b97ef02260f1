// Runs one op, for tests.

#ifndef BIFSMN_CUSTOM_OPS_OPS_OP_TEST_UTIL_H_
#define BIFSMN_CUSTOM_OPS_OPS_OP_TEST_UTIL_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "custom_ops/ops/op.h"
#include "custom_ops/ops/workspace.h"

namespace bifsmn {

inline int32_t BitsOf(float value) {
  int32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return word;
}

template <typename T>
ElementType TypeOf();
template <>
inline ElementType TypeOf<float>() {
  return ElementType::kFloat32;
}
template <>
inline ElementType TypeOf<int32_t>() {
  return ElementType::kInt32;
}
template <>
inline ElementType TypeOf<int16_t>() {
  return ElementType::kInt16;
}
template <>
inline ElementType TypeOf<uint16_t>() {
  return ElementType::kInt16;
}
template <>
inline ElementType TypeOf<int8_t>() {
  return ElementType::kInt8;
}

// A failure whose message has `text` in it.
MATCHER_P(FailsWith, text, "") {
  *result_listener << "\"" << arg.message() << "\"";
  return !arg.ok() && arg.message().find(text) != std::string::npos;
}

MATCHER(Succeeds, "") {
  *result_listener << "\"" << arg.message() << "\"";
  return arg.ok();
}

// An op with its tensors, which may be changed before it is planned.
class OpRunner {
 public:
  // `attributes` are the words after the contract's version.
  OpRunner(std::string name, std::vector<int32_t> attributes)
      : name_(std::move(name)), attributes_(std::move(attributes)) {}

  // Adds an input whose content is known when the op runs.
  template <typename T>
  void Add(const std::vector<int>& shape, const std::vector<T>& values) {
    infos_.push_back({TypeOf<T>(), shape});
    const auto* bytes = reinterpret_cast<const char*>(values.data());
    contents_.emplace_back(bytes, bytes + values.size() * sizeof(T));
    present_.push_back(true);
  }

  // Adds an input whose content is known when the op is planned.
  template <typename T>
  void AddConstant(const std::vector<int>& shape,
                   const std::vector<T>& values) {
    Add(shape, values);
    infos_.back().constant = contents_.back().data();
    infos_.back().constant_bytes = contents_.back().size();
  }

  void AddAbsent() {
    infos_.emplace_back();
    contents_.emplace_back();
    present_.push_back(false);
  }

  TensorInfo& input(int i) { return infos_[i]; }
  void Remove(int i) { present_[i] = false; }
  void RemoveLast() {
    infos_.pop_back();
    contents_.pop_back();
    present_.pop_back();
  }

  Status Plan(int output_count = 1) {
    std::vector<int32_t> options = {kContractVersion};
    options.insert(options.end(), attributes_.begin(), attributes_.end());
    BIFSMN_RETURN_IF_ERROR(CreateOp(name_, options.data(),
                                    options.size() * sizeof(int32_t), &op_));
    std::vector<const TensorInfo*> inputs;
    for (size_t i = 0; i < infos_.size(); ++i) {
      inputs.push_back(present_[i] ? &infos_[i] : nullptr);
    }
    return op_->Plan(inputs, output_count, &outputs_);
  }

  void Run() {
    std::vector<const void*> inputs;
    for (const auto& content : contents_) inputs.push_back(content.data());
    std::vector<void*> outputs;
    results_.clear();
    for (const TensorInfo& info : outputs_) {
      results_.emplace_back(info.bytes(), '\xff');
      outputs.push_back(results_.back().data());
    }
    struct alignas(kWorkspaceAlignment) Line {
      char bytes[kWorkspaceAlignment];
    };
    std::vector<Line> workspace(op_->workspace_bytes() / sizeof(Line));
    std::fill_n(reinterpret_cast<char*>(workspace.data()),
                op_->workspace_bytes(), '\xff');
    op_->Run(inputs.data(), outputs.data(), workspace.data());
  }

  const TensorInfo& output(int i) const { return outputs_[i]; }

  template <typename T>
  std::vector<T> Result(int i) const {
    std::vector<T> values(results_[i].size() / sizeof(T));
    std::memcpy(values.data(), results_[i].data(), results_[i].size());
    return values;
  }

 private:
  std::string name_;
  std::vector<int32_t> attributes_;
  std::deque<TensorInfo> infos_;
  std::deque<std::vector<char>> contents_;
  std::vector<bool> present_;
  std::unique_ptr<Op> op_;
  std::vector<TensorInfo> outputs_;
  std::deque<std::vector<char>> results_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_OP_TEST_UTIL_H_
