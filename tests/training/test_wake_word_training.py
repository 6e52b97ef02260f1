"""A wake word from text in little time: every step of it, on little sound."""

import json
import re

import numpy as np
import pytest
from commands import run_apart
from sounds import write

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.model_file.detection import keywords_of

STEPS = ("before mining", "teacher", "before mining", "bifsmn_stream")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The run's folder, and what the command said."""
    folder = tmp_path_factory.mktemp("wake_word")
    for i in range(100):
        write(folder / "people" / "yes" / f"s{i:03d}_nohash_0.wav", 16000)
    for i in range(3):
        write(folder / "reading" / f"{i}.wav", 10 * 16000)
    done = run_apart(
        "train",
        "--flagfile=configs/wake_word.flags",
        "--words=computer",
        "--voices=espeak",
        *("--clips_per_word=24", "--held_out=6", "--unknown_ratio=1"),
        *("--look_alikes=2", "--spoken_minutes=0.2", "--rooms=1"),
        *("--distillation=hed", "--logit_weight=2"),
        *("--mining_epochs=1", "--mining_pool=0.02"),
        "--student_mining_epochs=1",
        *("--teacher_epochs=1", "--epochs=1", "--renditions=1"),
        "--batch_size=16",
        f"--negatives={folder / 'reading'}",
        f"--validation_negatives={folder / 'reading'}",
        f"--other_words={folder / 'people'}",
        f"--cache_dir={folder / 'cache'}",
        f"--run_dir={folder / 'run'}",
    )
    assert done.returncode == 0, done.stderr
    return folder / "run", done


def test_the_file_has_the_phrase_and_its_threshold(trained):
    run, done = trained
    spotter = KeywordSpotter(run / "model.tflite")
    assert spotter.labels == ("computer", "_yes", "unknown", "silence")
    assert keywords_of(spotter.labels) == ["computer"]
    assert list(spotter.detection.thresholds) == ["computer"]
    assert "false accepts an hour" in done.stdout


def test_the_report_says_how_it_does(trained):
    run, _ = trained
    text = (run / "report.md").read_text("utf-8")
    assert "# computer" in text
    assert (run / "report_det.png").stat().st_size > 1000
    report = json.loads((run / "report.json").read_text())
    (model,) = report["models"].values()
    assert model["chosen"]["thresholds"].keys() == {"computer"}


def test_teacher_and_network_are_asked_for_what_wakes_them(trained):
    run, done = trained
    mined, more = (
        np.load(run / folder / "mined.npz")["features"]
        for folder in (".", "student")
    )
    assert mined.shape[1:] == (49, 32)
    assert len(mined) > 5
    assert more.shape == mined.shape
    assert not np.array_equal(more, mined)
    folders = ("before_mining", "teacher", "student/before_mining", ".")
    for folder in folders:
        metrics = json.loads((run / folder / "metrics.json").read_text())
        assert metrics["complete"], folder
    # One line for each of the four trainings of one epoch.
    done_with = re.findall(r"^(.*): epoch 1, ", done.stderr, re.MULTILINE)
    assert tuple(done_with) == STEPS
    kinds = [
        json.loads((run / folder / "run.json").read_text())["network"]["binary"]
        for folder in folders
    ]
    assert kinds == [False, False, True, True]


def test_who_hears_embeddings_teaches_everybody(trained):
    run, done = trained
    said = np.load(run / "embedding.npz")
    assert said["logits"].shape[0] == 1 and said["logits"].shape[2] == 4
    assert said["hints"].shape == (*said["logits"].shape[:2], 128)
    assert np.isfinite(said["logits"]).all()
    assert np.isfinite(said["hints"]).all()
    assert "speech embeddings: two layers on them are right on" in done.stdout
    for folder in ("before_mining", "teacher", "."):
        config = json.loads((run / folder / "run.json").read_text())
        assert config["training"]["embedding_weight"] == 4, folder
        assert config["training"]["embedding_hint"] == 1, folder


def test_words_that_sound_alike_are_listed(trained):
    run, _ = trained
    assert len((run / "look_alikes.txt").read_text("utf-8").split("\n")) == 3
