// Feeds wrong and right graphs to the ops and to a partition of them.
//
// What is run is run by every kernel of this processor, by op and as a
// partition, in buffers of exactly the promised sizes: the sanitizers watch,
// and results have to be the portable kernels', bit for bit.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "custom_ops/engine/partition.h"
#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/dense.h"
#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/igemm.h"
#include "custom_ops/kernels/log_mel.h"
#include "custom_ops/kernels/memory.h"
#include "custom_ops/ops/op.h"
#include "custom_ops/ops/validation.h"
#include "custom_ops/ops/workspace.h"
#include "tests/fuzz/choices.h"
#include "tests/fuzz/op_graph.h"

namespace bifsmn {
namespace {

// What is larger is planned but not run.
constexpr size_t kMaxBytes = 1 << 20;
constexpr int64_t kMaxProducts = 1 << 21;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "op_fuzzer: %s\n", what.c_str());
  std::abort();
}

// Memory with nothing usable before or behind it, at an address that is a
// multiple of `alignment` and of no higher power of two.
class Guarded {
 public:
  Guarded(size_t bytes, size_t alignment, int fill)
      : begin_(alignment < kWorkspaceAlignment ? alignment : 0), bytes_(bytes) {
    memory_.reset(static_cast<char*>(::operator new[](
        begin_ + bytes, std::align_val_t{kWorkspaceAlignment})));
    std::memset(memory_.get(), fill, begin_ + bytes);
  }

  char* data() { return memory_.get() + begin_; }
  const char* data() const { return memory_.get() + begin_; }
  size_t size() const { return bytes_; }

 private:
  struct Free {
    void operator()(char* memory) const {
      ::operator delete[](memory, std::align_val_t{kWorkspaceAlignment});
    }
  };
  std::unique_ptr<char[], Free> memory_;
  size_t begin_;
  size_t bytes_;
};

// Names of kernels: the `number`-th of every family, or its last.
class Preference {
 public:
  // The portable ones.
  static std::string Portable() { return Of(-1, true); }
  // Of the families whose results are the same bits.
  static std::string Exact(int number) { return Of(number, false); }
  static std::string All(int number) { return Of(number, true); }
  static int Count() { return Names(nullptr, 0, true); }

 private:
  template <typename Kernels>
  static void Add(const Kernels& kernels, int number, std::string* names,
                  int* count) {
    const int size = static_cast<int>(kernels.end() - kernels.begin());
    const int chosen = number < 0 ? size - 1 : std::min(number, size - 1);
    *count = std::max(*count, size);
    if (names != nullptr) {
      *names += std::string((*(kernels.begin() + chosen))->name) + ",";
    }
  }

  static int Names(std::string* names, int number, bool inexact) {
    int count = 0;
    Add(FeatureConvKernels(), number, names, &count);
    Add(BgemmKernels(), number, names, &count);
    Add(MemoryKernels(), number, names, &count);
    Add(DenseKernels(), number, names, &count);
    Add(IgemmKernels(), number, names, &count);
    Add(MelKernels(), inexact ? number : -1, names, &count);
    Add(ExactMelKernels(), inexact ? number : -1, names, &count);
    return count;
  }

  static std::string Of(int number, bool inexact) {
    std::string names;
    Names(&names, number, inexact);
    return names;
  }
};

void Prefer(const std::string& kernels) {
  setenv("BIFSMN_KERNELS", kernels.c_str(), 1);
}

// The tensors of a graph with what is known of them before it runs.
class Inputs {
 public:
  explicit Inputs(const OpGraph& graph) {
    for (size_t i = 0; i < graph.tensors.size(); ++i) {
      const GraphTensor& tensor = graph.tensors[i];
      infos_.push_back(tensor.info);
      contents_.push_back(Copy(tensor, 0));
      in_file_.push_back(nullptr);
      if (tensor.is_constant) {
        in_file_.back() = Copy(tensor, tensor.misaligned);
        infos_.back().constant = in_file_.back()->data() + tensor.misaligned;
        infos_.back().constant_bytes = tensor.content.size();
      }
    }
  }

