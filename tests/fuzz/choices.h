// Decisions made from the bytes of a fuzzer's input.

#ifndef BIFSMN_TESTS_FUZZ_CHOICES_H_
#define BIFSMN_TESTS_FUZZ_CHOICES_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace bifsmn {

// Once the bytes are used up, every number is 0 and every decision is no.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), end_(data + size) {}

  uint8_t Byte() { return data_ == end_ ? uint8_t{0} : *data_++; }

  int32_t Word() {
    uint32_t word = 0;
    for (int i = 0; i < 4; ++i) word = word << 8 | Byte();
    return static_cast<int32_t>(word);
  }

  // A number from `least` to `most`, which are at most 255 apart.
  int In(int least, int most) { return least + Byte() % (most - least + 1); }

  // True for one of `n` bytes, at most 255.
  bool OneIn(int n) { return Byte() % n == n - 1; }

  template <typename T>
  T Of(std::initializer_list<T> values) {
    return values.begin()[Byte() % values.size()];
  }

 private:
  const uint8_t* data_;
  const uint8_t* end_;
};

}  // namespace bifsmn

#endif  // BIFSMN_TESTS_FUZZ_CHOICES_H_
