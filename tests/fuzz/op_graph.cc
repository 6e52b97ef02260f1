#include "tests/fuzz/op_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "custom_ops/kernels/bits.h"

namespace bifsmn {
namespace {

// Contents larger than this are left out: the op then finds them missing.
constexpr int64_t kMaxContent = 1 << 16;

// A small generator of its own, so that an input need not be as long as the
// tensors it fills.
class Noise {
 public:
  explicit Noise(int32_t seed)
      : state_(0x9e3779b97f4a7c15u ^ static_cast<uint32_t>(seed)) {}

  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  uint64_t state_;
};

float SpecialFloat(uint64_t number) {
  using Limits = std::numeric_limits<float>;
  const float values[] = {0.0f,
                          -0.0f,
                          Limits::infinity(),
                          -Limits::infinity(),
                          Limits::quiet_NaN(),
                          Limits::max(),
                          Limits::lowest(),
                          Limits::min(),
                          Limits::denorm_min(),
                          0.5f,
                          -127.5f,
                          -128.5f,
                          1e30f};
  return values[number % (sizeof(values) / sizeof(*values))];
}

int32_t WordOf(float value) {
  int32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return word;
}

float FloatOf(uint64_t noise, bool special) {
  if (special && noise % 8 == 0) return SpecialFloat(noise >> 8);
  return static_cast<float>(static_cast<int32_t>(noise >> 32)) * 0x1p-29f;
}

class GraphMaker {
 public:
  explicit GraphMaker(Choices* choices)
      : choices_(*choices), batch_(choices->In(1, 3)) {}

  OpGraph Make() {
    const int count = choices_.OneIn(2) ? choices_.In(1, 6) : 1;
    for (int i = 0; i < count; ++i) {
      const auto& definitions = OpDefinitions();
      const OpDefinition& definition =
          *definitions[choices_.Byte() % definitions.size()];
      Describe(definition);
      if (choices_.OneIn(6)) Damage();
      if (!AddNode(definition)) break;
    }
    return std::move(graph_);
  }

 private:
  using Kind = GraphTensor::Kind;

  int Size() { return choices_.In(1, choices_.OneIn(4) ? 40 : 9); }

  int Channels() {
    return choices_.Of(
        {1, 3, 8, 15, 16, 17, 31, 32, 33, 40, 48, 63, 64, 65, 80, 130});
  }

  static std::vector<int> BitsShape(std::vector<int> shape) {
    shape.back() = WordsFor(shape.back());
    return shape;
  }

  // Adds a tensor that no op computes. `shape` is in channels.
  int AddTensor(Kind kind, ElementType type, const std::vector<int>& shape,
                bool is_constant) {
    GraphTensor tensor;
    tensor.kind = kind;
    tensor.channels = shape.back();
    tensor.info = {type, kind == Kind::kBits ? BitsShape(shape) : shape};
    tensor.is_constant = is_constant || choices_.OneIn(30);
    if (tensor.is_constant && choices_.OneIn(8)) {
      tensor.misaligned = choices_.In(1, 3);
    }
    graph_.tensors.push_back(tensor);
    Fill(&graph_.tensors.back());
    return static_cast<int>(graph_.tensors.size()) - 1;
  }

  int AddConstant(ElementType type, const std::vector<int>& shape) {
    return AddTensor(Kind::kOther, type, shape, true);
  }

  // As AddConstant, integers [rows][columns] that may be packed.
  int AddIntegers(ElementType type, const std::vector<int>& shape) {
    const int index = AddConstant(type, shape);
    GraphTensor& tensor = graph_.tensors[index];
    if (tensor.content.empty() || choices_.OneIn(2)) return index;
    const size_t columns = shape.back();
    std::vector<int16_t> values(tensor.info.elements());
    for (size_t i = 0; i < values.size(); ++i) {
      if (type == ElementType::kInt8) {
        values[i] = static_cast<int8_t>(tensor.content[i]);
      } else {
        std::memcpy(&values[i], tensor.content.data() + 2 * i, 2);
      }
    }
    tensor.content.clear();
    for (size_t at = 0; at < values.size(); at += columns) {
      PackRow(values.data() + at, columns, &tensor.content);
    }
    tensor.info = {ElementType::kInt8,
                   {static_cast<int>(tensor.content.size())}};
    return index;
  }

