"""The page of the twelve classes, from runs that took no time."""

import json

import pytest

from bifsmn_tf.experiments import frontier
from bifsmn_tf.experiments import pages
from bifsmn_tf.experiments import sc12
from bifsmn_tf.experiments.checkout import ROOT
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Selection
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.experiments.runner import Runner

RUN = {"dataset": {"name": "synthetic", "options": {}}}
METRICS = {"history": [{"seconds": 60.0}], "best": {"epoch": 0, "score": 0.9}}


@pytest.fixture
def rows():
    return {row.name: row for row in sc12.ROWS}


@pytest.fixture
def cycles():
    known = {}
    for name in ("architecture_cycles", "pareto/a53_cycles"):
        path = ROOT / "results" / f"{name}.json"
        known |= json.loads(path.read_text(encoding="utf-8"))
    return known


def test_all_that_won_is_trained_anew(rows):
    assert set(sc12.OURS) <= set(frontier.WINNERS)
    for name in sc12.OURS:
        (there,) = (row for row in frontier.ROWS if row.name == name)
        assert rows[name].flags == (*there.flags, "--digital_silence=0.1")
        assert rows[name].ensemble == there.ensemble


def outcome(row, folder, deltas, accuracy):
    report = {
        "clips": 100,
        "notes": [],
        "bytes": 40_000,
        "label_names": ["yes", "no"],
        "deltas": {
            delta: {
                "accuracy": accuracy,
                "correct": 93,
                "interval": [0.9, 0.95],
            }
            for delta in deltas
        },
    }
    return Outcome(row, 0, folder, RUN, METRICS, report, 40_000)


def test_every_point_has_its_costs(rows, cycles, tmp_path):
    selection = Selection(list(rows), [0])
    runner = Runner(
        tmp_path / "runs", "RECORDINGS", collect=True, selection=selection
    )
    found = {}
    for row in rows.values():
        found[row.name, 0] = outcome(row, tmp_path, "1", 0.93)
    folder = tmp_path / "results" / "sc12"
    results = Results(sc12.EXPERIMENT, runner, found, folder, cycles)
    page = tmp_path / "results" / "sc12.md"
    pages.write(results, page, "the command", None)
    points = results.figures["points"]
    assert set(points) == {
        *("D-FSMN, fp32", "DS-CNN, fp32", "DS-CNN, int8"),
        *("BC-ResNet, fp32", "BC-ResNet, int8"),
        *("BiFSMN, one bit", "BiFSMN, two bits in places"),
        "BiFSMN, 8 bits in places",
    }
    assert {label for label, *_ in points["BiFSMN, two bits in places"]} == {
        *("half_levels", "shallow", "shallow_wide"),
    }
    below = {"dfsmn_board", "bifsmn_board", "bifsmn_s"}
    assert below < set(rows)
    assert sum(map(len, points.values())) == sum(
        len(one.report["deltas"])
        for (name, _), one in found.items()
        if name not in below
    )
    for label, accuracy, costs in points["DS-CNN, int8"]:
        assert (label, accuracy, len(costs)) == ("ds_cnn", 93.0, 2)
    assert (folder / "trade_offs.png").is_file()
    assert "40,000" in page.read_text("utf-8")
