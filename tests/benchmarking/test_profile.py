import pytest
from small_models import BINARY_LAYERS
from small_models import binary_model
from small_models import builtin_model

from bifsmn_tf.benchmarking import profile as module
from bifsmn_tf.benchmarking.invoke import Invocation
from bifsmn_tf.benchmarking.profile import profile
from bifsmn_tf.model_file import metadata as descriptions


@pytest.fixture(scope="module")
def binary():
    return binary_model()


@pytest.mark.parametrize("key", list(BINARY_LAYERS))
def test_every_layer_has_its_time(binary, key):
    found = profile(Invocation(binary, key), binary, rounds=3, repetitions=5)
    assert [x.layer for x in found.layers] == BINARY_LAYERS[key]
    kinds = {x.layer.split("/")[-1]: x.op for x in found.layers}
    assert kinds["conv1"] == "BifsmnQuantConv2D"
    assert kinds["memory"] == "BifsmnMemory"
    assert kinds["expand"] == "BifsmnConv2D"
    assert kinds["shrink"] == kinds["projection"] == "BifsmnConv2DAdd"
    assert all(x.microseconds > 0 for x in found.layers)
    assert found.invoke > 0


def test_glue_is_what_no_op_takes_in_the_same_round(binary, monkeypatch):
    """The difference of the medians would be 14."""
    rounds = [(10, (4, 2)), (30, (5, 9)), (20, (3, 1))]
    clock, ops = [], []
    for invoke, (first, second) in rounds:
        clock += [0.0, 5 * invoke / 1e6]
        ops.append(
            [
                {"op": "A", "runs": 5, "nanoseconds": 5000 * first},
                {"op": "B", "runs": 5, "nanoseconds": 5000 * second},
            ]
        )
    invocation = Invocation(binary, "delta_1")
    times, entries = iter(clock), iter(ops)
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(times))
    monkeypatch.setattr(module.runtime, "profile", lambda: next(entries))
    found = profile(invocation, binary, rounds=3, repetitions=5)
    assert [(x.op, x.microseconds) for x in found.layers] == [
        ("A", pytest.approx(4)),
        ("B", pytest.approx(2)),
    ]
    assert found.invoke == pytest.approx(20)
    assert found.glue == pytest.approx(16)


def test_a_network_that_is_not_described_has_numbers(binary, monkeypatch):
    monkeypatch.setattr(descriptions, "NAME", "another")
    invocation = Invocation(binary, "delta_2")
    found = profile(invocation, binary, rounds=1, repetitions=1)
    assert [x.layer for x in found.layers] == list("1234567")


def test_nothing_of_ours_has_no_layers():
    content = builtin_model()
    found = profile(Invocation(content), content, rounds=2, repetitions=2)
    assert found.layers == ()
    assert found.glue == found.invoke > 0


def test_profiling_ends_with_an_error(binary, monkeypatch):
    states = []
    monkeypatch.setattr(module.runtime, "set_profiling", states.append)
    monkeypatch.setattr(module.runtime, "profile", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        profile(Invocation(binary, "delta_1"), binary)
    assert states == [True, False]