  // Makes as many clips of everything that comes from outside. Its content is
  // repeated, or cut.
  void SetBatch(const OpGraph& graph, int batch) {
    for (size_t i = 0; i < graph.tensors.size(); ++i) {
      const GraphTensor& tensor = graph.tensors[i];
      if (tensor.is_constant || tensor.content.empty() ||
          infos_[i].shape.empty() ||
          infos_[i].bytes() != tensor.content.size()) {
        continue;
      }
      infos_[i].shape[0] = batch;
      contents_[i] = std::make_unique<Guarded>(infos_[i].bytes(),
                                               SizeOf(infos_[i].type), 0);
      for (size_t at = 0; at < contents_[i]->size(); ++at) {
        contents_[i]->data()[at] = tensor.content[at % tensor.content.size()];
      }
    }
  }

  const TensorInfo& info(int i) const { return infos_[i]; }
  const char* data(int i) const { return contents_[i]->data(); }
  bool is_whole(int i) const {
    return contents_[i]->size() == infos_[i].bytes();
  }

 private:
  static std::unique_ptr<Guarded> Copy(const GraphTensor& tensor, int offset) {
    auto copy = std::make_unique<Guarded>(
        offset + tensor.content.size(),
        std::max<size_t>(1, SizeOf(tensor.info.type)), 0);
    std::copy(tensor.content.begin(), tensor.content.end(),
              copy->data() + offset);
    return copy;
  }

  std::vector<TensorInfo> infos_;
  std::vector<std::unique_ptr<Guarded>> contents_;
  // Constants, which may lie anywhere in a file.
  std::vector<std::unique_ptr<Guarded>> in_file_;
};

struct Results {
  Status status;
  // Whether the graph was small enough to be run; then every computed tensor.
  bool ran = false;
  std::vector<std::unique_ptr<Guarded>> tensors;
};

// An upper bound, roughly, of the products that a planned node computes.
int64_t Products(const OpGraph& graph, const GraphNode& node,
                 const std::vector<TensorInfo>& infos) {
  const TensorInfo& result = infos[node.outputs[0]];
  // What is made of a sum costs something too.
  int64_t weights = 64;
  for (const int input : node.inputs) {
    if (input >= 0 && graph.tensors[input].is_constant) {
      weights += static_cast<int64_t>(graph.tensors[input].content.size());
    }
  }
  if (node.op == "BifsmnLogMel") weights += 16 * int64_t{node.options[2]};
  return result.elements() / result.shape.back() * weights;
}

