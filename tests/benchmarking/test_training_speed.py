import itertools

import numpy as np
import pytest

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.benchmarking import training_speed as throughput
from bifsmn_tf.benchmarking import training_steps
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.network.fsmn import FSMN

SIZES = {
    "classes": 3,
    "frames": 9,
    "mels": 8,
    "front_channels": 4,
    "front_kernel": 3,
    "memory_size": 12,
    "hidden_size": 16,
    "blocks": 4,
}


@pytest.fixture(autouse=True)
def eagerly():
    """Building the graphs would take a minute."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def networks(student_changes=(), seed=0):
    set_random_seed(seed)
    generator = np.random.default_rng(seed)
    found = []
    for make, changes in ((bifsmn, dict(student_changes)), (dfsmn, {})):
        network = FSMN(make(**{**SIZES, **changes}))
        for variable in network.weights:
            if "variance" not in variable.name:
                values = generator.normal(0, 0.2, variable.shape)
                variable.assign_add(values.astype(np.float32))
        found.append(network)
    return found


def batch(n=5):
    generator = np.random.default_rng(1)
    return (
        tf.constant(generator.normal(size=(n, 9, 8)), tf.float32),
        tf.constant(generator.integers(0, 3, n), tf.int32),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"thresholds": False, "prelu": "shared"},
        {"look_back": 1, "look_ahead": 1, "deltas": (2, 4)},
    ],
)
def test_every_way_computes_the_same_loss(changes):
    losses = {
        way: float(make(*networks(changes.items()), 0.3)(*batch()))
        for way, make in training_steps.WAYS.items()
    }
    for loss in losses.values():
        assert loss == pytest.approx(losses["project"], rel=1e-4)


def test_every_way_learns_alike():
    """The second step's loss follows from the first one's update."""
    changes, last = {}, {}
    for way, make in training_steps.WAYS.items():
        step = make(*networks(), 0.3)
        losses = [float(step(*batch(24))) for _ in range(6)]
        changes[way] = losses[1] - losses[0]
        last[way] = losses[-1] - losses[0]
    for way, change in changes.items():
        assert change == pytest.approx(changes["project"], rel=0.2)
        # With six other seeds it falls by 0.15 to 1.35.
        assert last[way] < 0


def test_only_students_are_measured():
    with pytest.raises(ValueError, match="no distillation to 'dfsmn'"):
        throughput.networks("dfsmn", 3)


def test_measures_in_turns(monkeypatch):
    monkeypatch.setattr(
        throughput, "networks", lambda architecture, classes: networks()
    )
    monkeypatch.setitem(
        throughput.ARCHITECTURES, "bifsmn", lambda classes: bifsmn(**SIZES)
    )
    # Seconds of the turns, a way after the other.
    turns = [1.0, 4.0, 2.0, 3.0, 12.0, 6.0]
    times = itertools.chain.from_iterable((0.0, turn) for turn in turns)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(times))
    results = throughput.measure(batch_size=4, steps=2, rounds=2, classes=3)
    assert results["clips_per_second"] == {
        "project": 4.0,
        "plain": 1.0,
        "separate": 2.0,
    }
    assert results["ratios"] == {
        "project / plain": 4.0,
        "project / separate": 2.0,
    }
    text = throughput.table(results)
    assert "clips/s" in text
    assert "project / plain" in text


def test_ways_that_differ_are_not_timed(monkeypatch):
    monkeypatch.setattr(
        throughput,
        "WAYS",
        {
            "project": lambda *_: lambda *_: tf.constant(1.0),
            "plain": lambda *_: lambda *_: tf.constant(2.0),
        },
    )
    monkeypatch.setattr(throughput, "networks", lambda *_: (None, None))
    with pytest.raises(RuntimeError, match="same loss"):
        throughput.measure(batch_size=2, steps=1, rounds=1)
