"""What the tests of several folders need."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from build_cache import CACHE
from build_cache import build_lock

# Some tests import TensorFlow by other ways than the package's own first.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker a core: a thread each, in the commands that tests start too.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]

pytest_plugins = ["native_fixtures"]


@pytest.fixture(scope="session")
def speech() -> Path:
    """Real recordings in the layout of the official archive.

    From the folder that BIFSMN_SPEECH names, or unpacked once from
    ``../shared/data`` into this checkout's ``.cache``.
    """
    named = os.environ.get("BIFSMN_SPEECH")
    if named:
        folder = Path(named)
        if not (folder / "yes").is_dir():
            pytest.fail(f"BIFSMN_SPEECH={named} has no folder yes")
        return folder
    return unpacked("speech")


@pytest.fixture(scope="session")
def all_keywords(speech) -> Path:
    """As ``speech``, with *on* and *off*, which that may lack."""
    if (speech / "on").is_dir():
        return speech
    return unpacked("speech_all_keywords", "--extra")


def unpacked(name: str, *flags: str) -> Path:
    """Returns a folder of recordings, unpacked if it is not there."""
    unpack = ROOT.parent / "shared" / "data" / "unpack.py"
    if not unpack.is_file():
        pytest.skip(
            "needs real recordings: set BIFSMN_SPEECH to an extracted Speech "
            "Commands archive"
        )
    folder = CACHE / name
    with build_lock(name):
        if not folder.is_dir():
            command = [sys.executable, unpack, folder, *flags]
            subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="session")
def aarch64():
    """Runs Python on an emulated Cortex-A53; made once in ``.cache``."""
    for tool in ("qemu-aarch64", "aarch64-linux-gnu-g++", "apt-get"):
        if shutil.which(tool) is None:
            pytest.skip(f"emulating aarch64 needs {tool}")
    if "bookworm" not in Path("/etc/os-release").read_text():
        pytest.skip("emulating aarch64 needs Debian 12's packages")
    folder = CACHE / "aarch64"
    with build_lock("aarch64"):
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
