#include "custom_ops/kernels/kernel_names.h"

#include <algorithm>
#include <string_view>

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/dense.h"
#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/igemm.h"
#include "custom_ops/kernels/log_mel.h"
#include "custom_ops/kernels/memory.h"
#include "custom_ops/kernels/registry.h"

namespace bifsmn {
namespace {

template <typename Kernel>
void Append(const KernelRegistry<Kernel>& family,
            std::vector<std::string>* names) {
  for (const Kernel* kernel : family) names->emplace_back(kernel->name);
}

}  // namespace

std::vector<std::string> KernelNames() {
  std::vector<std::string> names;
  Append(FeatureConvKernels(), &names);
  Append(BgemmKernels(), &names);
  Append(MemoryKernels(), &names);
  Append(DenseKernels(), &names);
  Append(IgemmKernels(), &names);
  Append(MelKernels(), &names);
  Append(ExactMelKernels(), &names);
  return names;
}

std::string KernelChoiceFault() {
  const std::string fault = IsaFault();
  if (!fault.empty()) return fault;
  const std::vector<std::string> known = KernelNames();
  std::string_view names = PreferredKernels();
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return "BIFSMN_KERNELS: there is no kernel '" + std::string(name) +
             "' on this processor";
    }
    names.remove_prefix(std::min(name.size() + 1, names.size()));
  }
  return "";
}

}  // namespace bifsmn
