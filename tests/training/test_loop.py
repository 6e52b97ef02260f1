"""Runs resume exactly and repeat exactly."""

import json
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
import toy_run

from bifsmn_tf._keras import tf
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.architectures import BINARIZERS
from bifsmn_tf.network.config import FLOAT_WEIGHTS
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.training import history
from bifsmn_tf.training.checkpoints import restore
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.protocol import make_network
from bifsmn_tf.training.run import RunFolder
from bifsmn_tf.training.schedule import Schedule
from bifsmn_tf.training.schedule import make_optimizer


def test_a_killed_run_ends_like_one_that_was_not(tmp_path):
    """With all that a run may carry from step to step."""
    arguments = (
        "--epochs=6",
        "--mixup=0.4",
        "--weight_average=0.9",
        "--taught",
    )
    killed = toy_run.start(tmp_path / "killed", *arguments)
    whole = toy_run.start(tmp_path / "whole", *arguments)
    metrics = tmp_path / "killed" / "metrics.json"
    deadline = time.monotonic() + toy_run.HANGS
    while time.monotonic() < deadline and killed.poll() is None:
        if metrics.exists() and json.loads(metrics.read_text())["history"]:
            break
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    done = len(json.loads(metrics.read_text())["history"])
    assert 1 <= done < 6, "it was not killed half-way"
    resumed = toy_run.finish(toy_run.start(tmp_path / "killed", *arguments))
    assert resumed == toy_run.finish(whole)
    histories = [
        RunFolder(tmp_path / name).read_metrics()["history"]
        for name in ("killed", "whole")
    ]
    for entry in (*histories[0], *histories[1]):
        del entry["seconds"]
    assert histories[0] == histories[1]


def test_progress_depends_on_the_epoch_alone(tmp_path, monkeypatch):
    """IR-Net's gradient, which follows it, is the same in a resumed run."""
    settings = {**BINARIZERS["irnet"], "distillation": "none"}
    toy_run.train(tmp_path / "whole", 3, **settings)
    progress, epochs = [], []
    set_progress, epoch_of = FSMN.set_progress, toy_run.ToyPipeline.epoch

    def recorded(network, fraction):
        progress.append(fraction)
        set_progress(network, fraction)

    def stopped_once(pipeline, epoch):
        epochs.append(epoch)
        if epochs == [0, 1]:
            raise KeyboardInterrupt
        return epoch_of(pipeline, epoch)

    monkeypatch.setattr(FSMN, "set_progress", recorded)
    monkeypatch.setattr(toy_run.ToyPipeline, "epoch", stopped_once)
    with pytest.raises(KeyboardInterrupt):
        toy_run.train(tmp_path / "stopped", 3, **settings)
    toy_run.train(tmp_path / "stopped", 3, **settings)
    assert progress == [0.0, 0.5, 0.5, 1.0]
    whole, stopped = (
        toy_run.digest(RunFolder(tmp_path / name).load_network("last"))
        for name in ("whole", "stopped")
    )
    assert whole == stopped


def test_a_log_file_gets_a_line_an_epoch(tmp_path, capsys):
    settings = {**BINARIZERS["irnet"], "distillation": "none"}
    toy_run.train(tmp_path, 3, **settings)
    *lines, last = capsys.readouterr().err.splitlines()
    assert [line.partition(", ")[0].split(": ")[-1] for line in lines] == [
        "epoch 1",
        "epoch 2",
        "epoch 3",
    ]
    assert all("accuracy" in line or "loss" in line for line in lines)
    assert re.fullmatch(r"\w+: \d+% of \d+ s in steps", last)