  // Appends a row's base, the number of its low bits, and its codes.
  void PackRow(const int16_t* row, size_t columns, std::vector<char>* packed) {
    const int base = row[choices_.Byte() % columns];
    const auto number_of = [base](int value) {
      return value < base ? 2 * (base - value) - 1 : 2 * (value - base);
    };
    int largest = 1;
    for (size_t i = 0; i < columns; ++i) {
      largest = std::max(largest, number_of(row[i]));
    }
    const int low_bits =
        std::min(15, std::max(0, std::ilogb(largest) - choices_.In(0, 4)));
    for (const int byte : {base & 255, base >> 8, low_bits}) {
      packed->push_back(static_cast<char>(byte));
    }
    int at = 0;
    const auto put = [&](int bit) {
      if (at++ % 8 == 0) packed->push_back(0);
      packed->back() = static_cast<char>(packed->back() | bit << (at - 1) % 8);
    };
    for (size_t i = 0; i < columns; ++i) {
      const int number = number_of(row[i]);
      for (int zeros = number >> low_bits; zeros > 0; --zeros) put(0);
      put(1);
      for (int bit = 0; bit < low_bits; ++bit) put(number >> bit & 1);
    }
  }

  int AddBitsConstant(const std::vector<int>& shape) {
    return AddTensor(Kind::kBits, ElementType::kInt16, shape, true);
  }

  void Fill(GraphTensor* tensor) {
    if (tensor->info.elements() > kMaxContent) return;
    Noise noise(choices_.Word());
    const bool special = choices_.OneIn(3);
    const bool extreme = choices_.OneIn(8);
    tensor->content.resize(tensor->info.bytes());
    const size_t element = SizeOf(tensor->info.type);
    for (size_t at = 0; at + element <= tensor->content.size(); at += element) {
      uint64_t value = noise.Next();
      if (tensor->info.type == ElementType::kFloat32) {
        const float number = FloatOf(value, special);
        std::memcpy(&value, &number, sizeof(number));
      } else if (extreme) {
        // The least or the largest integer, or all bits.
        const uint64_t top = uint64_t{1} << (8 * element - 1);
        value = value % 3 == 0 ? top : value % 3 == 1 ? top - 1 : ~uint64_t{0};
      } else if (tensor->kind == Kind::kOther) {
        // Thresholds and weights of a size that decides something.
        const int bits = static_cast<int>(8 * element - 1);
        const int width = 4 + static_cast<int>(special) * (bits - 4);
        value = static_cast<uint64_t>(static_cast<int64_t>(value) >>
                                      (63 - std::min(width, bits)));
      }
      std::memcpy(tensor->content.data() + at, &value, element);
    }
    if (tensor->kind == Kind::kBits) ClearUnusedBits(tensor);
  }

  void ClearUnusedBits(GraphTensor* tensor) {
    if (choices_.OneIn(40)) {
      graph_.has_clean_bits = false;
      return;
    }
    const size_t pixel = WordsFor(tensor->channels) * sizeof(Word);
    const Word unused = UnusedBits(tensor->channels);
    for (size_t end = pixel; end <= tensor->content.size(); end += pixel) {
      Word word;
      char* last = tensor->content.data() + end - sizeof(word);
      std::memcpy(&word, last, sizeof(word));
      word = static_cast<Word>(word & ~unused);
      std::memcpy(last, &word, sizeof(word));
    }
  }

