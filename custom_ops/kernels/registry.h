// The kernels of one family, each known by its name.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_REGISTRY_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_REGISTRY_H_

#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace bifsmn {

// Whether `names`, separated by commas, has `name`.
inline bool ListHas(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const size_t end = names.find(',');
    if (names.substr(0, end) == name) return true;
    if (end == std::string_view::npos) break;
    names.remove_prefix(end + 1);
  }
  return false;
}

// Names of kernels that are taken before all others, separated by commas: to
// compare kernels inside a whole network.
inline std::string_view PreferredKernels() {
  const char* names = std::getenv("BIFSMN_KERNELS");
  return names == nullptr ? std::string_view() : names;
}

// Those of a family's kernels that run on this processor, fastest first. The
// last one is portable and takes everything that the ops allow.
//
// A Kernel has a `name`, and tells by `supported` whether this processor has
// its instructions.
template <typename Kernel>
class KernelRegistry {
 public:
  KernelRegistry(std::initializer_list<const Kernel*> kernels) {
    for (const Kernel* kernel : kernels) {
      if (kernel->supported()) kernels_.push_back(kernel);
    }
  }

  // The first kernel for which `takes(kernel)` is true, of the preferred ones
  // if there is any, else the fastest.
  template <typename Takes>
  const Kernel& Select(const Takes& takes) const {
    const std::string_view preferred = PreferredKernels();
    for (const Kernel* kernel : kernels_) {
      if (ListHas(preferred, kernel->name) && takes(*kernel)) return *kernel;
    }
    for (const Kernel* kernel : kernels_) {
      if (takes(*kernel)) return *kernel;
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
