"""What the tests of the native half need."""

import dataclasses
import importlib.util
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from build_cache import CACHE
from build_cache import build_lock

from bifsmn_tf.runtime.interpreter import RUNTIMES

ROOT = Path(__file__).resolve().parents[2]


def run_python(
    *arguments, emulator=(), **variables
) -> subprocess.CompletedProcess:
    """Runs Python apart from the tests, where a crash is a failure."""
    return subprocess.run(
        [*emulator, sys.executable, *map(str, arguments)],
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@dataclasses.dataclass
class Sanitized:
    """The library with gcc's sanitizers."""

    objects: list[Path]
    """Its object files, to link into a program."""

    variables: dict[str, str]
    """The environment in which Python loads it."""


def _gcc_library(name: str) -> str:
    """The path of a library of gcc's, or its name if there is none."""
    return subprocess.run(
        ["gcc", f"-print-file-name={name}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture(scope="session")
def sanitized() -> Sanitized:
    """Builds the library with sanitizers, in ``.cache``."""
    # With the C++ library, whose exceptions the sanitizer wants to see.
    preload = [_gcc_library(n) for n in ("libasan.so", "libstdc++.so.6")]
    if not all(map(os.path.isabs, preload)):
        pytest.skip("gcc has no AddressSanitizer")
    cache = CACHE / "sanitized"
    with build_lock("sanitized"):
        subprocess.run(
            [sys.executable, "-W", "ignore", "setup.py", "-q", "build_ext"]
            + ["--build-lib", cache / "library"]
            + ["--build-temp", cache / "build"],
            cwd=ROOT,
            env=os.environ | {"BIFSMN_SANITIZE": "address,undefined"},
            check=True,
        )
    # By its path: that of an earlier layout may still lie there.
    library = cache / "library" / "bifsmn_tf" / "runtime" / "libbifsmn.so"
    native = runpy.run_path(str(ROOT / "custom_ops/sources.py"))
    return Sanitized(
        # Objects of sources that are gone may still lie there.
        [
            (cache / "build" / name).with_suffix(".o")
            for part in native["RUNTIME"]
            for name in native["SOURCES"][part]
        ],
        {
            "BIFSMN_LIBRARY": str(library),
            "LD_PRELOAD": " ".join(preload),
            "ASAN_OPTIONS": "detect_leaks=0",
        },
    )


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request) -> str:
    """Every runtime that is installed."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param
