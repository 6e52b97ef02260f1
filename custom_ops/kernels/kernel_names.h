// The kernels of all families by name, for those who choose among them.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_KERNEL_NAMES_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_KERNEL_NAMES_H_

#include <string>
#include <vector>

namespace bifsmn {

// Names of the kernels that run on this processor; within a family, fastest
// first.
std::vector<std::string> KernelNames();

// What is wrong with the variables that choose kernels, BIFSMN_ISA
// (cpu_features.h) and BIFSMN_KERNELS (registry.h), or "".
std::string KernelChoiceFault();

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_KERNEL_NAMES_H_
