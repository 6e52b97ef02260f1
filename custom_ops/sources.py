"""The native sources and their flags, for what builds them from Python.

``runpy.run_path("custom_ops/sources.py")`` gives ``SOURCES``,
``HEADERS``, ``RUNTIME`` and ``FLAGS``; it needs nothing that has to be
installed. Run as a program it prints, for CMake, a line each: the version, the
sources of libbifsmn.so, the flags to compile it and to link it with.
"""

import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

FLAGS: dict[str, Any] = {}
"""What ``sources.bzl`` defines, by its names there."""

exec(ROOT.joinpath("custom_ops/sources.bzl").read_text("utf-8"), FLAGS)


def _glob(include: list[str], exclude: list[str]) -> list[str]:
    """Lists files from the top of the repository, as Bazel's ``glob`` does."""
    found = {path for pattern in include for path in ROOT.glob(pattern)}
    return sorted(
        str(path.relative_to(ROOT))
        for path in found
        if not any(path.match(pattern) for pattern in exclude)
    )


def _files(ending: str) -> dict[str, list[str]]:
    return {
        library: FLAGS["library_files"](_glob, ending, f"{folder}/")
        for library, folder in (
            ("kernels", "custom_ops/kernels"),
            ("ops", "custom_ops/ops"),
            ("engine", "custom_ops/engine"),
            ("delegate", "tflite_delegate"),
            ("training", "custom_ops/training"),
        )
    }


SOURCES = _files(".cc")
"""The source files of each part, by its name."""

HEADERS = _files(".h")
"""The headers of each part."""

RUNTIME = ("kernels", "ops", "engine", "delegate")
"""The parts of libbifsmn.so."""


def _print_for_cmake() -> None:
    version = runpy.run_path(str(ROOT / "bifsmn_tf/_version.py"))["__version__"]
    exports = str(ROOT / FLAGS["EXPORTS"])
    print(version)
    print(*(path for part in RUNTIME for path in SOURCES[part]))
    print(*FLAGS["COPTS"])
    print(*(x.replace(FLAGS["EXPORTS"], exports) for x in FLAGS["LINKOPTS"]))


if __name__ == "__main__":
    _print_for_cmake()
