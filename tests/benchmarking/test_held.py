"""The stock interpreter held to a level of instructions."""

import os
import platform
import subprocess
import sys

import pytest

from bifsmn_tf.runtime.interpreter import isa_levels

pytest.importorskip("ai_edge_litert")

_RUN = """
from bifsmn_tf.benchmarking import held
from bifsmn_tf.benchmarking.model import smallest_model

print(held.hold())
invocation = smallest_model().invocation()
invocation.invoke()
print(held.answers())
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
    said, answers = done.stdout.split()
    assert said == level
    assert int(answers) > 0


def test_asks_the_processor_where_nothing_is_limited():
    done = _run(isa_levels()[-1])
    assert done.stdout.split() == ["0"], done.stderr


def test_says_what_it_needs(tmp_path):
    done = _run(isa_levels()[0], path=str(tmp_path))
    assert "needs cc and objdump: apt install gcc binutils" in done.stderr
