#include "custom_ops/engine/inflate.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace bifsmn {
namespace {

constexpr int kMostBits = 15;
constexpr int kLiterals = 288;
constexpr int kDistances = 32;
constexpr int kEndOfBlock = 256;

// A canonical Huffman code: how many symbols there are of each length, and the
// symbols in the order of their codes.
struct Huffman {
  std::array<uint16_t, kMostBits + 1> count = {};
  std::array<uint16_t, kLiterals> symbols = {};

  // Of the length of every symbol's code, 0 for one that does not occur. False
  // if there are more codes than bits can tell apart.
  bool Make(const uint8_t* lengths, int symbol_count) {
    count.fill(0);
    for (int i = 0; i < symbol_count; ++i) ++count[lengths[i]];
    count[0] = 0;
    int free = 1;
    std::array<uint16_t, kMostBits + 2> first = {};
    for (int bits = 1; bits <= kMostBits; ++bits) {
      free = 2 * free - count[bits];
      if (free < 0) return false;
      first[bits + 1] = static_cast<uint16_t>(first[bits] + count[bits]);
    }
    for (int i = 0; i < symbol_count; ++i) {
      if (lengths[i] != 0) {
        symbols[first[lengths[i]]++] = static_cast<uint16_t>(i);
      }
    }
    return true;
  }
};

class Inflater {
 public:
  Inflater(std::string_view in, size_t most_bytes, std::string* out)
      : in_(in), most_bytes_(most_bytes), out_(*out) {}

  // Whether it was a whole stream.
  bool Run() {
    const int method = Bits(8);
    const int flags = Bits(8);
    // Deflate, no dictionary.
    if (method % 16 != 8 || (256 * method + flags) % 31 != 0 ||
        (flags & 32) != 0) {
      return false;
    }
    bool last = false;
    while (!last && good_) {
      last = Bits(1) != 0;
      switch (Bits(2)) {
        case 0:
          Stored();
          break;
        case 1:
          Fixed();
          break;
        case 2:
          Dynamic();
          break;
        default:
          good_ = false;
      }
    }
    return good_ && HasChecksum() && at_ == in_.size();
  }

 private:
  int Bits(int count) {
    while (held_ < count) {
      if (at_ == in_.size()) {
        good_ = false;
        return 0;
      }
      bits_ |= uint32_t{static_cast<uint8_t>(in_[at_++])} << held_;
      held_ += 8;
    }
    const uint32_t value = bits_ & ((1u << count) - 1);
    bits_ >>= count;
    held_ -= count;
    return static_cast<int>(value);
  }

  void ToByte() {
    bits_ = 0;
    held_ = 0;
  }

  void Put(char byte) {
    good_ = good_ && out_.size() < most_bytes_;
    if (good_) out_.push_back(byte);
  }

  int Symbol(const Huffman& code) {
    int value = 0;
    int first = 0;
    int index = 0;
    for (int bits = 1; bits <= kMostBits && good_; ++bits) {
      value |= Bits(1);
      const int count = code.count[bits];
      if (value - count < first) return code.symbols[index + value - first];
      index += count;
      first = 2 * (first + count);
      value *= 2;
    }
    good_ = false;
    return kEndOfBlock;
  }

  void Stored() {
    ToByte();
    const int length = Bits(16);
    good_ = good_ && Bits(16) == (length ^ 0xffff);
    for (int i = 0; i < length && good_; ++i) Put(static_cast<char>(Bits(8)));
  }

  void Fixed() {
    std::array<uint8_t, kLiterals> lengths;
    std::fill_n(lengths.begin(), 144, uint8_t{8});
    std::fill_n(lengths.begin() + 144, 112, uint8_t{9});
    std::fill_n(lengths.begin() + 256, 24, uint8_t{7});
    std::fill_n(lengths.begin() + 280, 8, uint8_t{8});
    std::array<uint8_t, 30> distances;
    distances.fill(5);
    literals_.Make(lengths.data(), kLiterals);
    distances_.Make(distances.data(), distances.size());
    Codes();
  }

