#include "custom_ops/engine/flatbuffer.h"

namespace bifsmn {

bool FlatBuffer::Check(size_t start, size_t bytes) {
  if (!status_.ok()) return false;
  if (start > size_ || bytes > size_ - start) {
    status_ = Status::Error(
        "not a whole model: a part lies outside the file's %zu bytes; is it "
        "truncated?",
        size_);
    return false;
  }
  read_ += bytes;
  if (read_ / kMostReads > size_) {
    status_ = Status::Error(
        "not a valid model: its parts lie in one another, again and again");
    return false;
  }
  return true;
}

std::string_view FlatBuffer::identifier() const {
  return size_ < 8 ? std::string_view() : std::string_view(content_ + 4, 4);
}

FlatBuffer::Table FlatBuffer::Root() { return TableAt(Read<uint32_t>(0)); }

FlatBuffer::Table FlatBuffer::TableAt(size_t start) {
  const int64_t back = Read<int32_t>(start);
  const int64_t vtable = static_cast<int64_t>(start) - back;
  // One before the file is found to be outside of it as well.
  const size_t at = vtable < 0 ? size_ + 1 : static_cast<size_t>(vtable);
  const size_t vtable_bytes = Read<uint16_t>(at);
  const size_t bytes = Read<uint16_t>(at + 2);
  if (!Check(at, vtable_bytes) || !Check(start, bytes)) return {};
  if (vtable_bytes < 4 || vtable_bytes % 2 != 0) {
    status_ = Status::Error("not a valid model: a table has half a field");
    return {};
  }
  return {start, at, vtable_bytes, bytes};
}

size_t FlatBuffer::Find(const Table& table, int field, size_t bytes) {
  const size_t entry = 4 + 2 * static_cast<size_t>(field);
  if (!table || entry + 2 > table.vtable_bytes) return 0;
  const size_t offset = Read<uint16_t>(table.vtable + entry);
  if (offset == 0) return 0;
  if (offset < 4 || offset + bytes > table.bytes) {
    if (status_.ok()) {
      status_ = Status::Error("not a valid model: a table has a bad field");
    }
    return 0;
  }
  return table.start + offset;
}

FlatBuffer::Vector FlatBuffer::VectorAt(const Table& table, int field,
                                        size_t element_bytes) {
  size_t at = Find(table, field, sizeof(uint32_t));
  if (at == 0) return {};
  at += Read<uint32_t>(at);
  const size_t count = Read<uint32_t>(at);
  // Fits: a count has 32 bits, an element few bytes.
  const uint64_t bytes = uint64_t{count} * element_bytes;
  if (bytes > size_ || !Check(at + sizeof(uint32_t), bytes)) {
    Check(size_, 1);
    return {};
  }
  return {at + sizeof(uint32_t), count};
}

std::string_view FlatBuffer::Bytes(const Table& table, int field) {
  const Vector bytes = VectorAt(table, field, 1);
  return {content_ + bytes.start, bytes.count};
}

std::vector<int> FlatBuffer::Ints(const Table& table, int field) {
  const Vector found = VectorAt(table, field, sizeof(int32_t));
  std::vector<int> values(found.count);
  for (size_t i = 0; i < found.count; ++i) {
    values[i] = Read<int32_t>(found.start + i * sizeof(int32_t));
  }
  return values;
}

FlatBuffer::Vector FlatBuffer::Tables(const Table& table, int field) {
  return VectorAt(table, field, sizeof(uint32_t));
}

FlatBuffer::Table FlatBuffer::At(const Vector& tables, size_t index) {
  const size_t at = tables.start + index * sizeof(uint32_t);
  return TableAt(at + Read<uint32_t>(at));
}

}  // namespace bifsmn
