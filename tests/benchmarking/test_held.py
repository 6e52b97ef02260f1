"""The stock interpreter held to a level of instructions."""

import os
import platform
import signal
import subprocess
import sys

import pytest

from bifsmn_tf.runtime.interpreter import isa_levels

pytest.importorskip("ai_edge_litert")

_RUN = """
from bifsmn_tf.benchmarking import held
from bifsmn_tf.benchmarking.model import smallest_model

level = held.hold()
print(level)
invocation = smallest_model().invocation()
invocation.invoke()
print(held.answers())
if level:
    assert held.hold() == level
    ebx = held.ask(7, 0)[1]
    print(ebx >> 16 & 1, ebx >> 5 & 1, held.ask(1, 0)[2] >> 28 & 1)
    print(held.ask(0, 0)[0] >= 7)
"""


def _run(
    level: str, path: str = os.environ["PATH"]
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", _RUN],
        env={**os.environ, "BIFSMN_ISA": level, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64")
    or len(isa_levels()) == 1,
    reason="only Linux on x86-64 with more than the least level is held",
)


@pytest.mark.parametrize("level", isa_levels()[:-1])
def test_asks_us_instead_of_the_processor(level):
    done = _run(level)
    assert done.returncode == 0, done.stderr
    said, answers, *has, leaves = done.stdout.split()
    assert said == level
    assert int(answers) > 0
    # AVX-512F, AVX2, AVX.
    avx2 = "1" if level == "avx2" else "0"
    assert has == ["0", avx2, avx2]
    assert leaves == "True"


def test_asks_the_processor_where_nothing_is_limited():
    done = _run(isa_levels()[-1])
    assert done.stdout.split() == ["0"], done.stderr


def test_leaves_other_traps_alone():
    trap = "import ctypes, mmap; from bifsmn_tf.benchmarking import held\n"
    trap += "held.hold()\n"
    trap += "page = mmap.mmap(-1, 4096, prot=7)\n"
    trap += "page.write(bytes([0x0f, 0x0b]))\n"
    trap += "place = ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
    trap += "ctypes.CFUNCTYPE(None)(place)()"
    done = subprocess.run(
        [sys.executable, "-c", trap],
        env={**os.environ, "BIFSMN_ISA": isa_levels()[0]},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGILL


def test_says_what_it_needs(tmp_path):
    done = _run(isa_levels()[0], path=str(tmp_path))
    assert "needs cc and objdump: apt install gcc binutils" in done.stderr
