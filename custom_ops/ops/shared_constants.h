// Constants that ops have in common: the depths of a network run the same
// weights, which are kept once.

#ifndef BIFSMN_CUSTOM_OPS_OPS_SHARED_CONSTANTS_H_
#define BIFSMN_CUSTOM_OPS_OPS_SHARED_CONSTANTS_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <typeindex>
#include <typeinfo>
#include <vector>

#include "custom_ops/ops/workspace.h"

namespace bifsmn {

// What ops share, while they are planned.
class ConstantPool {
 public:
  // The first of the equal objects that came here; `own` if there was none.
  template <typename T, typename Equal>
  std::shared_ptr<const T> First(const std::shared_ptr<const T>& own,
                                 const Equal& equal) {
    for (const Entry& entry : entries_) {
      if (entry.type != typeid(T)) continue;
      const auto other = std::static_pointer_cast<const T>(entry.object);
      if (equal(*other, *own)) return other;
    }
    entries_.push_back({typeid(T), own});
    return own;
  }

 private:
  struct Entry {
    std::type_index type;
    std::shared_ptr<const void> object;
  };

  std::vector<Entry> entries_;
};

// Weights as a kernel reads them: written once.
template <typename T>
class PackedConstant {
 public:
  // New memory of zeros, to be written before it is shared.
  T* Resize(size_t count) {
    const auto made = std::make_shared<AlignedBuffer<T>>();
    made->Resize(count);
    buffer_ = made;
    return made->data();
  }

  const T* data() const { return buffer_->data(); }

  // Takes another op's memory instead, if the same is in it.
  void Share(ConstantPool* pool) {
    if (buffer_ == nullptr) return;
    buffer_ = pool->First(
        buffer_, [](const AlignedBuffer<T>& a, const AlignedBuffer<T>& b) {
          return a.size() == b.size() &&
                 std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
        });
  }

 private:
  std::shared_ptr<const AlignedBuffer<T>> buffer_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_OPS_SHARED_CONSTANTS_H_
