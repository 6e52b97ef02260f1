"""Training steps at each level of instructions that the processor has."""

import json
import os
import subprocess
import sys

import pytest

from bifsmn_tf.runtime.interpreter import isa_levels

# Losses before the first update, and after it.
_STEPS = """
import json
import numpy as np
from bifsmn_tf._keras import tf
from bifsmn_tf.benchmarking.training_speed import networks
from bifsmn_tf.benchmarking.training_steps import WAYS
from bifsmn_tf.network import fused

student, teacher = networks("bifsmn_s", 5)
step = WAYS["project"](student, teacher, 0.1)
generator = np.random.default_rng(0)
config = student.config
features = generator.normal(size=(8, config.frames, config.mels))
labels = generator.integers(0, 5, 8)
batch = tf.constant(features, tf.float32), tf.constant(labels, tf.int32)
losses = [float(step(*batch)) for _ in range(2)]
print(json.dumps({
    "isa": fused.isa(), "counts": fused.multiplies_signs(), "losses": losses,
}))
"""
_COUNTING = [x for x in isa_levels() if x not in ("baseline", "neon")]


def _train(**variables):
    return subprocess.run(
        [sys.executable, "-c", _STEPS],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def reports():
    """What a training says at each level, and ``plain`` without our ops."""
    done = {
        level: _train(BIFSMN_FUSED="1", BIFSMN_ISA=level)
        for level in isa_levels()
    }
    done["plain"] = _train(BIFSMN_FUSED="0")
    for process in done.values():
        assert process.returncode == 0, process.stderr
    return {level: json.loads(x.stdout) for level, x in done.items()}


@pytest.mark.parametrize("level", isa_levels())
def test_a_level_trains_as_plain_layers_do(level, reports):
    report, plain = reports[level], reports["plain"]["losses"]
    assert report["isa"] == level
    assert report["counts"] == (level in _COUNTING)
    # TensorFlow adds other things up in another order than our operations: as
    # near as benchmarking.training_speed wants it.
    assert report["losses"][0] == pytest.approx(plain[0], rel=1e-3)
    assert report["losses"][1] == pytest.approx(plain[1], rel=1e-2)
    assert plain[1] < 0.9 * plain[0]


def test_levels_agree_bit_for_bit(reports):
    """Signs are added up before they are scaled, whoever counts them."""
    first, *others = (reports[level]["losses"] for level in isa_levels())
    assert all(losses == first for losses in others)


def test_a_level_that_is_not_here_ends_it():
    done = _train(BIFSMN_ISA="avx1024")
    assert done.returncode != 0
    assert "UserError: BIFSMN_ISA is 'avx1024'" in done.stderr
