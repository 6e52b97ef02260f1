// Which kernels there are. Within a family, fastest first.

#include "custom_ops/kernels/bgemm.h"
#include "custom_ops/kernels/dense.h"
#include "custom_ops/kernels/feature_conv.h"
#include "custom_ops/kernels/igemm.h"
#include "custom_ops/kernels/log_mel.h"
#include "custom_ops/kernels/memory.h"
#include "custom_ops/kernels/registry.h"

namespace bifsmn {

const KernelRegistry<FeatureConvKernel>& FeatureConvKernels() {
  static const KernelRegistry<FeatureConvKernel> kernels = {
#ifdef __aarch64__
      &kFeatureConvNeon16x8S16,
#endif
#ifdef __x86_64__
      &kFeatureConvAvx512Vnni16x16S32, &kFeatureConvAvx2_16x16S16,
      &kFeatureConvAvx2_8x16S32,
#endif
      &kFeatureConvPortable1x16S32,
  };
  return kernels;
}

const KernelRegistry<BgemmKernel>& BgemmKernels() {
  static const KernelRegistry<BgemmKernel> kernels = {
#ifdef __x86_64__
      &kBgemmAvx512Bitalg8x32U16,
      &kBgemmAvx2_2x32U8,
#endif
#ifdef __aarch64__
      &kBgemmNeon1x16U8,
      &kBgemmNeon8x16U8,
      &kBgemmNeonFbckInorder4x16U8,
      &kBgemmNeonFbck4x16U8,
#endif
#ifdef __wasm_simd128__
      &kBgemmWasm4x16U8,
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
#ifdef __x86_64__
      &kMemoryAvx512Bw8x32S16,
      &kMemoryAvx2_8x16S16,
#endif
      &kMemoryPortable1x16U8,
  };
  return kernels;
}

const KernelRegistry<DenseKernel>& DenseKernels() {
  static const KernelRegistry<DenseKernel> kernels = {
#ifdef __aarch64__
      &kDenseNeon16x12S32,
#endif
#ifdef __x86_64__
      &kDenseAvx512Vnni64x12S32,
      &kDenseAvx2_16x4S32,
#endif
      &kDensePortable1x1S32,
  };
  return kernels;
}

const KernelRegistry<IgemmKernel>& IgemmKernels() {
  static const KernelRegistry<IgemmKernel> kernels = {
#ifdef __aarch64__
      &kIgemmNeon4x4S32,
#endif
#ifdef __x86_64__
      &kIgemmAvx512Vnni8x32S32,
      &kIgemmAvx2_8x16S32,
#endif
      &kIgemmPortable1x16S32,
  };
  return kernels;
}

const KernelRegistry<MelKernel<float>>& MelKernels() {
  static const KernelRegistry<MelKernel<float>> kernels = {
#ifdef __x86_64__
      &kMelAvx512vl8F32,
      &kMelAvx2Fma8F32,
#endif
#ifdef __aarch64__
      &kMelNeon4F32,
#endif
      &kMelPortable4F32,
  };
  return kernels;
}

const KernelRegistry<MelKernel<double>>& ExactMelKernels() {
  static const KernelRegistry<MelKernel<double>> kernels = {
#ifdef __x86_64__
      &kMelAvx512vl4F64,
      &kMelAvx2Fma4F64,
#endif
#ifdef __aarch64__
      &kMelNeon2F64,
#endif
      &kMelPortable2F64,
  };
  return kernels;
}

}  // namespace bifsmn
