// The kernels of all families by name, for those who choose among them.

#ifndef BIFSMN_CUSTOM_OPS_KERNELS_KERNEL_NAMES_H_
#define BIFSMN_CUSTOM_OPS_KERNELS_KERNEL_NAMES_H_

#include <string>
#include <vector>

namespace bifsmn {

// Names of the kernels that run on this processor; within a family, fastest
// first.
std::vector<std::string> KernelNames();

// The first of the preferred kernels (registry.h) that there is not, or "".
std::string UnknownPreferredKernel();

}  // namespace bifsmn

#endif  // BIFSMN_CUSTOM_OPS_KERNELS_KERNEL_NAMES_H_
