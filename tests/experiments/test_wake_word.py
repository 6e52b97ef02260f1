"""The page of wake words from runs that took no time, and its recordings."""

import dataclasses
import json
import shutil

import pytest

from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments import kept
from bifsmn_tf.experiments import pages
from bifsmn_tf.experiments import wake_word
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Selection
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.experiments.runner import Runner

RUN = {"dataset": {"name": "synthetic", "options": {}}}


def heard(missed, rates=(100.0, 15.0, 2.0)):
    """What ``evaluate_stream`` says of a model at three thresholds."""
    return {
        "hours": 0.75,
        "all": {
            "false_accepts_per_hour": list(rates),
            "miss_rate": list(missed),
            "words": [411] * len(rates),
        },
    }


@pytest.fixture
def people(tmp_path):
    """Recordings of six readers, and of twelve speakers of a word."""
    for name in ("order", "computer", "alexa"):
        (tmp_path / "people" / name).mkdir(parents=True)
    (tmp_path / "people" / "reading").mkdir()
    for i in range(6):
        (tmp_path / "people" / "reading" / f"{i}.ogg").touch()
    words = tmp_path / "speech"
    (words / wake_word.REAL_WORD).mkdir(parents=True)
    for i in range(212):
        (words / wake_word.REAL_WORD / f"{i:03d}_nohash_0.wav").touch()
    lists = {"testing": range(8), "validation": range(8, 12)}
    for name, numbers in lists.items():
        lines = [
            f"{wake_word.REAL_WORD}/{i:03d}_nohash_0.wav\n" for i in numbers
        ]
        (words / f"{name}_list.txt").write_text("".join(lines))
    return tmp_path


def files(folder):
    return {path.name for path in folder.iterdir()}


def test_readers_and_words_are_divided(people):
    made = people / "made"
    for _ in range(2):
        found = wake_word.places(people / "speech", people / "people", made)
    assert files(made / "others") == {"4.ogg"}
    assert files(made / "readers") == {f"{i}.ogg" for i in (0, 1, 2, 3, 5)}
    test = files(made / "test" / wake_word.REAL_WORD)
    assert len(test) == 12
    for count in wake_word.REAL_CLIPS:
        there = files(made / f"real_{count}" / wake_word.REAL_WORD)
        assert len(there) == count
        assert min(there) > "011"
        assert found[f"REAL_{count}"] == str(made / f"real_{count}")
    assert found[wake_word.REAL_WORD.upper()] == str(
        made / "test" / wake_word.REAL_WORD
    )


def test_people_who_are_missing(people):
    made = people / "made"
    (people / "people" / "order").rmdir()
    with pytest.raises(UserError, match="no folder .*order; it has to hold"):
        wake_word.places(people / "speech", people / "people", made)
    assert wake_word.places(people / "speech", None, made) == {
        "RECORDINGS": str(people / "speech")
    }


def test_the_least_that_is_missed_at_a_rate():
    report = heard((0.1, 0.3, 0.6))
    assert wake_word.missed(report, 200) == 0.1
    assert wake_word.missed(report, 15) == 0.3
    assert wake_word.missed(report, 3) == 0.6
    assert wake_word.missed(report, 1) is None


def test_the_fewest_false_accepts_at_what_is_missed():
    report = heard((0.04, 0.06, 0.6))
    assert wake_word.false_accepts(report, 0.05) == 100
    assert wake_word.false_accepts(report, 0.06) == 15
    assert wake_word.false_accepts(report, 0.01) is None


def test_folders_stand_where_words_stood_for_them(tmp_path):
    runner = Runner(tmp_path, str(tmp_path), places={"A": "/a", "B": "/b"})
    assert runner._placed("--negatives=A,B,C") == "--negatives=/a,/b,C"
    assert runner._placed("--A") == "--A"


