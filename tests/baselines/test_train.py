"""Baselines through the training loop, and the command end to end."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.baselines import audiomer
from bifsmn_tf.baselines import report
from bifsmn_tf.baselines.network import BASELINES
from bifsmn_tf.baselines.network import BaselineConfig
from bifsmn_tf.baselines.network import BaselineNetwork
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.loop import fit
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder

ROOT = Path(__file__).resolve().parents[2]
CLASSES, BATCH, STEPS = 3, 8, 3


class Stopped(Exception):
    """As if the power had gone."""


class Pipeline:
    """Random batches that depend on the epoch alone."""

    steps_per_epoch = STEPS

    def __init__(self, stop_at: int | None = None):
        self.stop_at = stop_at

    def epoch(self, epoch: int) -> tf.data.Dataset:
        """As TrainingPipeline.epoch."""
        if epoch == self.stop_at:
            raise Stopped
        rng = np.random.default_rng(epoch)
        features = rng.normal(size=(STEPS * BATCH, 32, 32)).astype(np.float32)
        labels = rng.integers(0, CLASSES, STEPS * BATCH).astype(np.int32)
        return tf.data.Dataset.from_tensor_slices((features, labels)).batch(
            BATCH
        )


def train(folder, baseline, binarizer="none", stop_at=None) -> dict:
    """Trains on random clips for three epochs."""
    rng = np.random.default_rng(99)
    return fit(
        RunFolder(folder),
        RunConfig(
            network=BaselineConfig(baseline, CLASSES, binarizer),
            label_names=("a", "b", "c"),
            features=FeatureParameters(),
            statistics=FeatureStatistics(0.0, 1.0),
            dataset={"name": "toy", "options": {}},
            training={},
        ),
        "",
        LossConfig(distillation="none"),
        FitConfig(epochs=3, warmup_steps=2),
        Pipeline(stop_at),
        (
            rng.normal(size=(16, 32, 32)).astype(np.float32),
            rng.integers(0, CLASSES, 16).astype(np.int32),
        ),
    )


@pytest.mark.parametrize(
    ("baseline", "binarizer"), [("ds_cnn", "none"), ("fsmn", "irnet")]
)
def test_a_stopped_run_ends_like_one_that_was_not(
    tmp_path, baseline, binarizer
):
    """With dropout in one, with IR-Net's progress in the other."""
    whole = train(tmp_path / "whole", baseline, binarizer)
    with pytest.raises(Stopped):
        train(tmp_path / "stopped", baseline, binarizer, stop_at=1)
    resumed = train(tmp_path / "stopped", baseline, binarizer)
    assert resumed["complete"] and len(resumed["history"]) == 3
    for ours, theirs in zip(resumed["history"], whole["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
    networks = [
        RunFolder(tmp_path / name).load_network("last")
        for name in ("whole", "stopped")
    ]
    assert isinstance(networks[0], BaselineNetwork)
    for ours, theirs in zip(
        networks[0].trainable_variables,
        networks[1].trainable_variables,
        strict=True,
    ):
        np.testing.assert_allclose(
            ours.numpy(), theirs.numpy(), atol=1e-4, err_msg=ours.name
        )


TRAINING = [
    "--dataset=synthetic",
    "--words=yes,no",
    "--clips_per_word=60",
    "--limit_clips=96",
    "--batch_size=16",
    "--renditions=1",
    "--warmup_steps=2",
]


def run(folder, *flags, command="baselines.train", expect=0) -> str:
    """Runs a command as a user does."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            f"bifsmn_tf.{command}",
            f"--cache_dir={folder / 'cache'}",
            *map(str, flags),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=900,  # However slow the machine.
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout if expect == 0 else done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the runs of a small baseline and of a teacher."""
    folder = tmp_path_factory.mktemp("made")
    run(
        folder,
        *TRAINING,
        "--model=bc_resnet_1",
        "--epochs=6",
        f"--run_dir={folder / 'small'}",
    )
    run(
        folder,
        *TRAINING,
        "--model=fsmn",
        "--epochs=2",
        f"--run_dir={folder / 'teacher'}",
    )
    return folder


def _report(made, form):
    return json.loads((made / "small" / f"report_{form}.json").read_text())


def test_what_a_run_leaves_behind(made):
    found = {path.name for path in (made / "small").iterdir()}
    reports = {
        f"report_{form}{end}"
        for form in ("keras", "float32", "int8")
        for end in (".json", "_confusion.png")
    }
    assert found == reports | {
        "run.json",
        "flags.txt",
        "metrics.json",
        "curves.png",
        "cost.json",
        "model_float32.tflite",
        "model_int8.tflite",
        "checkpoints",
        "tensorboard",
    }
    metrics = json.loads((made / "small" / "metrics.json").read_text())
    assert len(metrics["history"]) == 6
    best = max(e["val_accuracy_delta_1"] for e in metrics["history"])
    assert metrics["best"]["score"] == best
    cost = json.loads((made / "small" / "cost.json").read_text())
    assert cost["one_bit_macs"] == 0 < cost["macs"]


def test_the_files_decide_as_keras_does(made):
    keras, floats, integers = (
        _report(made, form) for form in ("keras", "float32", "int8")
    )
    assert keras["deltas"] == floats["deltas"]
    accuracies = [x["deltas"]["1"]["accuracy"] for x in (keras, integers)]
    assert abs(accuracies[0] - accuracies[1]) < 0.15
    for found in (floats, integers):
        path = made / "small" / f"model_{found['form']}.tflite"
        assert found["bytes"] == path.stat().st_size
    low, high = keras["deltas"]["1"]["interval"]
    assert low < accuracies[0] < high


def test_evaluate_takes_the_run(made):
    path = made / "again.json"
    run(
        made,
        f"--model={made / 'small'}",
        f"--json={path}",
        command="evaluate",
    )
    again = json.loads(path.read_text())
    assert again["deltas"] == _report(made, "keras")["deltas"]
    error = run(
        made,
        f"--model={made / 'small'}",
        "--integers",
        command="evaluate",
        expect=1,
    )
    assert "--integers: a baseline is no file in integers" in error


def test_hed(made):
    folder = made / "hed"
    flags = (
        *TRAINING,
        "--model=fsmn",
        "--binarizer=sign",
        "--epochs=1",
        "--distillation=hed",
        f"--run_dir={folder}",
    )
    error = run(made, *flags, expect=1)
    assert "a distillation needs --teacher" in error
    run(made, *flags, f"--teacher={made / 'teacher'}")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["history"][0]["distillation_delta_1"] > 0
    assert (folder / "report_keras.json").exists()
    assert not (folder / "model_float32.tflite").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--model=ds_cnn", "--distillation=hed", "--teacher=teacher"],
            "ds_cnn has no states to compare, only fsmn has",
        ),
        (
            ["--model=ds_cnn", "--logit_weight=1", "--teacher=teacher"],
            "was trained with other network",
        ),
        (
            ["--model=fsmn", "--teacher=teacher"],
            "--teacher has nothing to teach",
        ),
    ],
)
def test_a_teacher_that_does_not_fit(made, flags, message):
    flags = [flag.replace("--teacher=", f"--teacher={made}/") for flag in flags]
    error = run(
        made, *TRAINING, *flags, f"--run_dir={made / 'never'}", expect=1
    )
    assert message in error
    assert "Traceback" not in error