  // A tensor of that kind that there is already, the latest first, or -1.
  int Find(Kind kind, size_t rank) {
    for (int i = static_cast<int>(graph_.tensors.size()) - 1; i >= 0; --i) {
      const GraphTensor& tensor = graph_.tensors[i];
      if (tensor.kind == kind && !tensor.is_constant &&
          tensor.info.shape.size() == rank && !choices_.OneIn(5)) {
        return i;
      }
    }
    return -1;
  }

  int Find(const std::vector<int>& shape, ElementType type) {
    for (size_t i = 0; i < graph_.tensors.size(); ++i) {
      const GraphTensor& tensor = graph_.tensors[i];
      if (tensor.kind == Kind::kStream && tensor.info.shape == shape &&
          tensor.info.type == type && !choices_.OneIn(4)) {
        return static_cast<int>(i);
      }
    }
    return -1;
  }

  int Bits() {
    const int found = Find(Kind::kBits, 4);
    if (found >= 0) return found;
    return AddTensor(
        Kind::kBits, ElementType::kInt16,
        {batch_, Size(), choices_.OneIn(2) ? 1 : Size(), Channels()}, false);
  }

  // Sets options_, inputs_ and output_count_ of an op that would be right.
  void Describe(const OpDefinition& definition) {
    const std::string name = definition.name;
    options_ = {kContractVersion};
    inputs_.clear();
    output_count_ = 1;
    if (name == "BifsmnQuantConv2D" || name == "BifsmnFloatConv2D") {
      DescribeFirstConv(name == "BifsmnFloatConv2D");
    } else if (name == "BifsmnInt8Conv2D") {
      DescribeInt8Conv();
    } else if (name == "BifsmnConv2D") {
      const int bits = Bits();
      const int outputs = Channels();
      DescribeConv(bits, outputs);
      inputs_.push_back(AddIntegers(ElementType::kInt16, {outputs}));
    } else if (name == "BifsmnConv2DAdd") {
      DescribeConvAdd();
    } else if (name == "BifsmnMemory") {
      DescribeMemory();
    } else if (name == "BifsmnDense") {
      DescribeDense();
    } else if (name == "BifsmnLogMel") {
      DescribeLogMel();
    } else {
      DescribeUnknown(definition);
    }
  }

  // Adds strides and padding for an image, and returns the kernel's size.
  void AddGeometry(int height, int width, int* kernel_h, int* kernel_w) {
    *kernel_h = choices_.In(1, 5);
    *kernel_w = choices_.OneIn(3) ? width : choices_.In(1, 5);
    options_.push_back(choices_.In(1, 3));
    options_.push_back(choices_.In(1, 3));
    const bool padded = choices_.OneIn(2);
    for (const int kernel : {*kernel_h, *kernel_w}) {
      for (int side = 0; side < 2; ++side) {
        options_.push_back(padded ? choices_.Byte() % kernel : 0);
      }
    }
    const int taller = *kernel_h - height - options_[3] - options_[4];
    const int wider = *kernel_w - width - options_[5] - options_[6];
    if (taller > 0) *kernel_h -= taller;
    if (wider > 0) *kernel_w -= wider;
  }

  void DescribeFirstConv(bool in_floats) {
    int features = Find(Kind::kFeatures, 3);
    if (features < 0) {
      std::vector<int> shape = {batch_, Size(), Size()};
      if (choices_.OneIn(2)) shape.push_back(choices_.In(1, 4));
      features =
          AddTensor(Kind::kFeatures, ElementType::kFloat32, shape, false);
    }
    const std::vector<int> shape = graph_.tensors[features].info.shape;
    int kernel_h, kernel_w;
    AddGeometry(shape[1], shape[2], &kernel_h, &kernel_w);
    const int outputs = Channels();
    const std::vector<int> weights = {outputs, kernel_h, kernel_w,
                                      shape.size() == 4 ? shape[3] : 1};
    inputs_ = {features};
    if (in_floats) {
      inputs_.push_back(AddConstant(ElementType::kFloat32, weights));
      inputs_.push_back(AddConstant(ElementType::kFloat32, {outputs}));
    } else {
      options_.push_back(
          WordOf(choices_.Of({1.0f, 7.3f, 40.0f, 1e-30f, 1e30f})));
      inputs_.push_back(AddConstant(ElementType::kInt8, weights));
      inputs_.push_back(AddConstant(ElementType::kInt32, {outputs}));
    }
  }

