// Which kernels there are. Within a family, fastest first.

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/dense.h"
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
#ifdef __x86_64__
      &kBgemmAvx512Bitalg8x32U16,
#endif
#ifdef __aarch64__
      &kBgemmNeon8x16U8,
#endif
      &kBgemmPortable4x4U16,
  };
  return kernels;
}

const KernelRegistry<MemoryKernel>& MemoryKernels() {
  static const KernelRegistry<MemoryKernel> kernels = {
#ifdef __aarch64__
      &kMemoryNeon8x16S8,
#endif
      &kMemoryPortable1x16U8,
  };
  return kernels;
}

const KernelRegistry<DenseKernel>& DenseKernels() {
  static const KernelRegistry<DenseKernel> kernels = {
      &kDensePortable1x1S32,
  };
  return kernels;
}

}  // namespace bifsmn
