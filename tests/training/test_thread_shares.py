"""How threads are shared, in processes that TensorFlow has not begun in."""

import os
import subprocess
import sys

import pytest

from bifsmn_tf.training import threads

_SHOW = """
from bifsmn_tf._keras import tf
from bifsmn_tf.training import threads
{before}
threads.use({count})
print(
    tf.config.threading.get_intra_op_parallelism_threads(),
    tf.config.threading.get_inter_op_parallelism_threads(),
)
"""


def _used(count: int, before: str = "", **variables: str) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TF_NUM_")
    }
    done = subprocess.run(
        [sys.executable, "-c", _SHOW.format(count=count, before=before)],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize(
    ("count", "shares"), [(1, (1, 1)), (2, (1, 2)), (3, (2, 2)), (8, (7, 2))]
)
def test_shares(count, shares):
    assert threads.shares(count) == shares


def test_uses_what_is_asked_for():
    assert _used(3, TF_NUM_INTRAOP_THREADS="1") == "2 2"


def test_leaves_to_the_environment_what_it_says():
    assert _used(0, TF_NUM_INTRAOP_THREADS="1") == "0 0"


def test_leaves_what_has_begun_unless_asked():
    begun = "tf.constant(1.0) + 1.0"
    assert _used(0, before=begun) == "0 0"
    assert "RuntimeError" in _used(5, before=begun)