  void DescribeInt8Conv() {
    int values =
        choices_.OneIn(3) ? Find(Kind::kFeatures, 3) : Find(Kind::kLevels, 4);
    if (values < 0) {
      const bool in_floats = choices_.OneIn(3);
      values = AddTensor(
          in_floats ? Kind::kFeatures : Kind::kLevels,
          in_floats ? ElementType::kFloat32 : ElementType::kInt8,
          {batch_, Size(), Size(), choices_.OneIn(3) ? Channels() : 1}, false);
    }
    const std::vector<int> image = graph_.tensors[values].info.shape;
    int kernel_h, kernel_w;
    AddGeometry(image[1], image[2], &kernel_h, &kernel_w);
    const int bits = choices_.Of({8, 8, 16, 32});
    const int outputs = Channels();
    options_.push_back(WordOf(choices_.Of({1.0f, 7.3f, 1e30f})));
    options_.push_back(bits);
    options_.push_back(WordOf(choices_.Of({1.0f, 0.01f, 1e-30f, 1e30f})));
    inputs_ = {
        values,
        AddConstant(ElementType::kInt8, {outputs, kernel_h, kernel_w,
                                         image.size() == 4 ? image[3] : 1}),
        AddConstant(ElementType::kFloat32, {4, outputs})};
    // -128 is refused.
    for (char& weight : graph_.tensors[inputs_[1]].content) {
      const bool is_least = static_cast<int8_t>(weight) == INT8_MIN;
      if (is_least && !choices_.OneIn(200)) weight = 127;
    }
    output_count_ = choices_.In(1, 2);
    if (bits == 8 || choices_.OneIn(2)) return;
    const auto* o = options_.data();
    const std::vector<int> shape = {
        image[0], std::max(1, (image[1] + o[3] + o[4] - kernel_h) / o[1] + 1),
        std::max(1, (image[2] + o[5] + o[6] - kernel_w) / o[2] + 1), outputs};
    inputs_.push_back(Stream(
        shape, bits == 16 ? ElementType::kInt16 : ElementType::kFloat32));
  }

  void DescribeConv(int bits, int outputs) {
    const GraphTensor& tensor = graph_.tensors[bits];
    const int channels = tensor.channels;
    const std::vector<int> shape = tensor.info.shape;
    int kernel_h = 1;
    int kernel_w = 1;
    if (choices_.OneIn(2)) {
      options_.insert(options_.end(), {1, 1, 0, 0, 0, 0});
    } else {
      AddGeometry(shape[1], shape[2], &kernel_h, &kernel_w);
    }
    options_.insert(options_.begin() + 1, channels);
    inputs_ = {bits, AddBitsConstant({outputs, kernel_h, kernel_w, channels})};
  }

  // Adds the shift and the parameters of a stream.
  ElementType AddParameters(int channels, int terms) {
    const bool in_floats = choices_.OneIn(2);
    const ElementType type =
        in_floats ? ElementType::kFloat32 : ElementType::kInt16;
    int shift = 0;
    if (!in_floats) {
      const int most = std::ilogb(std::max(1, 32767 / std::max(1, terms)));
      shift = choices_.Byte() % (most + 1);
    }
    options_.push_back(shift);
    inputs_.push_back(in_floats ? AddConstant(type, {4, channels})
                                : AddIntegers(type, {4, channels}));
    return type;
  }