def test_a_single_epoch_has_no_progress(tmp_path):
    settings = {**BINARIZERS["irnet"], "distillation": "none"}
    metrics = toy_run.train(tmp_path, 1, **settings)
    assert np.isfinite(metrics["history"][0]["loss"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run that is complete, not to be written into."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert toy_run.train(folder, 2)["complete"]
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """A complete run to damage."""
    return shutil.copytree(trained, tmp_path / "copy")


def test_what_a_run_leaves_behind(copy):
    metrics = RunFolder(copy).read_metrics()
    found = {path.name for path in copy.iterdir()}
    assert found == {
        "run.json",
        "flags.txt",
        "metrics.json",
        "checkpoints",
        "tensorboard",
    }
    assert RunFolder(copy).read_config() == toy_run.run_config()
    entry = metrics["history"][0]
    assert set(entry["wavelet_energy_high"]) == {
        "delta_1",
        "delta_2",
        "teacher",
    }
    assert entry["distillation_delta_1"] > 0
    assert toy_run.train(copy, 2) == metrics


def test_refuses_a_folder_of_another_configuration(copy):
    with pytest.raises(
        UserError,
        match="another configuration .*look_back: 2 there, 1 here.* run_dir",
    ):
        toy_run.train(copy, 1, distillation="none", look_back=1)


def test_damaged_folders_are_named(copy, tmp_path):
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(UserError, match=r"not the folder of a run"):
        folder.read_config()
    folder = RunFolder(copy)
    (folder.path / "run.json").write_text('{"format": 1,')
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        folder.read_config()


def test_a_checkpoint_of_another_network_is_refused(copy):
    folder = RunFolder(copy)
    text = (copy / "run.json").read_text()
    (copy / "run.json").write_text(
        text.replace('"hidden_size": 12', '"hidden_size": 14')
    )
    with pytest.raises(UserError, match="does not fit"):
        folder.load_network()


def test_a_truncated_checkpoint_is_refused(copy):
    folder = RunFolder(copy)
    (data,) = folder.checkpoints.glob("epoch-00002/best.data-*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(UserError, match="damaged"):
        folder.load_network()


def test_a_folder_in_use_is_refused_with_who_uses_it(copy):
    with (
        RunFolder(copy).held(),
        pytest.raises(UserError, match=f"in use by process {os.getpid()}"),
    ):
        toy_run.train(copy, 3)
    assert toy_run.train(copy, 2)["complete"]


def test_a_copy_of_the_metrics_that_is_missing_is_written_again(copy):
    wanted = (copy / "metrics.json").read_bytes()
    (copy / "metrics.json").unlink()
    toy_run.train(copy, 2)
    assert (copy / "metrics.json").read_bytes() == wanted


def test_schedule():
    schedule = Schedule(2.0, steps=100, warmup_steps=10, kind="cosine")
    assert float(schedule(0)) == pytest.approx(0.2)
    assert float(schedule(50)) == pytest.approx(1.0)
    assert float(schedule(100)) == pytest.approx(0, abs=1e-6)
    assert float(schedule(200)) == pytest.approx(0, abs=1e-6)
    constant = Schedule(2.0, steps=100, warmup_steps=0, kind="constant")
    assert float(constant(99)) == 2.0
    assert Schedule(**schedule.get_config()).get_config() == (
        schedule.get_config()
    )
    with pytest.raises(ValueError, match="unknown schedule"):
        Schedule(1.0, 1, 1, "step")


def test_optimizers():
    schedule = Schedule(1.0, 1, 0, "constant")
    sgd = make_optimizer("sgd", schedule)
    assert sgd.get_config()["momentum"] == 0.9
    assert isinstance(
        make_optimizer("adam", schedule), tf.keras.optimizers.legacy.Adam
    )
    with pytest.raises(ValueError, match="unknown optimizer"):
        make_optimizer("lion", schedule)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_which_epoch_is_kept(tmp_path, keep, monkeypatch):
    """Scores that fall from epoch to epoch."""
    scores = iter([0.9, 0.8, 0.7])
    monkeypatch.setattr(history, "score", lambda entry: next(scores))
    metrics = toy_run.train(
        tmp_path, 3, distillation="none", settings={"keep": keep}
    )
    epoch = {"best": 0, "last": 2}[keep]
    assert metrics["best"] == {"epoch": epoch, "score": [0.9, 0, 0.7][epoch]}
    features, labels = toy_run.validation()
    network = RunFolder(tmp_path).load_network()
    hits = np.argmax(network.infer(features, 1)[0], axis=1) == labels
    entry = metrics["history"][epoch]
    assert entry["val_accuracy_delta_1"] == pytest.approx(np.mean(hits))
    kept, last = (
        RunFolder(tmp_path).load_network(name).stages["conv2"].linear.kernel
        for name in ("best", "last")
    )
    assert np.array_equal(kept, last) == (keep == "last")
    with pytest.raises(UserError, match="keep must be one of best, last"):
        FitConfig(keep="first")


def test_the_average_is_what_a_run_keeps(tmp_path):
    metrics = toy_run.train(
        tmp_path, 3, distillation="none", settings={"weight_average": 0.9}
    )
    features, labels = toy_run.validation()
    network = RunFolder(tmp_path).load_network()
    entry = metrics["history"][metrics["best"]["epoch"]]
    for delta in (1, 2):
        hits = np.argmax(network.infer(features, delta)[0], axis=1) == labels
        assert entry[f"val_accuracy_delta_{delta}"] == pytest.approx(
            np.mean(hits)
        )
        cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, network.infer(features, delta)[0]
        )
        assert entry[f"val_cross_entropy_delta_{delta}"] == pytest.approx(
            np.mean(cross_entropy), rel=1e-5
        )
    last = RunFolder(tmp_path).load_network("last")
    trained = make_network(last.config)
    restore(
        tf.train.Checkpoint(trained=trained),
        str(tmp_path / "checkpoints" / "epoch-00003" / "last"),
    )
    averaged, weights = (
        net.stages["conv2"].linear.kernel for net in (last, trained)
    )
    assert np.any(averaged != weights)


def test_a_second_stage_starts_from_the_best_of_the_first(tmp_path):
    toy_run.train(
        tmp_path / "first",
        2,
        distillation="none",
        kernel_quantizer=FLOAT_WEIGHTS,
    )
    first = RunFolder(tmp_path / "first").load_network()
    toy_run.train(
        tmp_path / "second",
        1,
        distillation="none",
        # What a step changes nothing of is where it started.
        settings={"learning_rate": 0.0},
        initial=first,
    )
    second = RunFolder(tmp_path / "second").load_network()
    assert second.config.one_bit_weights
    for mine, theirs in zip(
        second.trainable_weights, first.trainable_weights, strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_a_training_that_diverges_ends_with_an_error(copy, tmp_path):
    kept = (copy / "metrics.json").read_bytes()
    network = RunFolder(copy).load_network()
    beta = network.stages["conv2"].norm.beta
    beta.assign(beta * np.nan)
    # How far it spreads in a step, the backend decides.
    message = r"diverged in epoch 1: conv\d has a (kernel|beta) that is not"
    with pytest.raises(UserError, match=message):
        toy_run.train(tmp_path / "other", 2, initial=network)
    assert (copy / "metrics.json").read_bytes() == kept
    assert not RunFolder(tmp_path / "other").read_metrics()["history"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"warmup_steps": -1}, "warmup_steps must not be negative"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"mixup": -1.0}, "mixup"),
        ({"weight_average": 1.0}, "weight_average"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(UserError, match=message):
        FitConfig(**{"epochs": 1, **settings})
