"""Wavelet energies of what the blocks of a network read."""

import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar
from bifsmn_tf.experiments import wavelets
from bifsmn_tf.network import architectures
from bifsmn_tf.network.fsmn import FSMN

SIZES = {
    "front_channels": 4,
    "front_kernel": 3,
    "memory_size": 8,
    "hidden_size": 12,
    "blocks": 4,
}


def features(count=3):
    rng = np.random.default_rng(0)
    return tf.constant(rng.normal(size=(count, 32, 32)), tf.float32)


@pytest.mark.parametrize(
    ("make", "delta", "blocks"),
    [
        (architectures.dfsmn, 1, [2, 3, 4]),
        (architectures.bifsmn, 1, [2, 3, 4]),
        (architectures.bifsmn, 2, [4]),
    ],
)
def test_a_block_reads_what_the_one_before_it_gave(make, delta, blocks):
    changes = {"deltas": (1, 2)} if make is architectures.bifsmn else {}
    network = FSMN(make(3, **SIZES, **changes))
    found, example = wavelets.measure(network, delta, features())
    _, states = network.infer(features(), delta)
    assert [list(by_block) for by_block in found.values()] == [blocks] * 3
    for block in blocks:
        wanted = float(haar.relative_energy(states[block - delta])[0])
        assert found["states"][block] == pytest.approx(wanted)
    np.testing.assert_array_equal(
        example["states"], states[blocks[-1] - delta][0]
    )
    assert set(np.unique(example["signs"])) <= {-1.0, 1.0}


def test_signs_are_those_in_front_of_the_memory():
    network = FSMN(architectures.bifsmn(3, **SIZES, deltas=(1, 2)))
    # Everything lies below this threshold: all signs are -1, without a high
    # frequency.
    sign = network.stages["block4/memory"].sign
    sign.thresholds.assign(tf.constant([[0.0] * 8, [1e6] * 8]))
    found, example = wavelets.measure(network, 2, features())
    assert found["signs"][4] == 0
    assert np.all(example["signs"] == -1)
    found, _ = wavelets.measure(network, 1, features())
    assert found["signs"][4] > 0