def test_waveforms(tmp_path, monkeypatch):
    """Audiomer of two blocks: heard, trained, loaded and evaluated."""
    monkeypatch.setitem(audiomer.WIDTHS, "s", (4, 8))
    rng = np.random.default_rng(0)
    clips = Clips(
        rng.integers(-9000, 9000, (16, 16000)).astype(np.int16),
        rng.integers(0, CLASSES, 16).astype(np.int32),
        ("",) * 16,
        ("",) * 16,
    )
    config = BaselineConfig("audiomer_s", CLASSES)
    features = BASELINES[config.baseline].features
    raw = FeatureStatistics(0.0, 1.0)
    pipeline = TrainingPipeline(
        clips,
        (),
        features,
        AugmentationParameters(),
        batch_size=BATCH,
        seed=0,
        copies=0,
        statistics=raw,
        progress=False,
    )
    folder = RunFolder(tmp_path / "run")
    metrics = fit(
        folder,
        RunConfig(
            network=config,
            label_names=("a", "b", "c"),
            features=features,
            statistics=raw,
            dataset={"name": "toy", "options": {}},
            training={},
        ),
        "",
        LossConfig(distillation="none"),
        FitConfig(epochs=1, warmup_steps=2),
        pipeline,
        (evaluation_features(clips, features, raw), clips.labels),
    )
    dataset = KeywordDataset("toy", ("a", "b", "c"), {"test": clips})
    reports = report.write(folder, dataset, clips)
    assert list(reports) == ["keras"]
    assert folder.read_config().features == features
    accuracy = reports["keras"]["deltas"]["1"]["accuracy"]
    assert accuracy == pytest.approx(metrics["best"]["score"])
