// Reads flatbuffers with every offset checked: a damaged file gives an error,
// never a read outside of it.

#ifndef BIFSMN_CUSTOM_OPS_ENGINE_FLATBUFFER_H_
#define BIFSMN_CUSTOM_OPS_ENGINE_FLATBUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "custom_ops/ops/status.h"

namespace bifsmn {

// A file, and what was found wrong with it so far. After the first error
// everything reads as absent, so that it is enough to look at status() at the
// end.
class FlatBuffer {
 public:
  // A table; `start` 0 is that of one that is absent.
  struct Table {
    size_t start = 0;
    size_t vtable = 0;
    size_t vtable_bytes = 0;
    size_t bytes = 0;

    explicit operator bool() const { return start != 0; }
  };

  // Elements behind one another; none if it is absent.
  struct Vector {
    size_t start = 0;
    size_t count = 0;
  };

  // The content has to stay where it is.
  FlatBuffer(const void* content, size_t bytes)
      : content_(static_cast<const char*>(content)), size_(bytes) {}

  const Status& status() const { return status_; }

  // The file's identifier, its bytes 4 to 8; empty if it has none.
  std::string_view identifier() const;

  Table Root();

  // The fields of a table, by their number in the schema.
  template <typename T>
  T Scalar(const Table& table, int field, T absent);
  std::string_view Bytes(const Table& table, int field);
  std::vector<int> Ints(const Table& table, int field);
  Vector Tables(const Table& table, int field);

  // An element of what Tables gave.
  Table At(const Vector& tables, size_t index);

 private:
  // Parts may be shared, but a small file in which every part is all the others
  // would take forever to follow.
  static constexpr size_t kMostReads = 20;

  // Whether bytes are there; otherwise it is an error.
  bool Check(size_t start, size_t bytes);

  template <typename T>
  T Read(size_t start);

  Table TableAt(size_t start);

  // Where a field is; 0 if it is absent.
  size_t Find(const Table& table, int field, size_t bytes);
  Vector VectorAt(const Table& table, int field, size_t element_bytes);

  const char* content_;
  size_t size_;
  size_t read_ = 0;
  Status status_;
};

template <typename T>
T FlatBuffer::Read(size_t start) {
  T value = {};
  if (Check(start, sizeof(T))) {
    std::memcpy(&value, content_ + start, sizeof(T));
  }
  return value;
}

template <typename T>
T FlatBuffer::Scalar(const Table& table, int field, T absent) {
  const size_t at = Find(table, field, sizeof(T));
  return at == 0 ? absent : Read<T>(at);
}

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_ENGINE_FLATBUFFER_H_
