"""The native sources and how they are compiled, for both builds.

Bazel loads this file and setup.py executes it: nothing but plain lists here.
Paths are from the top of the repository.
"""

KERNEL_SOURCES = [
    "custom_ops/kernels/bgemm_avx2_4x32_u8.cc",
    "custom_ops/kernels/bgemm_avx512bitalg_8x32_u16.cc",
    "custom_ops/kernels/bgemm_neon_8x16_u8.cc",
    "custom_ops/kernels/bgemm_neon_fbck_4x16_u8.cc",
    "custom_ops/kernels/bgemm_neon_fbck_inorder_4x16_u8.cc",
    "custom_ops/kernels/bgemm_portable_4x4_u16.cc",
    "custom_ops/kernels/bit_im2col.cc",
    "custom_ops/kernels/dense_avx2_16x4_s32.cc",
    "custom_ops/kernels/dense_avx512vnni_64x12_s32.cc",
    "custom_ops/kernels/dense_neon_16x12_s32.cc",
    "custom_ops/kernels/dense_portable_1x1_s32.cc",
    "custom_ops/kernels/epilogue.cc",
    "custom_ops/kernels/igemm_avx2_8x16_s32.cc",
    "custom_ops/kernels/igemm_avx512vnni_8x32_s32.cc",
    "custom_ops/kernels/igemm_neon_4x4_s32.cc",
    "custom_ops/kernels/igemm_portable_1x16_s32.cc",
    "custom_ops/kernels/kernel_names.cc",
    "custom_ops/kernels/kernels.cc",
    "custom_ops/kernels/log_mel_avx2fma.cc",
    "custom_ops/kernels/log_mel_avx512vl.cc",
    "custom_ops/kernels/log_mel_decibel.cc",
    "custom_ops/kernels/log_mel_neon.cc",
    "custom_ops/kernels/log_mel_portable.cc",
    "custom_ops/kernels/log_mel_tables.cc",
    "custom_ops/kernels/memory_avx2_8x16_s16.cc",
    "custom_ops/kernels/memory_avx512bw_8x32_s16.cc",
    "custom_ops/kernels/memory_neon_8x16_s8.cc",
    "custom_ops/kernels/memory_portable_1x16_u8.cc",
    "custom_ops/kernels/padding.cc",
    "custom_ops/kernels/quant_conv_avx2_8x16_s32.cc",
    "custom_ops/kernels/quant_conv_avx512vnni_16x16_s32.cc",
    "custom_ops/kernels/quant_conv_neon_16x8_s16.cc",
    "custom_ops/kernels/quant_conv_portable_1x16_s32.cc",
    "custom_ops/kernels/quantize.cc",
    "custom_ops/kernels/rfft_tables.cc",
]

KERNEL_HEADERS = [
    "custom_ops/kernels/bgemm.h",
    "custom_ops/kernels/bgemm_neon_epilogue.h",
    "custom_ops/kernels/bgemm_neon_fbck.h",
    "custom_ops/kernels/bit_im2col.h",
    "custom_ops/kernels/bits.h",
    "custom_ops/kernels/dense.h",
    "custom_ops/kernels/epilogue.h",
    "custom_ops/kernels/igemm.h",
    "custom_ops/kernels/intrinsics_avx512.h",
    "custom_ops/kernels/log_mel.h",
    "custom_ops/kernels/log_mel_decibel.h",
    "custom_ops/kernels/log_mel_frame.h",
    "custom_ops/kernels/log_mel_x86.h",
    "custom_ops/kernels/kernel_names.h",
    "custom_ops/kernels/memory.h",
    "custom_ops/kernels/memory_taps.h",
    "custom_ops/kernels/neon.h",
    "custom_ops/kernels/padding.h",
    "custom_ops/kernels/quant_conv.h",
    "custom_ops/kernels/quantize.h",
    "custom_ops/kernels/registry.h",
    "custom_ops/kernels/rfft.h",
    "custom_ops/kernels/rfft_tables.h",
    "custom_ops/kernels/short_stream.h",
    "custom_ops/kernels/short_stream_avx2.h",
    "custom_ops/kernels/short_stream_avx512.h",
    "custom_ops/kernels/short_stream_neon.h",
    "custom_ops/kernels/target.h",
]

