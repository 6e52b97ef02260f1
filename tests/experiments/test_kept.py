"""What a page's JSON keeps of runs that are gone."""

import dataclasses
import json
import re
import shutil

import pytest
from fake_rows import row

from bifsmn_tf.data.speech_commands.protocol import NOT_COMPARABLE
from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import kept
from bifsmn_tf.experiments import pages
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Selection
from bifsmn_tf.experiments.runner import Runner
from bifsmn_tf.network.architectures import bifsmn

EPOCHS = 3


def body(results):
    return [
        f"{one.name}: {results.accuracy(one.name, '1')}, "
        f"FLOPs: {comparison.flops(results, one.name, '1')}"
        for one in results.rows
    ]


@pytest.fixture
def experiment():
    evaluated = {"report": None, "converts": True}
    rows = (
        row("a", seeds=(0, 1), **evaluated),
        row("b", "--spec_mask=9", seeds=(0,), **evaluated),
    )
    return Experiment("trial", "A", "Why.", rows, body, EPOCHS, keeps=True)


@pytest.fixture
def runner(tmp_path):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    return Runner(tmp_path / "runs", str(recordings), collect=True)


def ran(experiment, runner, name, seed, right):
    """A run in the runner's folder."""
    (one,) = (r for r in experiment.rows if r.name == name)
    training = runner.training(experiment.rows, one, seed, EPOCHS)
    folder = runner.path(training)
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(bytes(right))
    count = {
        "correct": right,
        "accuracy": right / 200,
        "interval": [0.8, 0.9],
    }
    epoch = {"seconds": 2.0, epoch_accuracy.validation(1): right / 250}
    for file, values in {
        "run": {
            "kind": "fsmn",
            "network": bifsmn(10).to_dict(),
            "dataset": {"name": "synthetic", "options": {}},
        },
        "metrics": {
            "complete": True,
            "history": [epoch] * EPOCHS,
            "best": {"epoch": 1, "score": 0.5},
        },
        "test_tflite": {
            "clips": 200,
            "label_names": ["yes", "no"],
            "notes": [f"Words missing: backward. {NOT_COMPARABLE}"],
            "deltas": {"1": count},
        },
    }.items():
        (folder / f"{file}.json").write_text(json.dumps(values))
    return folder


def collect(experiment, runner, folder):
    """What the command does with --collect."""
    path = folder / "trial" / "results.json"
    there = runner.run(experiment.rows, EPOCHS)
    found = there | kept.outcomes(path, experiment, runner, EPOCHS, there)
    results = Results(experiment, runner, found, path.parent)
    pages.write(results, folder / "trial.md", "the command", EPOCHS)
    return found, (folder / "trial.md").read_text("utf-8")


def test_a_run_that_is_gone_stays_on_the_page(experiment, runner, tmp_path):
    gone = ran(experiment, runner, "a", 0, 160)
    ran(experiment, runner, "b", 0, 180)
    _, before = collect(experiment, runner, tmp_path)
    shutil.rmtree(gone)
    ran(experiment, runner, "a", 1, 170)
    found, after = collect(experiment, runner, tmp_path)
    assert [found[key].kept for key in (("a", 0), ("a", 1), ("b", 0))] == [
        *(True, False, False)
    ]
    assert "a: **80.00**" in before and "a: **82.50** ± 3.54" in after
    flops = re.findall("FLOPs: ([0-9.]+)", before)
    assert len(flops) == 2
    assert flops == re.findall("FLOPs: ([0-9.]+)", after)
    assert "Of earlier calls, kept in results.json:\n\n* `a`, seed 0\n" in after
    assert "Of earlier" not in before
    # Once more, from what was kept of what was kept.
    again, text = collect(experiment, runner, tmp_path)
    assert text == after
    assert again["a", 0] == found["a", 0]


def test_nothing_is_kept_of_another_training(experiment, runner, tmp_path):
    ran(experiment, runner, "a", 0, 160)
    collect(experiment, runner, tmp_path)
    shutil.rmtree(runner.folder)
    first, *others = experiment.rows
    other = dataclasses.replace(first, flags=(*first.flags, "--spec_mask=7"))
    changed = dataclasses.replace(experiment, rows=(other, *others))
    path = tmp_path / "trial" / "results.json"
    assert kept.outcomes(path, experiment, runner, EPOCHS, ())
    assert not kept.outcomes(path, changed, runner, EPOCHS, ())
    without = dataclasses.replace(experiment, keeps=False)
    assert not kept.outcomes(path, without, runner, EPOCHS, ())
    assert not kept.outcomes(path, experiment, runner, EPOCHS, [("a", 0)])


def test_what_a_call_writes_over(experiment, runner, tmp_path):
    path = tmp_path / "trial" / "results.json"
    assert kept.dropped(path, experiment, runner, EPOCHS) == []
    for name, seed in (("a", 0), ("a", 1), ("b", 0)):
        ran(experiment, runner, name, seed, 160)
    collect(experiment, runner, tmp_path)
    assert kept.dropped(path, experiment, runner, EPOCHS) == []
    dropped = kept.dropped(path, experiment, runner, EPOCHS + 1)
    assert sorted(dropped) == [("a", 0), ("a", 1), ("b", 0)]
    few = Runner(
        runner.folder,
        str(tmp_path / "recordings"),
        collect=True,
        selection=Selection(["a"], [1]),
    )
    dropped = kept.dropped(path, experiment, few, EPOCHS)
    assert sorted(dropped) == [("a", 0), ("b", 0)]


def test_a_page_without_any_run_is_whole(experiment, runner, tmp_path):
    for name, seed in (("a", 0), ("a", 1), ("b", 0)):
        ran(experiment, runner, name, seed, 160 + seed)
    _, before = collect(experiment, runner, tmp_path)
    assert "2 classes: yes, no." in before and "backward" in before
    shutil.rmtree(runner.folder)
    found, after = collect(experiment, runner, tmp_path)
    assert all(one.kept for one in found.values()) and len(found) == 3
    said = [line for line in before.splitlines() if line]
    assert [x for x in after.splitlines() if x in said] == said


def test_nothing_is_kept_of_unnamed_recordings(experiment, runner, tmp_path):
    ran(experiment, runner, "a", 0, 160)
    collect(experiment, runner, tmp_path)
    path = tmp_path / "trial" / "results.json"
    written = json.loads(path.read_text("utf-8"))
    assert kept.outcomes(path, experiment, runner, EPOCHS, ())
    path.write_text(json.dumps(written | {"data": None}), "utf-8")
    assert not kept.outcomes(path, experiment, runner, EPOCHS, ())


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"runs": [1]}'])
def test_a_damaged_page_is_said(experiment, runner, tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=f"{re.escape(str(path))}.*damaged"):
        kept.outcomes(path, experiment, runner, EPOCHS, ())


def test_without_a_page_nothing_is_kept(experiment, runner, tmp_path):
    path = tmp_path / "results.json"
    assert kept.outcomes(path, experiment, runner, EPOCHS, ()) == {}
