// The kernels of one family, each known by its name.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_REGISTRY_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_REGISTRY_H_

#include <initializer_list>
#include <string_view>
#include <vector>

namespace bifsmn {

// Those of a family's kernels that run on this processor, fastest first. The
// last one is portable and takes every size that the ops allow.
//
// A Kernel has a `name`, the `max_depth` of the sums it takes, and tells by
// `supported` whether this processor has its instructions.
template <typename Kernel>
class KernelRegistry {
 public:
  KernelRegistry(std::initializer_list<const Kernel*> kernels) {
    for (const Kernel* kernel : kernels) {
      if (kernel->supported()) kernels_.push_back(kernel);
    }
  }

  // The fastest kernel for sums of `depth`.
  const Kernel& Select(int depth) const {
    for (const Kernel* kernel : kernels_) {
      if (depth <= kernel->max_depth) return *kernel;
    }
    return *kernels_.back();
  }

  // The kernel of that name, or null if there is none or it does not run here.
  const Kernel* Find(std::string_view name) const {
    for (const Kernel* kernel : kernels_) {
      if (name == kernel->name) return kernel;
    }
    return nullptr;
  }

  auto begin() const { return kernels_.begin(); }
  auto end() const { return kernels_.end(); }

 private:
  std::vector<const Kernel*> kernels_;
};

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_REGISTRY_H_
