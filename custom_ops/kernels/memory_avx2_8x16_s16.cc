// Bits of sums are spread over lanes by comparing each lane's own.

#include "custom_ops/kernels/memory.h"

#ifdef __x86_64__

#include <immintrin.h>

#include <cstddef>

#include "custom_ops/kernels/cpu_features.h"
#include "custom_ops/kernels/int16_residual.h"
#include "custom_ops/kernels/memory_taps.h"
#include "custom_ops/kernels/target.h"

BIFSMN_TARGET_BEGIN("avx2")

#include "custom_ops/kernels/int16_lanes_avx2.h"
#include "custom_ops/kernels/memory_x86.h"

BIFSMN_TARGET_END

namespace bifsmn {

const MemoryKernel kMemoryAvx2_8x16S16 = {
    "memory_avx2_8x16_s16",    kMaxBinaryTerms,           kWordBits, HasAvx2,
    X86Memory<Avx2Int16>::Dot, X86Memory<Avx2Int16>::Add,
};

}  // namespace bifsmn

#endif  // __x86_64__