def test_the_page(people, tmp_path):
    runs = tmp_path / "runs"
    runner = Runner(
        runs,
        str(people / "speech"),
        collect=True,
        selection=Selection(
            ["computer", "alexa", "part_clips", "part_speech", "real_5"],
            [0, 1],
        ),
        places=wake_word.places(
            people / "speech", people / "people", tmp_path / "made"
        ),
    )
    found = {}
    for name, seed, missed in (
        ("computer", 0, (0.02, 0.051, 0.4)),
        ("computer", 1, (0.01, 0.05, 0.5)),
        ("part_clips", 0, (0.04, 0.5, 0.9)),
        ("part_speech", 0, (0.06, 0.5, 0.9)),
    ):
        (row,) = (row for row in wake_word.ROWS if row.name == name)
        folder = runs / f"{name}_{seed}"
        folder.mkdir(parents=True)
        text = json.dumps({"models": {"model.tflite": heard(missed)}})
        (folder / "people.json").write_text(text)
        metrics = {
            "history": [{"seconds": 90.0}] * 4,
            "best": {"epoch": 1, "score": 0.5},
        }
        (folder / "metrics.json").write_text(json.dumps(metrics))
        found[name, seed] = Outcome(row, seed, folder, RUN, metrics, {}, None)
    results = Results(
        wake_word.EXPERIMENT, runner, found, tmp_path / "results" / "wake_word"
    )
    page = tmp_path / "results" / "wake_word.md"
    pages.write(results, page, "the command", None)
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.read_text("utf-8").splitlines()
        if line.startswith("| ")
    ]
    cells = {line[0]: line[1:] for line in lines}
    first, second = (cells[f"*computer*, seed {seed}"] for seed in (0, 1))
    assert first == ["5.1", "5.1", "40.0", "40.0", "-"]
    assert second == ["5.0", "5.0", "50.0", "50.0", "-"]
    assert cells["*alexa*, the same recipe"][0] == "*not run*"
    assert cells["microWakeWord's *alexa*"][0] == "*not run*"
    assert cells["words of espeak-ng alone"][:2] == ["50.0", "50.0"]
    assert cells["words of espeak-ng alone"][-1] == "100"
    assert cells["and speech that goes on"][-1] == "-"
    assert "took 6 minutes" in page.read_text("utf-8")
    values = json.loads((results.folder / "results.json").read_text())
    assert values["figures"]["missed"]["computer"]["0"]["3"] == 0.4
    for picture in ("phrases.png", "parts.png"):
        assert (results.folder / picture).stat().st_size > 1000

    # Without the runs: what was heard is in the JSON.
    path = results.folder / "results.json"
    record = values["runs"][0]
    again = kept.outcomes(path, wake_word.EXPERIMENT, runner, None, ())
    assert not again  # These runs were named by hand, not by their flags.
    for run in values["runs"]:
        (row,) = (row for row in wake_word.ROWS if row.name == run["row"])
        training = runner.training(wake_word.ROWS, row, run["seed"], None)
        run["run"] = runner.path(training).name
    path.write_text(json.dumps(values))
    again = kept.outcomes(path, wake_word.EXPERIMENT, runner, None, ())
    assert all(one.kept for one in again.values()) and len(again) == 4
    shutil.rmtree(runs / "computer_0")
    results = Results(wake_word.EXPERIMENT, runner, again, path.parent)
    before = page.read_text("utf-8")
    pages.write(results, page, "the command", None)
    tables = [
        [line for line in text.splitlines() if line.startswith("| ")]
        for text in (before, page.read_text("utf-8"))
    ]
    assert tables[0] == tables[1]
    assert "took 6 minutes" in page.read_text("utf-8")
    assert json.loads(path.read_text())["runs"][0]["heard"] == record["heard"]


def test_rows_train_what_the_recipe_says():
    """Nothing but the word tells the phrases apart."""
    rows = {row.name: row for row in wake_word.ROWS}
    computer, alexa = rows["computer"], rows["alexa"]
    assert computer.flags[1:] == alexa.flags[1:]
    assert dataclasses.replace(
        alexa, name="", title="", flags=()
    ) == dataclasses.replace(computer, name="", title="", flags=())
