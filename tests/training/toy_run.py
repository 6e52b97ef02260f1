"""A training of a tiny network on random clips, for tests to start and stop.

    python toy_run.py FOLDER --epochs=3 [--strategy=multi_worker] [--copies=2]

Prints a digest of the trained weights as its last line.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.distillation.hints import SIZE as HINT
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.network import architectures
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.loop import fit
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder

CLASSES, BATCH, STEPS = 3, 8, 3

HANGS = 900
"""Seconds after which a process hangs, however slow the machine."""

SIZES = {
    "front_channels": 4,
    "front_kernel": 3,
    "memory_size": 8,
    "hidden_size": 12,
    "blocks": 2,
}


class ToyPipeline:
    """Random batches that depend on the epoch alone."""

    steps_per_epoch = STEPS

    def __init__(
        self,
        copies: int = 1,
        dies_in: int | None = None,
        taught: bool = False,
    ):
        self.copies = copies
        self.dies_in = dies_in
        self.taught = taught

    def epoch(self, epoch: int) -> tf.data.Dataset:
        """As TrainingPipeline.epoch; every batch holds copies of itself.

        In the epoch ``dies_in`` the process is killed, when it should begin:
        its peers wait for it in the midst of a step.
        """
        if epoch == self.dies_in:
            os.kill(os.getpid(), signal.SIGKILL)
        rng = np.random.default_rng(epoch)
        features = rng.normal(size=(STEPS, BATCH, 32, 32)).astype(np.float32)
        labels = rng.integers(0, CLASSES, (STEPS, BATCH)).astype(np.int32)
        copies = self.copies
        batches = (
            np.concatenate([features] * copies, axis=1).reshape(-1, 32, 32),
            np.concatenate([labels] * copies, axis=1).reshape(-1),
        )
        if self.taught:
            batches += tuple(
                rng.normal(size=(len(batches[1]), n)).astype(np.float32)
                for n in (CLASSES, HINT)
            )
        return tf.data.Dataset.from_tensor_slices(batches).batch(
            BATCH * copies, drop_remainder=True
        )


def run_config(**changes) -> RunConfig:
    """What the toy trains."""
    return RunConfig(
        network=architectures.bifsmn(
            CLASSES, deltas=(1, 2), **{**SIZES, **changes}
        ),
        label_names=("a", "b", "c"),
        features=FeatureParameters(),
        statistics=FeatureStatistics(0.0, 1.0),
        dataset={"name": "toy", "options": {}},
        training={},
    )


def validation() -> tuple[np.ndarray, np.ndarray]:
    """Random clips and labels."""
    rng = np.random.default_rng(99)
    return (
        rng.normal(size=(16, 32, 32)).astype(np.float32),
        rng.integers(0, CLASSES, 16).astype(np.int32),
    )


def train(
    folder,
    epochs,
    strategy=None,
    copies=1,
    distillation="hed",
    settings=None,
    initial=None,
    dies_in=None,
    taught=False,
    **changes,
) -> dict:
    """Trains the toy and returns its metrics."""
    strategy = strategy or tf.distribute.get_strategy()
    teacher = None
    if distillation != "none":
        set_random_seed(7)
        with strategy.scope():
            teacher = FSMN(architectures.dfsmn(CLASSES, dropout=0, **SIZES))
    return fit(
        RunFolder(folder),
        run_config(**changes),
        "",
        LossConfig(
            distillation=distillation,
            gamma=0.1,
            embedding_weight=float(taught),
            embedding_hint=float(taught),
        ),
        FitConfig(
            epochs=epochs,
            warmup_steps=2,
            **{"learning_rate": 1e-2, **(settings or {})},
        ),
        ToyPipeline(copies, dies_in, taught),
        validation(),
        teacher=teacher,
        initial=initial,
        strategy=strategy,
    )


def digest(network: FSMN) -> str:
    """Of all weights, bit for bit."""
    content = b"".join(v.numpy().tobytes() for v in network.variables)
    return hashlib.sha256(content).hexdigest()


def start(folder, *arguments, **environment) -> subprocess.Popen:
    """Begins the toy in a process of its own."""
    script = Path(__file__).resolve()
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(script.parents[2]),
            **environment,
        },
    )


def finish(process: subprocess.Popen) -> dict:
    """Waits for a toy to end well; returns what it printed last."""
    out, err = process.communicate(timeout=HANGS)
    assert process.returncode == 0, err
    return json.loads(out.strip().splitlines()[-1])


def main() -> None:
    """Trains what the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--strategy", default="none")
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--mixup", type=float, default=0.0)
    parser.add_argument("--weight_average", type=float, default=0.0)
    parser.add_argument("--dies_in", type=int)
    parser.add_argument("--taught", action="store_true")
    arguments = parser.parse_args()
    tf.config.experimental.enable_op_determinism()
    strategy = None
    if arguments.strategy == "multi_worker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    metrics = train(
        arguments.folder,
        arguments.epochs,
        strategy,
        arguments.copies,
        settings={
            "mixup": arguments.mixup,
            "weight_average": arguments.weight_average,
        },
        dies_in=arguments.dies_in,
        taught=arguments.taught,
    )
    network = RunFolder(arguments.folder).load_network("last")
    print(
        json.dumps(
            {"digest": digest(network), "loss": metrics["history"][-1]["loss"]}
        )
    )


if __name__ == "__main__":
    main()
