"""Trains one network for its epochs, resumably."""

import contextlib
import sys
import time
from collections.abc import Sequence
from typing import Any
from typing import Protocol

import numpy as np
from tqdm import tqdm

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.data.pipeline import untuned
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.errors import UserError
from bifsmn_tf.training import history
from bifsmn_tf.training import workers
from bifsmn_tf.training.checkpoints import Checkpoints
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.protocol import TrainableNetwork
from bifsmn_tf.training.protocol import make_network
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder
from bifsmn_tf.training.schedule import Schedule
from bifsmn_tf.training.schedule import make_optimizer

_EVALUATION_BATCH = 512

_STATISTICS_BATCHES = 32
"""Training batches that give an averaged network's norms their statistics."""


class Batches(Protocol):
    """The training batches of every epoch, as a ``TrainingPipeline`` has them.

    Attributes:
        steps_per_epoch: The number of batches in one epoch.
    """

    steps_per_epoch: int

    def epoch(self, epoch: int) -> tf.data.Dataset:
        """Returns one epoch's pairs of normalised features and labels.

        Logits and hints that are taught beside them may follow.
        """


def fit(
    folder: RunFolder,
    config: RunConfig,
    flags: str,
    loss: LossConfig,
    settings: FitConfig,
    pipeline: Batches,
    validation: tuple[np.ndarray, np.ndarray],
    *,
    teacher: TrainableNetwork | None = None,
    more_teachers: Sequence[TrainableNetwork] = (),
    initial: TrainableNetwork | None = None,
    strategy: tf.distribute.Strategy | None = None,
    description: str = "training",
) -> dict[str, Any]:
    """Trains a network, or goes on where an earlier call was stopped.

    Args:
        folder: The run's folder.
        config: What is trained on what.
        flags: The flagfile text that repeats the run.
        loss: What is minimised.
        settings: Epochs, optimizer and schedule.
        pipeline: The training batches.
        validation: normalised features (n, time, mels) and labels (n,).
        teacher: The network to distil.
        more_teachers: Further networks whose logits are distilled.
        initial: A network of the same sizes to start from.
        strategy: The distribution strategy; the default one if ``None``.
        description: What stands in front of the progress bar.

    Returns:
        The run's metrics: ``history``, ``best``, ``complete``.

    Raises:
        UserError: The folder holds another configuration, another process is
            training into it, or the training diverged; the epochs before are
            kept.
    """
    strategy = strategy or tf.distribute.get_strategy()
    chief = workers.is_chief(strategy)
    with folder.held() if chief else contextlib.nullcontext():
        if chief:
            folder.begin(config, flags)
        metrics = folder.read_metrics()
        if metrics["complete"]:
            if chief:
                # A process may have been killed before it wrote the copy.
                folder.write_metrics(metrics)
            return metrics

        set_random_seed(settings.seed)
        steps = pipeline.steps_per_epoch
        with strategy.scope():
            network = make_network(config.network)
            if initial is not None:
                network.start_from(initial)
            schedule = Schedule(
                settings.learning_rate,
                steps * settings.epochs,
                settings.warmup_steps,
                settings.schedule,
            )
            optimizer = make_optimizer(settings.optimizer, schedule)
            trainer = Trainer(
                network,
                teacher,
                loss,
                settings.seed,
                settings.mixup,
                settings.weight_average,
                loss.class_costs(config.label_names)
                if loss.false_accept_cost != 1
                else (),
                more_teachers,
            )
            trainer.compile(optimizer=optimizer)
            # As the network of a run counts the one that was evaluated.
            checkpoints = Checkpoints(
                folder.checkpoints,
                trainer.evaluated,
                network,
                optimizer,
                None if chief else workers.number(strategy),
                trainer.objective.hints,
            )
        metrics = checkpoints.resume() or metrics
        entries = metrics["history"]

        writer = tf.summary.create_file_writer(str(folder.path / "tensorboard"))
        dataset = untuned(
            tf.data.Dataset.from_tensor_slices(validation).batch(
                _EVALUATION_BATCH
            )
        )
        high = (
            history.teacher_energies(teacher, validation[0]) if teacher else {}
        )
        bar = tqdm(
            total=steps * settings.epochs,
            initial=steps * len(entries),
            desc=description,
            unit="step",
            # One that is no terminal gets a line an epoch.
            disable=None if chief else True,
            mininterval=0.5,
            dynamic_ncols=True,
        )
        first, stepped = time.perf_counter(), 0.0
        with bar, workers.in_touch(strategy):
            for epoch in range(len(entries), settings.epochs):
                # Of the epoch alone, so that a resumed run is the same.
                network.set_progress(epoch / max(settings.epochs - 1, 1))
                batches = pipeline.epoch(epoch)
                began = time.perf_counter()
                trained = _means(trainer, batches, bar)
                seconds = time.perf_counter() - began
                stepped += seconds
                _check_finite(network, epoch)
                if trainer.average is not None:
                    trainer.estimate_statistics(
                        pipeline.epoch(epoch).take(_STATISTICS_BATCHES)
                    )
                entry = history.entry(
                    epoch,
                    trained,
                    trainer.evaluate(dataset, verbose=0, return_dict=True),
                    float(schedule(optimizer.iterations)),
                    seconds,
                    high,
                )
                entries.append(entry)
                score = history.score(entry)
                best = metrics["best"]
                improved = (
                    best is None
                    or settings.keep == "last"
                    or score > best["score"]
                )
                if improved:
                    metrics["best"] = {"epoch": epoch, "score": score}
                metrics["complete"] = epoch + 1 == settings.epochs
                checkpoints.save(metrics, improved)
                if chief:
                    folder.write_metrics(metrics)
                    history.write_summaries(writer, entry)
                    done = f"epoch {epoch + 1}, {history.describe(entry)}"
                    bar.set_postfix_str(done)
                    if bar.disable:
                        print(f"{description}: {done}", file=sys.stderr)
        if chief and stepped:
            seconds = time.perf_counter() - first
            print(
                f"{description}: {stepped / seconds:.0%} of {seconds:.0f} s "
                "in steps",
                file=sys.stderr,
            )
        return metrics


def _means(
    trainer: Trainer, batches: tf.data.Dataset, bar: tqdm
) -> dict[str, float]:
    """Trains one epoch and returns its means."""
    fitted = trainer.fit(batches, verbose=0, callbacks=[_Progress(bar)])
    return {name: float(v[-1]) for name, v in fitted.history.items()}


def _check_finite(network: TrainableNetwork, epoch: int) -> None:
    """Signs of weights that are no numbers would train on without a word."""
    for name, layer in network.stages.items():
        for variable in layer.trainable_weights:
            if not np.all(np.isfinite(variable)):
                what = variable.name.partition(":")[0]
                raise UserError(
                    f"the training diverged in epoch {epoch + 1}: {name} has a "
                    f"{what} that is not finite. The epochs before are kept; "
                    "train into another folder with a smaller learning_rate"
                )


class _Progress(tf.keras.callbacks.Callback):
    def __init__(self, bar: tqdm) -> None:
        super().__init__()
        self.bar = bar

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.bar.update()
