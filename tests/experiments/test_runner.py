"""What runs, where it goes, and what is not done twice."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from fake_rows import row

from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments.rows import Selection
from bifsmn_tf.experiments.runner import Runner
from bifsmn_tf.experiments.trainings import settings


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    (folder / "yes").mkdir(parents=True)
    (folder / "yes" / "a.wav").write_bytes(b"sound")
    return folder


@pytest.fixture
def runner(tmp_path, recordings):
    def make(**arguments):
        return Runner(tmp_path / "runs", str(recordings), **arguments)

    return make


def calls(tmp_path):
    path = tmp_path / "runs" / "calls.txt"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def path_of(runner, flags, epochs=None, seed=0, **settings):
    one = row("one", *flags, **settings)
    return runner.path(runner.training([one], one, seed, epochs))


def test_rows_of_the_same_training_share_a_folder(runner):
    one = runner()
    plain = path_of(one, ("--gamma=0.1", "--logit_weight=0"))
    for flags in (
        ("--logit_weight=0", "--gamma=0.1"),
        ("--gamma=1", "--gamma=0.1", "--logit_weight=0"),
        ("--gamma=0.1", "--logit_weight=0", "--spec_mask=8"),
    ):
        assert path_of(one, flags) == plain
    assert path_of(one, ("--logit_weight=0",)) != plain
    assert path_of(one, ("--gamma=0.1", "--logit_weight=0"), seed=1) != plain
    assert plain.name.startswith(
        "sc10_baselines_gamma-0.1_logit_weight-0_seed0_"
    )


def test_the_folder_depends_on_the_teacher(runner):
    one = runner()
    paths = set()
    for rate in ("1", "2"):
        rows = [row("t", f"--learning_rate={rate}"), row("s", teacher="t")]
        paths.add(one.path(one.training(rows, rows[1], 0, None)))
    assert len(paths) == 2


def test_recordings_may_move_but_not_change(runner, recordings, tmp_path):
    before = path_of(runner(), ())
    moved = tmp_path / "elsewhere"
    shutil.copytree(recordings, moved)
    after = path_of(Runner(tmp_path / "runs", str(moved)), ())
    assert after == before
    (moved / "yes" / "b.wav").write_bytes(b"more")
    assert path_of(Runner(tmp_path / "runs", str(moved)), ()) != before


def test_recordings_that_are_not_there(tmp_path):
    missing = Runner(tmp_path / "runs", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="data_dir: there is no folder"):
        path_of(missing, ())


def test_epochs_of_the_experiment_of_the_row_and_of_the_command(runner):
    def epochs(extra=(), **settings):
        rows = [row("one", "--epochs=5", **settings)]
        training = runner(extra=extra).training(rows, rows[0], 0, 31)
        found = settings_of(training)
        return found["epochs"], found.get("first_stage_epochs")

    def settings_of(training):
        return settings(training.flags)

    assert epochs() == ("31", None)
    assert epochs(own_epochs=True) == ("5", None)
    assert epochs(stages=2) == ("15", "16")
    assert epochs(["--epochs=1"], own_epochs=True) == ("1", None)


def test_trains_once_teachers_first(runner, tmp_path):
    rows = [row("student", teacher="teacher"), row("teacher", "--gamma=0.5")]
    outcomes = runner(jobs=2).run(rows, 3)
    assert list(outcomes) == [
        ("student", 0),
        ("student", 1),
        ("teacher", 0),
        ("teacher", 1),
    ]
    assert len(calls(tmp_path)) == 4
    assert [o.report["deltas"]["1"]["correct"] for o in outcomes.values()] == [
        80,
        81,
        80,
        81,
    ]
    again = [*rows, row("alias", teacher="teacher")]
    assert len(runner().run(again, 3)) == 6
    assert len(calls(tmp_path)) == 4


def test_an_ensemble_teaches(runner, tmp_path):
    taught = row("student", "--gamma=0.1", teacher="teacher")
    rows = [
        row("teacher", "--gamma=0.5"),
        dataclasses.replace(taught, ensemble=(0, 1, 2)),
    ]
    one = runner(jobs=2, selection=Selection(["student"], [1]))
    assert list(one.run(rows)) == [("student", 1)]
    *teachers, student = calls(tmp_path)
    assert sorted(call["seed"] for call in teachers) == ["0", "1", "2"]
    folders = {call["seed"]: call["run_dir"] for call in teachers}
    assert student["teacher"] == folders["1"]
    assert student["more_teachers"] == f"{folders['0']},{folders['2']}"
    alone = one.training([rows[0], taught], taught, 1, None)
    assert one.path(alone) != one.path(one.training(rows, rows[1], 1, None))


def test_a_teacher_that_is_not_selected_is_trained_for_its_student(
    runner, tmp_path
):
    rows = [row("teacher", "--gamma=0.5"), row("student", teacher="teacher")]
    part = runner(selection=Selection(["student"], [1]))
    assert list(part.run(rows)) == [("student", 1)]
    assert [call["seed"] for call in calls(tmp_path)] == ["1", "1"]


def test_a_failure_does_not_stop_the_others(runner, tmp_path):
    rows = [row("bad", "--learning_rate=0"), row("good")]
    one = runner()
    assert list(one.run(rows)) == [("good", 0), ("good", 1)]
    assert len(one.commands.failures) == 2
    log = Path(one.commands.failures[0].partition("see ")[2])
    assert "no rate" in log.read_text()


def test_a_half_written_report_is_made_again(runner, tmp_path):
    rows = [row("one", seeds=(0,))]
    one = runner()
    folder = one.run(rows)["one", 0].folder
    (folder / "metrics.json").write_text('{"complete": tr')
    assert one.run(rows)
    assert len(calls(tmp_path)) == 2
    (folder / "report_keras.json").unlink()
    assert one.run(rows)
    assert len(calls(tmp_path)) == 3


def test_collecting_runs_nothing(runner, tmp_path):
    rows = [row("one"), row("two", "--gamma=2")]
    assert runner(collect=True).run(rows) == {}
    assert not (tmp_path / "runs").exists()
    runner(selection=Selection(["one"], [0])).run(rows)
    assert list(runner(collect=True).run(rows)) == [("one", 0)]
    assert len(calls(tmp_path)) == 1
