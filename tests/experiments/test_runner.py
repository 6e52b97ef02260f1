"""What runs, where it goes, and what is not done twice."""

import json
import shutil
from pathlib import Path

import pytest
from fake_rows import row

from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments.runner import Row
from bifsmn_tf.experiments.runner import Runner
from bifsmn_tf.experiments.runner import Selection
from bifsmn_tf.experiments.runner import settings

ROWS = [
    Row("teacher", "Teacher", "teacher.flags", seeds=(0, 1, 2)),
    Row(
        "student",
        "Student",
        "student.flags",
        seeds=(0, 1, 2),
        teacher="teacher",
    ),
    Row("small", "Small", "small.flags"),
]


def chosen(rows=None, seeds=None):
    selected = Selection(rows, seeds).of(ROWS)
    return [(row.name, row.seeds) for row in selected]


def test_everything_by_default():
    assert Selection().of(ROWS) == ROWS


def test_rows_and_seeds():
    assert chosen(rows=["small"]) == [("small", (0,))]
    assert chosen(seeds=[0, 2]) == [
        ("teacher", (0, 2)),
        ("student", (0, 2)),
        ("small", (0,)),
    ]
    assert chosen(["student", "small"], [1]) == [("student", (1,))]


def test_what_there_is_not_is_refused():
    with pytest.raises(UserError, match="no row tiny: one of teacher"):
        chosen(rows=["tiny"])
    with pytest.raises(UserError, match="no row has one of the seeds"):
        chosen(seeds=[9])


def test_settings_are_what_absl_makes_of_flags():
    found = settings(
        [
            "--flagfile=configs/sc10_dfsmn.flags",
            "--epochs=3",
            "--thresholds=false",
            "--epochs=4",
        ]
    )
    assert found["architecture"] == "dfsmn"
    assert found["projection_norm"] == "true"
    assert found["epochs"] == "4"
    assert found["thresholds"] == "false"


@pytest.mark.parametrize("flag", ["epochs=3", "--nothresholds"])
def test_settings_refuse_other_forms(flag):
    with pytest.raises(UserError, match="write it as --name=value"):
        settings([flag])


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
    with pytest.raises(UserError, match="--data_dir: there is no folder"):
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
    assert len(one.failures) == 2
    log = Path(one.failures[0].partition("see ")[2])
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


def test_derived_json_is_kept_and_made_again_when_asked(runner, tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()

    def derived(**arguments):
        one = runner(**arguments)
        command = "tests.experiments.count_calls"
        return one.derive(folder / "x", "count", command), one.failures

    (folder / "x").mkdir()
    assert derived(collect=True) == (None, [])
    assert derived() == ({"calls": 1}, [])
    assert derived() == ({"calls": 1}, [])
    assert derived(again=True) == ({"calls": 2}, [])
