#include "custom_ops/ops/packed_integers.h"

#include <cstring>

#include "custom_ops/ops/validation.h"

namespace bifsmn {
namespace {

constexpr size_t kHeaderBytes = 3;
constexpr int kMostLowBits = 15;

// Twice the largest distance between two values of 16 bits.
constexpr int kLargestNumber = 131071;

// Reads bits, least significant first.
class BitReader {
 public:
  BitReader(const uint8_t* content, size_t bytes)
      : content_(content), bits_(8 * bytes) {}

  // The next bit, or -1 behind the last.
  int Next() {
    if (at_ == bits_) return -1;
    const int bit = content_[at_ / 8] >> at_ % 8 & 1;
    ++at_;
    return bit;
  }

  // The next number of a Rice code with `low_bits`, or -1 if there is none.
  int NextNumber(int low_bits) {
    int number = 0;
    for (int bit = Next(); bit != 1; bit = Next()) {
      number += 1 << low_bits;
      if (bit < 0 || number > kLargestNumber) return -1;
    }
    for (int i = 0; i < low_bits; ++i) {
      const int bit = Next();
      if (bit < 0) return -1;
      number |= bit << i;
    }
    return number;
  }

  // Moves on to the next byte, and tells whether all bits up to it are 0.
  bool SkipZeros() {
    while (at_ % 8 != 0) {
      if (Next() != 0) return false;
    }
    return true;
  }

  size_t bytes() const { return at_ / 8; }

 private:
  const uint8_t* const content_;
  const size_t bits_;
  size_t at_ = 0;
};

}  // namespace

Status UnpackIntegers(const uint8_t* content, size_t bytes, int rows,
                      int columns, std::vector<int16_t>* values) {
  for (int row = 0; row < rows; ++row) {
    if (bytes < kHeaderBytes) {
      return Status::Error("row %d of packed integers is missing", row);
    }
    const int base = static_cast<int16_t>(content[0] | content[1] << 8);
    const int low_bits = content[2];
    if (low_bits > kMostLowBits) {
      return Status::Error("packed integers of %d bits, at most %d", low_bits,
                           kMostLowBits);
    }
    BitReader reader(content + kHeaderBytes, bytes - kHeaderBytes);
    for (int column = 0; column < columns; ++column) {
      const int number = reader.NextNumber(low_bits);
      const int value =
          base + (number % 2 == 0 ? number / 2 : -(number + 1) / 2);
      if (number < 0 || value < INT16_MIN || value > INT16_MAX) {
        return Status::Error(
            "packed integers have no 16-bit value %d of row %d", column, row);
      }
      values->push_back(static_cast<int16_t>(value));
    }
    if (!reader.SkipZeros()) {
      return Status::Error("packed integers have bits set beyond row %d", row);
    }
    content += kHeaderBytes + reader.bytes();
    bytes -= kHeaderBytes + reader.bytes();
  }
  if (bytes > 0) {
    return Status::Error("%zu bytes behind the packed integers", bytes);
  }
  return Status();
}

Status ReadIntegers(const TensorInfo& tensor, const char* name,
                    const std::vector<int>& shape,
                    std::vector<int16_t>* values) {
  if (tensor.type != ElementType::kInt8) {
    return ReadConstant(tensor, name, ElementType::kInt16, shape, values);
  }
  BIFSMN_RETURN_IF_ERROR(
      CheckTensor(tensor, name, ElementType::kInt8, size_t{1}));
  BIFSMN_RETURN_IF_ERROR(CheckConstant(tensor, name));
  const int columns = shape.back();
  const int rows = shape.size() > 1 ? shape.front() : 1;
  values->clear();
  return UnpackIntegers(static_cast<const uint8_t*>(tensor.constant),
                        tensor.constant_bytes, rows, columns, values)
      .In(name);
}

}  // namespace bifsmn
