// Bits of sums are mask registers.

#include "custom_ops/kernels/memory.h"

#ifdef __x86_64__

#include <cstddef>
#include <cstring>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/intrinsics_avx512.h"
#include "custom_ops/kernels/memory_taps.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl")

#include "custom_ops/kernels/int16_lanes_avx512.h"
#include "custom_ops/kernels/memory_x86.h"

BIFSMN_TARGET_END

namespace bifsmn {

const MemoryKernel kMemoryAvx512Bw8x32S16 = {
    "memory_avx512bw_8x32_s16",
    kMaxBinaryTerms,
    1,
    HasAvx512,
    X86Memory<Avx512Int16>::Dot,
    X86Memory<Avx512Int16>::Add,
};

}  // namespace bifsmn

#endif  // __x86_64__
