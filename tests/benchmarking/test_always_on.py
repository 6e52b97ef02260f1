"""What a second of sound costs, from times and cycles that were made up."""

import json

import numpy as np
import pytest

from bifsmn_tf.benchmarking import always_on
from bifsmn_tf.benchmarking import chart
from bifsmn_tf.benchmarking import listener
from bifsmn_tf.benchmarking import report as reports
from bifsmn_tf.benchmarking.listener import Listener
from bifsmn_tf.benchmarking.listener import Part
from bifsmn_tf.benchmarking.model import smallest_model

FRONT_END = Part("front end", 100.0, call=lambda: None)
OURS = Listener(
    "ours",
    listener.OURS,
    (Part("step", 8.0, smallest_model()),),
    decisions=8.0,
    push=lambda: lambda: None,
    seconds=0.125,
    state=40,
)
PEER = Listener(
    "peer",
    listener.PEERS,
    (FRONT_END, Part("network", 50.0, smallest_model())),
    decisions=50.0,
)
TIMES = {
    ("step", "inside"): np.array([1.0, 2.0, 3.0]),
    ("ours", "python"): np.array([4.0, 4.0, 8.0]),
    ("front end", "inside"): np.array([1.0, 2.0, 3.0]),
    ("network", "inside"): np.array([2.0, 4.0, 6.0]),
}
CYCLES = {
    "step": {"strict": 1000, "ideal": 900},
    "network": {"strict": 200, "ideal": 100},
}
MEMORY = {
    "ours": {"spotter": 3000, "interpreter": 1000, "plan": 500}
    | {"without_runtime": 200, "native": 70}
}


@pytest.fixture
def report():
    made = always_on.make(
        [OURS, PEER],
        TIMES,
        MEMORY,
        ["open_wake_word: pip install pyopen-wakeword"],
        {"rounds": 3, "turn_milliseconds": 1.0},
        reports.describe_machine() | {"load_average_after": 0.5},
        "python -m bifsmn_tf.benchmark --always_on",
    )
    return always_on.with_cycles(made, CYCLES)


def test_is_plain_json(report):
    assert json.loads(json.dumps(report)) == report


def test_a_second_is_the_sum_of_its_parts(report):
    ours, peer = report["listeners"]
    assert ours["inside_microseconds"]["median"] == 16
    assert ours["python_microseconds"]["median"] == 32
    assert ours["python_microseconds"]["high"] == 48
    assert ours["cycles"] == {"strict": 8000, "ideal": 7200}
    assert ours["cycles_without"] == []
    assert peer["inside_microseconds"]["median"] == 400
    assert peer["python_microseconds"] is None
    assert peer["cycles"] == {"strict": 10000, "ideal": 5000}
    assert peer["cycles_without"] == ["front end"]
    assert ours["file_bytes"] == peer["file_bytes"] > 100


def test_nothing_is_modelled(report):
    for one in always_on.with_cycles(report, {})["listeners"]:
        assert one["cycles"] is None
        assert len(one["cycles_without"]) == len(one["parts"])
    # It changes nothing of what it was given.
    assert report["listeners"][0]["cycles"]["strict"] == 8000


def test_ratios_are_taken_within_rounds(report):
    assert set(report["ratios"]) == {"peer"}
    assert report["ratios"]["peer"]["ours"]["low"] == 25


def test_tables(report):
    for text in (always_on.text(report), always_on.page(report)):
        assert "25.0x (25.0-25.0)" in text
        # Cycles of a part are missing.
        assert "0.010*" in text
        assert "0.008" in text
        assert "3,000" in text
        assert "pip install pyopen-wakeword" in text
    assert report["machine"]["cpu"] in always_on.page(report)


def test_chart(report, tmp_path):
    chart.seconds(report, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_each_part_is_timed_once():
    runs = []
    part = Part("counted", 10.0, call=lambda: runs.append(1))
    one = Listener("one", listener.OURS, (part, OURS.parts[0]), 1.0)
    other = Listener("other", listener.PEERS, (part,), 1.0)
    times = always_on.measure([one, other], 2, 0.01)
    assert set(times) == {("counted", "inside"), ("step", "inside")}
    assert runs
