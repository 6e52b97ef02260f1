import itertools

import pytest
from networks import SIZES
from trainer_cases import make_batch
from trainer_cases import make_student
from trainer_cases import make_teacher

from bifsmn_tf._keras import tf
from bifsmn_tf.benchmarking import training_profile
from bifsmn_tf.benchmarking import training_speed as throughput
from bifsmn_tf.benchmarking import training_steps
from bifsmn_tf.network.architectures import bifsmn


@pytest.fixture(autouse=True)
def eagerly():
    """Building the graphs would take a minute."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def networks(seed=0, **changes):
    return make_student(seed, **changes), make_teacher()


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
        way: float(make(*networks(**changes), 0.3)(*make_batch()))
        for way, make in training_steps.WAYS.items()
    }
    for loss in losses.values():
        assert loss == pytest.approx(losses["project"], rel=1e-4)


def test_every_way_learns_alike():
    """The second step's loss follows from the first one's update."""
    changes = {}
    for way, make in training_steps.WAYS.items():
        step = make(*networks(seed=3), 0.3)
        first, second = (float(step(*make_batch(24))) for _ in range(2))
        changes[way] = second - first
    # It falls from 6.0 by 0.57, in all ways to within 1e-4 of that.
    assert changes["project"] < -0.3
    for change in changes.values():
        assert change == pytest.approx(changes["project"], rel=0.05)


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


def test_profile_names_kinds():
    kind = training_profile.kind
    assert kind("gradient_tape/block1/MatMul_1:MatMul") == (
        "products of floats, gradient"
    )
    assert kind("block1/MatMul:MatMul") == "products of floats"
    assert kind("conv/Conv2D:_MklNativeConv2D") == "products of floats"
    assert kind("gradient_tape/a:BifsmnEpilogueGradient") == (
        "between two linear layers, gradient"
    )
    assert kind("a:BifsmnAttentionMaps") == "distillation of hidden states"
    assert kind("a/b:AddN") == "TensorFlow's other operations"


def test_profile_measures_operations():
    tf.config.run_functions_eagerly(False)
    a = tf.random.normal((300, 300))
    step = tf.function(lambda: tf.matmul(a, a) + 1.0)
    found = training_profile.profile(lambda: step().numpy(), steps=4)
    assert 0 < found["products of floats"] < 1000
    assert list(found.values()) == sorted(found.values(), reverse=True)
