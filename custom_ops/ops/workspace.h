// Divides the memory that an op works in among its parts.

#ifndef BIFSMN_CUSTOM_OPS_OPS_WORKSPACE_H_
#define BIFSMN_CUSTOM_OPS_OPS_WORKSPACE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bifsmn {

// Starts of parts are aligned to a cache line.
constexpr size_t kWorkspaceAlignment = 64;

constexpr size_t AlignUp(size_t bytes) {
  return (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment *
         kWorkspaceAlignment;
}

// Adds up parts when planning; finds the same parts again when running.
class WorkspaceLayout {
 public:
  template <typename T>
  class Part {
   public:
    T* In(void* workspace) const {
      return reinterpret_cast<T*>(static_cast<char*>(workspace) + offset_);
    }

   private:
    friend class WorkspaceLayout;
    size_t offset_ = 0;
  };

  template <typename T>
  Part<T> Add(size_t count) {
    Part<T> part;
    part.offset_ = bytes_;
    bytes_ += AlignUp(count * sizeof(T));
    return part;
  }

  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
};

// Memory that a kernel may read with aligned instructions.
template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  AlignedBuffer(const AlignedBuffer& other) { *this = other; }
  AlignedBuffer& operator=(const AlignedBuffer& other) {
    Resize(other.count_);
    std::copy_n(other.data(), count_, data());
    return *this;
  }

  // What was in it is lost; the new elements are 0.
  void Resize(size_t count) {
    count_ = count;
    memory_.assign(count * sizeof(T) + kWorkspaceAlignment, 0);
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    offset_ = AlignUp(address) - address;
  }

  T* data() { return reinterpret_cast<T*>(memory_.data() + offset_); }
  const T* data() const {
    return reinterpret_cast<const T*>(memory_.data() + offset_);
  }
  size_t size() const { return count_; }
  T& operator[](size_t i) { return data()[i]; }

 private:
  std::vector<char> memory_;
  size_t offset_ = 0;
  size_t count_ = 0;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_WORKSPACE_H_
