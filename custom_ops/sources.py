"""The native sources and their flags, for what builds them from Python.

``runpy.run_path("custom_ops/sources.py")`` gives ``SOURCES``,
``HEADERS`` and ``FLAGS``; it needs nothing that has to be installed.
"""

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