  void Dynamic() {
    static constexpr uint8_t kOrder[] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                         11, 4,  12, 3, 13, 2, 14, 1, 15};
    const int literals = Bits(5) + 257;
    const int distances = Bits(5) + 1;
    const int lengths_of_lengths = Bits(4) + 4;
    std::array<uint8_t, kLiterals + kDistances> lengths = {};
    for (int i = 0; i < lengths_of_lengths; ++i) {
      lengths[kOrder[i]] = static_cast<uint8_t>(Bits(3));
    }
    good_ = good_ && literals <= 286 && literals_.Make(lengths.data(), 19);
    lengths.fill(0);
    for (int i = 0; i < literals + distances && good_;) {
      const int symbol = Symbol(literals_);
      if (symbol < 16) {
        lengths[i++] = static_cast<uint8_t>(symbol);
        continue;
      }
      // The length before again, or zeros.
      const uint8_t repeated =
          symbol == 16 && i > 0 ? lengths[i - 1] : uint8_t{0};
      good_ = good_ && (symbol != 16 || i > 0);
      const int times = symbol == 16   ? 3 + Bits(2)
                        : symbol == 17 ? 3 + Bits(3)
                                       : 11 + Bits(7);
      good_ = good_ && i + times <= literals + distances;
      for (int k = 0; k < times && good_; ++k) lengths[i++] = repeated;
    }
    good_ = good_ && lengths[kEndOfBlock] != 0 &&
            literals_.Make(lengths.data(), literals) &&
            distances_.Make(lengths.data() + literals, distances);
    Codes();
  }

  void Codes() {
    static constexpr uint16_t kLengthBase[] = {
        3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
        31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    static constexpr uint8_t kLengthBits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1,
                                              1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
                                              4, 4, 4, 4, 5, 5, 5, 5, 0};
    static constexpr uint16_t kDistanceBase[] = {
        1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
        33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
        1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    static constexpr uint8_t kDistanceBits[] = {
        0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
        6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
    while (good_) {
      const int symbol = Symbol(literals_);
      if (symbol == kEndOfBlock) return;
      if (symbol < kEndOfBlock) {
        Put(static_cast<char>(symbol));
        continue;
      }
      const size_t number = symbol - kEndOfBlock - 1;
      if (number >= std::size(kLengthBase)) {
        good_ = false;
        return;
      }
      const int length = kLengthBase[number] + Bits(kLengthBits[number]);
      const size_t code = Symbol(distances_);
      if (!good_ || code >= std::size(kDistanceBase)) {
        good_ = false;
        return;
      }
      const size_t distance = kDistanceBase[code] + Bits(kDistanceBits[code]);
      good_ = good_ && distance <= out_.size();
      for (int i = 0; i < length && good_; ++i) {
        Put(out_[out_.size() - distance]);
      }
    }
  }

  bool HasChecksum() {
    uint32_t low = 1;
    uint32_t high = 0;
    for (const char byte : out_) {
      low = (low + static_cast<uint8_t>(byte)) % 65521;
      high = (high + low) % 65521;
    }
    ToByte();
    uint32_t wanted = 0;
    for (int i = 0; i < 4; ++i) {
      wanted = wanted << 8 | static_cast<uint32_t>(Bits(8));
    }
    return good_ && wanted == (high << 16 | low);
  }

  const std::string_view in_;
  const size_t most_bytes_;
  std::string& out_;
  size_t at_ = 0;
  // Of the byte that was begun: what is left of it.
  uint32_t bits_ = 0;
  int held_ = 0;
  bool good_ = true;
  Huffman literals_;
  Huffman distances_;
};

}  // namespace

Status Inflate(std::string_view deflated, size_t most_bytes,
               std::string* text) {
  text->clear();
  if (Inflater(deflated, most_bytes, text).Run()) return Status();
  return Status::Error("what it says of itself is damaged");
}

}  // namespace bifsmn
