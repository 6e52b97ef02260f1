import gc
import itertools

import numpy as np
import pytest

from bifsmn_tf.benchmarking.measure import Quartiles
from bifsmn_tf.benchmarking.measure import measure
from bifsmn_tf.benchmarking.measure import switches


class Machine:
    """Time that passes only while something runs, at a pace of its own."""

    def __init__(self):
        self.now = 0.0
        self.pace = 1.0
        self.ran = []

    def clock(self):
        return self.now

    def call(self, name, seconds):
        def run():
            self.ran.append(name)
            self.now += seconds * self.pace

        return run


@pytest.fixture
def machine():
    return Machine()


def test_times_are_of_one_call(machine):
    times = measure(
        {
            "quick": machine.call("quick", 3e-6),
            ("slow", 1): machine.call("slow", 7e-3),
        },
        rounds=4,
        clock=machine.clock,
    )
    np.testing.assert_allclose(times["quick"], [3.0] * 4)
    np.testing.assert_allclose(times["slow", 1], [7000.0] * 4)


def test_everyone_has_a_turn_in_every_round(machine):
    costs = {"a": 1e-3, "b": 5e-4, "c": 2e-2}
    measure(
        {name: machine.call(name, cost) for name, cost in costs.items()},
        rounds=20,
        turn_milliseconds=5.0,
        interruptions=lambda: 0,
        clock=machine.clock,
    )
    # A call before the clock starts, then about 5 ms.
    turn = {"a": 1 + 5, "b": 1 + 10, "c": 1 + 1}
    size = sum(turn.values())
    rounds = np.array(machine.ran[-20 * size :]).reshape(20, size)
    orders = set()
    for ran in rounds:
        assert {name: list(ran).count(name) for name in turn} == turn
        changes = [x for x, y in zip(ran, ran[1:], strict=False) if x != y]
        assert len(changes) == 2
        orders.add("".join(changes))
    assert len(orders) > 2


def test_ratios_survive_a_machine_that_slows_down(machine):
    def slower(run):
        def step():
            run()
            if len(machine.ran) % 50 == 0:
                machine.pace *= 1.1

        return step

    times = measure(
        {
            "a": slower(machine.call("a", 2e-4)),
            "b": slower(machine.call("b", 1e-4)),
        },
        rounds=30,
        clock=machine.clock,
    )
    assert times["a"][-1] > 2 * times["a"][0]
    assert np.median(times["a"] / times["b"]) == pytest.approx(2, rel=0.1)


def test_interrupted_turns_are_repeated(machine):
    """Every seventh call, by something that takes a second."""
    interrupted = []

    def run():
        machine.now += 1e-3
        if len(machine.ran) % 7 == 0:
            machine.now += 1
            interrupted.append(True)
        machine.ran.append("a")

    times = measure(
        {"a": run},
        rounds=50,
        clock=machine.clock,
        interruptions=lambda: len(interrupted),
    )
    np.testing.assert_allclose(times["a"], [1000.0] * 50)
    assert len(interrupted) > 10


def test_a_machine_that_always_interrupts(machine):
    calls = itertools.count()
    times = measure(
        {"a": machine.call("a", 1e-3)},
        rounds=3,
        clock=machine.clock,
        interruptions=lambda: next(calls),
    )
    np.testing.assert_allclose(times["a"], [1000.0] * 3)


def test_switches_are_counted():
    before = switches()
    assert before >= 0
    assert switches() >= before


def test_the_collector_waits_and_comes_back(machine):
    seen = []
    measure(
        {"a": lambda: seen.append(gc.isenabled()) or machine.call("a", 1)()},
        rounds=2,
        clock=machine.clock,
    )
    assert not any(seen[-4:])
    assert gc.isenabled()


def test_the_collector_comes_back_after_an_error(machine):
    calls = iter([1e-3, 1e-3])
    with pytest.raises(StopIteration):
        measure(
            {"a": lambda: machine.call("a", next(calls))()},
            turn_milliseconds=0.1,
            clock=machine.clock,
        )
    assert gc.isenabled()


def test_quartiles():
    assert Quartiles.of(np.array([4.0, 2, 3, 1, 5])) == Quartiles(1, 2, 3, 4)
