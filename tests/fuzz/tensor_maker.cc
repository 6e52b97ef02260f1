#include "tests/fuzz/tensor_maker.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

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

float FloatOf(uint64_t noise, bool special) {
  if (special && noise % 8 == 0) return SpecialFloat(noise >> 8);
  return static_cast<float>(static_cast<int32_t>(noise >> 32)) * 0x1p-29f;
}

std::vector<int> BitsShape(std::vector<int> shape) {
  shape.back() = WordsFor(shape.back());
  return shape;
}

}  // namespace

int32_t WordOf(float value) {
  int32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return word;
}

int TensorMaker::Size() { return choices_.In(1, choices_.OneIn(4) ? 40 : 9); }

int TensorMaker::Channels() {
  return choices_.Of(
      {1, 3, 8, 15, 16, 17, 31, 32, 33, 40, 48, 63, 64, 65, 80, 130});
}

ElementType TensorMaker::AnyType() {
  return choices_.Of({ElementType::kFloat32, ElementType::kFloat16,
                      ElementType::kInt32, ElementType::kInt16,
                      ElementType::kInt8, ElementType::kOther});
}

int TensorMaker::Add(Kind kind, ElementType type, const std::vector<int>& shape,
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

int TensorMaker::AddConstant(ElementType type, const std::vector<int>& shape) {
  return Add(Kind::kOther, type, shape, true);
}

int TensorMaker::AddBitsConstant(const std::vector<int>& shape) {
  return Add(Kind::kBits, ElementType::kInt16, shape, true);
}

int TensorMaker::AddIntegers(ElementType type, const std::vector<int>& shape) {
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
  tensor.info = {ElementType::kInt8, {static_cast<int>(tensor.content.size())}};
  return index;
}

// Appends a row's base, the number of its low bits, and its codes.
void TensorMaker::PackRow(const int16_t* row, size_t columns,
                          std::vector<char>* packed) {
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

void TensorMaker::Fill(GraphTensor* tensor) {
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

void TensorMaker::ClearUnusedBits(GraphTensor* tensor) {
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

int TensorMaker::Find(Kind kind, size_t rank) {
  for (int i = static_cast<int>(graph_.tensors.size()) - 1; i >= 0; --i) {
    const GraphTensor& tensor = graph_.tensors[i];
    if (tensor.kind == kind && !tensor.is_constant &&
        tensor.info.shape.size() == rank && !choices_.OneIn(5)) {
      return i;
    }
  }
  return -1;
}

int TensorMaker::Bits() {
  const int found = Find(Kind::kBits, 4);
  if (found >= 0) return found;
  return Add(Kind::kBits, ElementType::kInt16,
             {batch_, Size(), choices_.OneIn(2) ? 1 : Size(), Channels()},
             false);
}

int TensorMaker::Residual(const std::vector<int>& shape, ElementType type) {
  for (size_t i = 0; i < graph_.tensors.size(); ++i) {
    const GraphTensor& tensor = graph_.tensors[i];
    if (tensor.kind == Kind::kResidual && tensor.info.shape == shape &&
        tensor.info.type == type && !choices_.OneIn(4)) {
      return static_cast<int>(i);
    }
  }
  return Add(Kind::kResidual, type, shape, false);
}

}  // namespace bifsmn
