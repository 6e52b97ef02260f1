#include "custom_ops/kernels/log_mel.h"

#ifdef __x86_64__

#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx512f,avx512vl,avx2,fma")

#include "custom_ops/kernels/log_mel_frame.h"
#include "custom_ops/kernels/log_mel_x86.h"

BIFSMN_TARGET_END

namespace bifsmn {
namespace {

bool Supported() {
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl");
}

}  // namespace

const MelKernel<float> kMelAvx512vl8F32 = {"mel_avx512vl_8_f32", 8, Supported,
                                           MelFrame<Avx2F32>};
const MelKernel<double> kMelAvx512vl4F64 = {"mel_avx512vl_4_f64", 4, Supported,
                                            MelFrame<Avx2F64>};

}  // namespace bifsmn

#endif  // __x86_64__