  void DescribeConvAdd() {
    const int bits = Bits();
    const int outputs = Channels();
    DescribeConv(bits, outputs);
    const std::vector<int> image = graph_.tensors[bits].info.shape;
    const std::vector<int> kernel = graph_.tensors[inputs_[1]].info.shape;
    const ElementType type =
        AddParameters(outputs, kernel[1] * kernel[2] * options_[1]);
    output_count_ = choices_.In(1, 2);
    const int residual = choices_.In(0, 3);
    if (residual == 0) return;
    if (residual == 1) {
      inputs_.push_back(-1);
      return;
    }
    const auto* o = options_.data();
    const std::vector<int> shape = {
        image[0], std::max(1, (image[1] + o[4] + o[5] - kernel[1]) / o[2] + 1),
        std::max(1, (image[2] + o[6] + o[7] - kernel[2]) / o[3] + 1), outputs};
    inputs_.push_back(Stream(shape, type));
  }

  int Stream(const std::vector<int>& shape, ElementType type) {
    const int found = Find(shape, type);
    return found >= 0 ? found : AddTensor(Kind::kStream, type, shape, false);
  }

  void DescribeMemory() {
    int bits = Find(Kind::kBits, 4);
    if (bits < 0 || graph_.tensors[bits].info.shape[2] != 1) {
      bits = AddTensor(Kind::kBits, ElementType::kInt16,
                       {batch_, Size(), 1, Channels()}, false);
    }
    const int channels = graph_.tensors[bits].channels;
    std::vector<int> shape = graph_.tensors[bits].info.shape;
    shape.back() = channels;
    const int back = choices_.OneIn(12) ? 300 : choices_.In(0, 10);
    const int ahead = choices_.In(0, 10);
    for (const int value :
         {channels, back, ahead, choices_.In(1, 3), choices_.In(1, 3)}) {
      options_.push_back(value);
    }
    const int taps = back + 1 + ahead;
    const int weights = AddBitsConstant({taps, channels});
    const ElementType type = AddParameters(channels, taps);
    const int parameters = inputs_.back();
    inputs_ = {bits, Stream(shape, type), weights, parameters};
    output_count_ = choices_.In(1, 2);
  }

  void DescribeDense() {
    int stream = Find(Kind::kStream, 4);
    if (stream < 0) {
      stream =
          AddTensor(Kind::kStream,
                    choices_.Of({ElementType::kInt16, ElementType::kFloat32}),
                    {batch_, Size(), 1, Channels()}, false);
    }
    const TensorInfo& info = graph_.tensors[stream].info;
    const int values =
        static_cast<int>(info.elements() / std::max(1, info.shape[0]));
    const int outputs = choices_.In(1, 40);
    const ElementType type = choices_.Of(
        {ElementType::kInt8, ElementType::kFloat16, ElementType::kFloat32});
    const std::vector<int> shape = {outputs, values};
    inputs_ = {stream,
               type == ElementType::kInt8 ? AddIntegers(type, shape)
                                          : AddConstant(type, shape),
               AddConstant(ElementType::kFloat32, {2, outputs})};
  }

  void DescribeLogMel() {
    const int n_fft = choices_.Of({256, 256, 512, 512, 1024, 4096});
    const int folds = choices_.Of({1, 1, 2, 3, 16});
    const int hop = choices_.Of({1, 7, 128, 256, 100000});
    const bool centred = choices_.OneIn(2);
    const int samples = n_fft * folds + choices_.In(0, 7) * std::min(hop, 200);
    const ElementType type =
        choices_.Of({ElementType::kInt16, ElementType::kFloat32});
    options_.insert(
        options_.end(),
        {choices_.Of({16000, 8000, 1}), n_fft, folds, hop,
         choices_.Of({1, 8, 32, 40, 1024}), int{centred},
         WordOf(choices_.Of({0.0f, 20.0f, 0.25f})),
         WordOf(choices_.Of({4000.0f, 0.5f, 21.0f, 8000.0f})),
         WordOf(choices_.Of({1e-10f, 1.2e-38f, 1.0f})), WordOf(-40.0f),
         WordOf(choices_.Of({1.0f, 0.05f, 1e30f}))});
    inputs_ = {AddTensor(Kind::kOther, type, {batch_, samples}, false)};
  }