// Runs the ops one by one.
Results RunOps(const OpGraph& graph, const Inputs& inputs, int fill) {
  Results results;
  results.tensors.resize(graph.tensors.size());
  std::vector<TensorInfo> infos;
  std::vector<const char*> data;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    infos.push_back(inputs.info(i));
    data.push_back(inputs.data(i));
  }
  bool run = true;
  for (const GraphNode& node : graph.nodes) {
    std::unique_ptr<Op> op;
    results.status = CreateOp(node.op, node.options.data(),
                              node.options.size() * sizeof(int32_t), &op);
    if (!results.status.ok()) return results;
    std::vector<const TensorInfo*> in;
    std::vector<const void*> in_data;
    for (const int i : node.inputs) {
      in.push_back(i < 0 ? nullptr : &infos[i]);
      in_data.push_back(i < 0 ? nullptr : data[i]);
    }
    const int count = static_cast<int>(node.outputs.size());
    std::vector<TensorInfo> out;
    results.status = op->Plan(in, count, &out).In(node.op);
    if (!results.status.ok()) return results;
    // Ops leave the constants that they do not copy to the partition.
    for (size_t i = 0; i < in.size(); ++i) {
      if (in[i] == nullptr || in[i]->constant == nullptr) continue;
      const std::string name = "input " + std::to_string(i);
      results.status = CheckConstant(*in[i], name.c_str()).In(node.op);
      if (!results.status.ok()) return results;
    }
    if (static_cast<int>(out.size()) != count) {
      Fail(node.op + " has described another number of outputs");
    }
    for (int i = 0; i < count; ++i) {
      if (!CheckShape(out[i].shape).ok() || SizeOf(out[i].type) == 0) {
        Fail(node.op + " has described an output that cannot be");
      }
      infos[node.outputs[i]] = out[i];
      run = run && out[i].bytes() <= kMaxBytes;
    }
    run = run && op->workspace_bytes() <= kMaxBytes &&
          Products(graph, node, infos) <= kMaxProducts;
    for (const int i : node.inputs) {
      run = run && (i < 0 || graph.IsComputed(i) || inputs.is_whole(i));
    }
    if (!run) continue;
    std::vector<void*> out_data;
    for (int i = 0; i < count; ++i) {
      auto& buffer = results.tensors[node.outputs[i]];
      buffer =
          std::make_unique<Guarded>(out[i].bytes(), SizeOf(out[i].type), ~fill);
      out_data.push_back(buffer->data());
      data[node.outputs[i]] = buffer->data();
    }
    Guarded workspace(op->workspace_bytes(), kWorkspaceAlignment, fill);
    op->Run(in_data.data(), out_data.data(), workspace.data());
  }
  results.ran = run;
  return results;
}

// Some of the computed tensors, the last one always.
std::vector<int> ChooseOutputs(const OpGraph& graph, Choices* choices) {
  std::vector<int> outputs;
  for (const GraphNode& node : graph.nodes) {
    for (const int tensor : node.outputs) {
      if (&node == &graph.nodes.back() || choices->OneIn(3)) {
        outputs.push_back(tensor);
      }
    }
  }
  return outputs;
}

Status MakePartition(const OpGraph& graph, const std::vector<int>& outputs,
                     Partition* partition) {
  for (const GraphNode& node : graph.nodes) {
    BIFSMN_RETURN_IF_ERROR(partition->AddOp(
        node.op, node.options.data(), node.options.size() * sizeof(int32_t),
        node.inputs, node.outputs));
  }
  return partition->SetOutputs(outputs);
}

// Plans and, if `run`, runs.
Results RunPartition(const OpGraph& graph, const Inputs& inputs, bool run,
                     Partition* partition) {
  Results results;
  results.tensors.resize(graph.tensors.size());
  std::vector<TensorInfo> in;
  std::vector<const void*> in_data;
  for (const int i : partition->inputs()) {
    in.push_back(inputs.info(i));
    in_data.push_back(in.back().constant == nullptr ? inputs.data(i) : nullptr);
  }
  std::vector<TensorInfo> out;
  results.status = partition->Plan(in, &out);
  if (!results.status.ok() || !run) return results;
  std::vector<void*> out_data;
  for (size_t i = 0; i < out.size(); ++i) {
    auto& buffer = results.tensors[partition->outputs()[i]];
    buffer =
        std::make_unique<Guarded>(out[i].bytes(), SizeOf(out[i].type), 0x3c);
    out_data.push_back(buffer->data());
  }
  partition->Run(in_data.data(), out_data.data());
  results.ran = true;
  return results;
}

void CompareStatus(const Results& expected, const Results& actual,
                   const std::string& what) {
  if (expected.status.message() != actual.status.message()) {
    Fail(what + " says \"" + actual.status.message() + "\" instead of \"" +
         expected.status.message() + "\"");
  }
}