OP_SOURCES = [
    "custom_ops/ops/attributes.cc",
    "custom_ops/ops/binary_conv.cc",
    "custom_ops/ops/conv2d.cc",
    "custom_ops/ops/conv2d_add.cc",
    "custom_ops/ops/conv_attributes.cc",
    "custom_ops/ops/dense.cc",
    "custom_ops/ops/float16.cc",
    "custom_ops/ops/float_conv2d.cc",
    "custom_ops/ops/int8_conv2d.cc",
    "custom_ops/ops/log_mel.cc",
    "custom_ops/ops/memory.cc",
    "custom_ops/ops/op.cc",
    "custom_ops/ops/packed_integers.cc",
    "custom_ops/ops/quant_conv2d.cc",
    "custom_ops/ops/status.cc",
    "custom_ops/ops/stream_epilogue.cc",
    "custom_ops/ops/tensor.cc",
    "custom_ops/ops/validation.cc",
]

OP_HEADERS = [
    "custom_ops/ops/attributes.h",
    "custom_ops/ops/binary_conv.h",
    "custom_ops/ops/conv_attributes.h",
    "custom_ops/ops/float16.h",
    "custom_ops/ops/op.h",
    "custom_ops/ops/packed_integers.h",
    "custom_ops/ops/status.h",
    "custom_ops/ops/stream_epilogue.h",
    "custom_ops/ops/tensor.h",
    "custom_ops/ops/validation.h",
    "custom_ops/ops/workspace.h",
]

DELEGATE_SOURCES = [
    "tflite_delegate/arena.cc",
    "tflite_delegate/delegate.cc",
    "tflite_delegate/kernel.cc",
    "tflite_delegate/partition.cc",
    "tflite_delegate/plugin.cc",
    "tflite_delegate/profile.cc",
    "tflite_delegate/registration.cc",
]

DELEGATE_HEADERS = [
    "tflite_delegate/arena.h",
    "tflite_delegate/delegate.h",
    "tflite_delegate/kernel.h",
    "tflite_delegate/partition.h",
    "tflite_delegate/plugin.h",
    "tflite_delegate/profile.h",
    "tflite_delegate/registration.h",
    "tflite_delegate/tflite_abi.h",
]

# A library of its own, which nothing but training loads.
TRAINING_SOURCES = [
    "custom_ops/training/adam.cc",
    "custom_ops/training/attention.cc",
    "custom_ops/training/epilogue.cc",
    "custom_ops/training/memory.cc",
    "custom_ops/training/parallel.cc",
    "custom_ops/training/scaled_sign.cc",
    "custom_ops/training/sign_product.cc",
    "custom_ops/training/tensorflow_ops.cc",
]

TRAINING_HEADERS = [
    "custom_ops/training/adam.h",
    "custom_ops/training/attention.h",
    "custom_ops/training/epilogue.h",
    "custom_ops/training/memory.h",
    "custom_ops/training/parallel.h",
    "custom_ops/training/scaled_sign.h",
    "custom_ops/training/sign_product.h",
    "custom_ops/training/tensorflow_abi.h",
    "custom_ops/training/vector.h",
]

# -ffp-contract=off: every float operation rounds on its own, so that results
# are the same on every processor and in NumPy.
COPTS = [
    "-std=c++17",
    "-O3",
    "-ffp-contract=off",
    "-ffunction-sections",
    "-fdata-sections",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-Wall",
    "-Wextra",
]

EXPORTS = "tflite_delegate/exports.lds"

# Files that need nothing of a runtime.
SELF_CONTAINED_LINKOPTS = [
    "-static-libstdc++",
    "-static-libgcc",
    "-Wl,-z,defs",
    "-Wl,--gc-sections",
]

# One that shows nothing but its entry points.
LINKOPTS = SELF_CONTAINED_LINKOPTS + [
    "-Wl,--version-script=" + EXPORTS,
]

# Vectors as wide as those of the widest processor are passed nowhere but
# between functions that are inlined, so that no ABI is concerned.
# Without errno a root is one instruction.
TRAINING_COPTS = COPTS + [
    "-Wno-psabi",
    "-fno-math-errno",
]

TRAINING_LINKOPTS = SELF_CONTAINED_LINKOPTS + [
    "-lpthread",
    "-ldl",
]