  // An op that came after this file was written.
  void DescribeUnknown(const OpDefinition& definition) {
    for (const AttributeSpec& attribute : definition.attributes) {
      options_.push_back(
          attribute.type == AttributeType::kFloat32
              ? WordOf(FloatOf(Noise(choices_.Word()).Next(), true))
              : choices_.In(0, 20));
    }
    for (size_t i = 0; i < definition.inputs.size(); ++i) {
      std::vector<int> shape(choices_.In(1, 4));
      for (int& size : shape) size = Size();
      inputs_.push_back(
          AddTensor(Kind::kOther, AnyType(), shape, choices_.OneIn(2)));
    }
    output_count_ = static_cast<int>(definition.outputs.size());
  }

  ElementType AnyType() {
    return choices_.Of({ElementType::kFloat32, ElementType::kFloat16,
                        ElementType::kInt32, ElementType::kInt16,
                        ElementType::kInt8, ElementType::kOther});
  }

  int32_t AnyNumber() {
    return choices_.Of({0, 1, -1, 2, 16, 255, 16382, 16383, 65536, 1 << 20,
                        1 << 28, 1 << 30, std::numeric_limits<int>::max(),
                        std::numeric_limits<int>::min(), choices_.Word(),
                        int{choices_.Byte()}});
  }

  // Makes something wrong.
  void Damage() {
    GraphTensor* tensor = nullptr;
    const size_t number = choices_.Byte() % inputs_.size();
    // What an op computes stays as it is.
    if (inputs_[number] >= 0 && !graph_.IsComputed(inputs_[number])) {
      tensor = &graph_.tensors[inputs_[number]];
    }
    switch (choices_.In(0, 10)) {
      case 0:
      case 1:
        options_[choices_.Byte() % options_.size()] = AnyNumber();
        return;
      case 2:
        options_.resize(choices_.Byte() % (options_.size() + 3));
        return;
      case 3:
        output_count_ = choices_.In(0, 3);
        return;
      case 4:
        inputs_[number] = -1;
        return;
      case 5:
        inputs_.resize(choices_.Byte() % (inputs_.size() + 2), -1);
        return;
      case 6:
        inputs_[number] = choices_.Byte() % graph_.tensors.size();
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
        shape[choices_.Byte() % shape.size()] = Size();
        Fill(tensor);
        break;
      case 3:
        shape.resize(choices_.In(1, 6), 1);
        break;
      case 4:
        tensor->info.type = AnyType();
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
    GraphNode node = {definition.name, options_, inputs_, {}};
    for (int i = 0; i < output_count_; ++i) {
      node.outputs.push_back(static_cast<int>(graph_.tensors.size()));
      graph_.tensors.emplace_back();
    }
    graph_.nodes.push_back(node);
    std::unique_ptr<Op> op;
    std::vector<const TensorInfo*> inputs;
    std::vector<TensorInfo> infos(inputs_.size());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i] < 0) {
        inputs.push_back(nullptr);
        continue;
      }
      const GraphTensor& tensor = graph_.tensors[inputs_[i]];
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
        !op->Plan(inputs, output_count_, &outputs).ok()) {
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
    if (name == "stream" || name == "result") {
      tensor->kind = tensor->info.type == ElementType::kInt8 ? Kind::kLevels
                                                             : Kind::kStream;
      tensor->channels = tensor->info.shape.back();
    }
    if (name == "bits" || name == "bits?") {
      tensor->kind = Kind::kBits;
      // Of the stream before it, or the op's outputs.
      const int from = inputs_[name == "bits" ? 1 : 0];
      tensor->channels =
          name == "bits"
              ? graph_.tensors[from].info.shape[0]
              : graph_.tensors[graph_.nodes.back().outputs[0]].channels;
    }
  }

  Choices& choices_;
  const int batch_;
  OpGraph graph_;
  std::vector<int32_t> options_;
  std::vector<int> inputs_;
  int output_count_ = 1;
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
