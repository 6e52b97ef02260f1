"""The page of the frontier, from a run that took no time."""

import json

import pytest

from bifsmn_tf.experiments import frontier
from bifsmn_tf.experiments import pages
from bifsmn_tf.experiments.checkout import ROOT
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Selection
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.experiments.runner import Runner
from bifsmn_tf.experiments.trainings import settings

RUN = {"dataset": {"name": "synthetic", "options": {}}}


@pytest.fixture
def rows():
    return {row.name: row for row in frontier.ROWS}


def test_candidates_are_never_evaluated_on_the_test_split(rows):
    candidates = [n for n in rows if n.startswith("search_")]
    assert len(candidates) >= 5
    for name in candidates:
        assert rows[name].report == "metrics"
        assert rows[name].teacher == "dfsmn"


def test_winners_are_candidates_trained_to_the_end(rows):
    winners = [r for n, r in rows.items() if "search_" + n in rows]
    assert winners
    for row in winners:
        assert row.flags == rows[f"search_{row.name}"].flags
        assert row.own_epochs and row.report is None
        assert not rows[f"search_{row.name}"].own_epochs


def test_the_flagfile_is_the_winner(rows):
    row = rows["shallow"]
    assert (row.flagfile, row.flags) == ("sc10_bifsmn_shallow.flags", ())
    # What it stands for, written out.
    assert settings([f"--flagfile=configs/{row.flagfile}"]) == settings(
        [
            "--flagfile=configs/sc10_bifsmn_wide.flags",
            *("--blocks=2", "--deltas=1", "--distillation=none"),
            *("--front_outputs=32", "--front_skip=false"),
            "--two_bit_sites=conv2,projection",
        ]
    )


def test_the_flagfile_of_mixed_precision_is_a_winner(rows):
    row = rows["mixed"]
    flags = [f"--flagfile=configs/{row.flagfile}", *row.flags]
    file = "--flagfile=configs/sc10_bifsmn_shallow_mixed.flags"
    assert settings(flags) == settings([file])


def test_cycles_of_every_candidate_are_known():
    path = ROOT / "results" / "architecture_cycles.json"
    cycles = json.loads(path.read_text(encoding="utf-8"))
    for candidate in frontier.CANDIDATES.values():
        known = set(cycles[candidate.network]["cycles"])
        one = "deltas=1" in candidate.network.split(", ")
        deltas = {"1"} if one else {"1", "2", "4"}
        assert deltas == known


def test_the_page(rows, tmp_path):
    runner = Runner(
        tmp_path / "runs",
        "RECORDINGS",
        collect=True,
        selection=Selection(["search_wide", "search_half", "half"]),
    )
    epoch = {"seconds": 60.0}
    metrics = {
        "history": [
            epoch | {f"val_accuracy_delta_{d}": 0.5 for d in (1, 2, 4)},
            epoch | {"val_accuracy_delta_1": 0.91, "val_accuracy_delta_4": 0.9},
        ],
        "best": {"epoch": 1, "score": 0.905},
    }
    row = rows["search_wide"]
    found = {
        (row.name, 0): Outcome(row, 0, tmp_path, RUN, metrics, metrics, None)
    }
    network = frontier.CANDIDATES["wide"].network
    results = Results(
        frontier.EXPERIMENT,
        runner,
        found,
        tmp_path / "results" / "frontier",
        {network: {"bytes": 123456, "cycles": {"4": {"strict": 77000.0}}}},
    )
    page = tmp_path / "results" / "frontier.md"
    pages.write(results, page, "the command", 20)
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.read_text("utf-8").splitlines()
        if line.startswith("| ")
    ]
    assert ["one bit, wider front end", "1", "91.00", "", "123,456"] in lines
    assert [
        "one bit, wider front end",
        "4",
        "90.00",
        "77.0",
        "123,456",
    ] in lines
    not_run = [line for line in lines if "*not run*" in line]
    assert len(not_run) == 2
