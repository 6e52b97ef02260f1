"""What the tests of the native half need."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bifsmn_tf.deployment.runtime import RUNTIMES

ROOT = Path(__file__).resolve().parents[2]


def run_python(*arguments, **variables) -> subprocess.CompletedProcess:
    """Runs Python apart from the tests, where a crash is a failure."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request) -> str:
    """Every runtime that is installed."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture(scope="session")
def aarch64():
    """Runs Python on an emulated Cortex-A53; made once in `.cache`."""
    for tool in ("qemu-aarch64", "aarch64-linux-gnu-g++", "apt-get"):
        if shutil.which(tool) is None:
            pytest.skip(f"emulating aarch64 needs {tool}")
    if "bookworm" not in Path("/etc/os-release").read_text():
        pytest.skip("emulating aarch64 needs Debian 12's packages")
    folder = ROOT / ".cache" / "aarch64"
    subprocess.run(
        [ROOT / "tools/aarch64_sysroot.sh", folder],
        env=os.environ | {"PYTHON": sys.executable},
        check=True,
    )

    def run(*arguments) -> subprocess.CompletedProcess:
        return subprocess.run(
            [ROOT / "tools/run_aarch64.sh", folder, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )

    return run
