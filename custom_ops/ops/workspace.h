// Divides the memory that an op works in among its parts.

#ifndef BIFSMN_CUSTOM_OPS_OPS_WORKSPACE_H_
#define BIFSMN_CUSTOM_OPS_OPS_WORKSPACE_H_

#include <cstddef>

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

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_WORKSPACE_H_
