"""What the native libraries are made of, and how, for both builds.

Bazel loads this file, and Python executes it (sources.py): plain Starlark is
plain Python. Paths are from the top of the repository.
"""

# What lies beside the sources and is in no library.
_NOT_IN_LIBRARIES = [
    "*_benchmark.cc",
    "*_comparison.cc",
    "*_test.cc",
    "*_test_util.h",
    "fake_runtime.*",
    "reference.h",
]

def library_files(glob, ending, folder = ""):
    """Lists the files of a folder that are part of its library.

    Args:
      glob: the function of that name of the build.
      ending: ".cc" or ".h".
      folder: with a slash behind it; in Bazel, the package's own.
    """
    return glob(
        [folder + "*" + ending],
        exclude = [folder + name for name in _NOT_IN_LIBRARIES],
    )

# -ffp-contract=off: every float operation rounds on its own, so that results
# are the same on every processor and in NumPy.
COPTS = [
    "-std=c++17",
    "-O3",
    "-ffp-contract=off",
    # Else gcc branches at every comparison of floats, which might trap, instead
    # of computing in vectors. Results are the same.
    "-fno-trapping-math",
    "-ffunction-sections",
    "-fdata-sections",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-Wall",
    "-Wextra",
]

# For the builds that test.
STRICT_COPTS = COPTS + ["-Werror"]

# Tests take longer to optimize than to run.
TEST_COPTS = [flag for flag in STRICT_COPTS if flag != "-O3"]

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

# The engine in a browser (web/). Every browser that has WebAssembly's
# exceptions has its vectors, too.
WEB_COPTS = COPTS + [
    "-msimd128",
    "-fwasm-exceptions",
]

# A module without a program around it: web/site/src/engine.js loads it.
WEB_LINKOPTS = [
    "-O3",
    "-fwasm-exceptions",
    "--no-entry",
    "-sSTANDALONE_WASM",
    "-sALLOW_MEMORY_GROWTH",
    "-sFILESYSTEM=0",
    "-sTOTAL_STACK=262144",
]