void Compare(const OpGraph& graph, const Results& expected,
             const Results& actual, const std::string& what) {
  // What is too large to be run may be too large for a partition as well.
  if (!expected.status.ok() || expected.ran) {
    CompareStatus(expected, actual, what);
  }
  if (!graph.has_clean_bits || !expected.ran || !actual.ran) return;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    const Guarded* right = expected.tensors[i].get();
    const Guarded* got = actual.tensors[i].get();
    if (right == nullptr || got == nullptr) continue;
    if (right->size() != got->size() ||
        std::memcmp(right->data(), got->data(), got->size()) != 0) {
      Fail(what + " computes another tensor " + std::to_string(i));
    }
  }
}

// Features of different kernels differ in rounding.
void CompareFeatures(const OpGraph& graph, const Results& expected,
                     const Results& actual, const std::string& what) {
  CompareStatus(expected, actual, what);
  if (!expected.ran || !actual.ran) return;
  const GraphNode& node = graph.nodes[0];
  const GraphTensor& audio = graph.tensors[node.inputs[0]];
  float inverse_std;
  std::memcpy(&inverse_std, &node.options.back(), sizeof(inverse_std));
  if (audio.info.type == ElementType::kFloat32) {
    for (size_t at = 0; at < audio.content.size(); at += sizeof(float)) {
      float sample;
      std::memcpy(&sample, audio.content.data() + at, sizeof(sample));
      if (!(std::abs(sample) < 1e4f)) return;
    }
  }
  const Guarded& right = *expected.tensors[node.outputs[0]];
  const Guarded& got = *actual.tensors[node.outputs[0]];
  for (size_t at = 0; at < right.size(); at += sizeof(float)) {
    float a, b;
    std::memcpy(&a, right.data() + at, sizeof(a));
    std::memcpy(&b, got.data() + at, sizeof(b));
    if (!(std::abs(a - b) <= 4e-3f * inverse_std)) {
      Fail(what + " computes " + std::to_string(b) + " instead of " +
           std::to_string(a));
    }
  }
}

// Of each op, in how many graphs it ran.
std::map<std::string, long>* Reached() {
  static std::map<std::string, long> reached;
  return &reached;
}

void Try(Choices* choices) {
  Prefer(Preference::Portable());
  const OpGraph graph = MakeGraph(choices);
  const std::vector<int> outputs = ChooseOutputs(graph, choices);
  const int other_batch = choices->In(1, 4);
  const Inputs inputs(graph);
  Inputs other_inputs(graph);
  other_inputs.SetBatch(graph, other_batch);

  const Results expected = RunOps(graph, inputs, 0x5a);
  const Results other = RunOps(graph, other_inputs, 0x00);
  if (expected.ran) {
    for (const GraphNode& node : graph.nodes) ++(*Reached())[node.op];
  }
  const bool only_log_mel =
      graph.nodes.size() == 1 && graph.Has("BifsmnLogMel");
  for (int i = 0; i < Preference::Count(); ++i) {
    const std::string kernels = Preference::Exact(i);
    Prefer(kernels);
    Compare(graph, expected, RunOps(graph, inputs, 0xff), kernels);

    Partition partition;
    const Status made = MakePartition(graph, outputs, &partition);
    if (made.ok()) {
      const auto run = [&](const Inputs& in, const Results& right,
                           const char* what) {
        const Results results = RunPartition(graph, in, right.ran, &partition);
        Compare(graph, right, results, what + (" of " + kernels));
      };
      run(inputs, expected, "the partition");
      run(other_inputs, other, "the partition for other shapes");
      run(inputs, expected, "the partition for its first shapes again");
    }
    if (only_log_mel) {
      const std::string mel_kernels = Preference::All(i);
      Prefer(mel_kernels);
      CompareFeatures(graph, expected, RunOps(graph, inputs, 0xff),
                      mel_kernels);
    }
  }
}

}  // namespace
}  // namespace bifsmn

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bifsmn::Choices choices(data, size);
  bifsmn::Try(&choices);
  return 0;
}

extern "C" void PrintReached() {
  for (const auto& [op, count] : *bifsmn::Reached()) {
    std::printf("ran %s: %ld\n", op.c_str(), count);
  }
}
