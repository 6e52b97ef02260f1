// Which kernels there are. Within a family, fastest first.

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/memory.h"
#include "custom_ops/kernels/quant_conv.h"
#include "custom_ops/kernels/registry.h"

namespace bifsmn {

const KernelRegistry<QuantConvKernel>& QuantConvKernels() {
  static const KernelRegistry<QuantConvKernel> kernels = {
      &kQuantConvPortable1x16S32,
  };
  return kernels;
}

const KernelRegistry<BgemmKernel>& BgemmKernels() {
  static const KernelRegistry<BgemmKernel> kernels = {
      &kBgemmPortable4x4U16,
  };
  return kernels;
}

const KernelRegistry<MemoryKernel>& MemoryKernels() {
  static const KernelRegistry<MemoryKernel> kernels = {
      &kMemoryPortable1x16U8,
  };
  return kernels;
}

}  // namespace bifsmn
