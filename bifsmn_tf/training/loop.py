"""Trains one network for its epochs, resumably."""

import dataclasses
import math
import time

import numpy as np
from tqdm import tqdm

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.trainer import LossConfig
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.distillation.trainer import check_step
from bifsmn_tf.distillation.trainer import wavelet_energies
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import plots
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder
from bifsmn_tf.training.run import make_network
from bifsmn_tf.training.run import restore
from bifsmn_tf.training.schedule import Schedule
from bifsmn_tf.training.schedule import make_optimizer

_EVALUATION_BATCH = 512

_STATISTICS_BATCHES = 32
"""Training batches that give an averaged network's norms their statistics."""

_ENERGY_CLIPS = 256
"""Validation clips whose states give the logged wavelet energies."""


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """How long and how fast.

    Attributes:
        epochs: over the training clips.
        optimizer: ``"adam"`` or ``"sgd"``.
        learning_rate: the highest one.
        schedule: ``"cosine"`` or ``"constant"``.
        warmup_steps: of the learning rate.
        seed: of weights, dropout, mixup and order.
        mixup: α of the Beta distribution that clips are mixed by; 0 for none.
        weight_average: decay of the moving average of the weights that is
            evaluated and kept instead of them; 0 for none.
    """

    epochs: int
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    warmup_steps: int = 100
    seed: int = 0
    mixup: float = 0.0
    weight_average: float = 0.0

    def __post_init__(self):
        if self.epochs < 1 or self.warmup_steps < 0:
            raise ValueError(
                f"epochs {self.epochs} must be 1 or more, warmup_steps "
                f"{self.warmup_steps} 0 or more"
            )
        if not 0 <= self.learning_rate < math.inf:
            raise ValueError(
                "learning_rate must not be negative or infinite: "
                f"{self.learning_rate}"
            )
        check_step(self.mixup, self.weight_average)


def fit(
    folder: RunFolder,
    config: RunConfig,
    flags: str,
    loss: LossConfig,
    settings: FitConfig,
    pipeline,
    validation: tuple[np.ndarray, np.ndarray],
    *,
    teacher: FSMN | None = None,
    initial: FSMN | None = None,
    strategy: tf.distribute.Strategy | None = None,
    description: str = "training",
) -> dict:
    """Trains a network, or goes on where an earlier call was stopped.

    Args:
        folder: of the run.
        config: what is trained on what.
        flags: the flagfile text that repeats the run.
        loss: what is minimised.
        settings: epochs, optimizer and schedule.
        pipeline: a :class:`~bifsmn_tf.data.pipeline.TrainingPipeline`.
        validation: normalised features (n, time, mels) and labels (n,).
        teacher: for the distillation.
        initial: a network of the same sizes to start from.
        strategy: of tf.distribute; the default one if ``None``.
        description: in front of the progress bar.

    Returns:
        The run's metrics: ``history``, ``best``, ``complete``.

    Raises:
        UserError: the folder holds another configuration, or the training
            diverged; the epochs before are kept.
    """
    strategy = strategy or tf.distribute.get_strategy()
    chief = _is_chief(strategy)
    if chief:
        folder.begin(config, flags)
    metrics = folder.read_metrics()
    if metrics["complete"]:
        if chief:
            _plot(folder, metrics["history"])
        return metrics

    set_random_seed(settings.seed)
    steps = pipeline.steps_per_epoch
    with strategy.scope():
        network = make_network(config.network)
        if initial is not None:
            network.start_from(initial)
        optimizer = make_optimizer(
            settings.optimizer,
            Schedule(
                settings.learning_rate,
                steps * settings.epochs,
                settings.warmup_steps,
                settings.schedule,
            ),
        )
        trainer = Trainer(
            network,
            teacher,
            loss,
            settings.seed,
            settings.mixup,
            settings.weight_average,
        )
        trainer.compile(optimizer=optimizer)
        epoch_done = tf.Variable(0, dtype=tf.int64, trainable=False)
        # As the network of a run counts the one that was evaluated.
        evaluated = trainer.evaluated
        parts = {"network": evaluated, "optimizer": optimizer}
        if evaluated is not network:
            parts["trained"] = network
        checkpoint = tf.train.Checkpoint(**parts, epoch=epoch_done)
    # Every worker takes part in writing a checkpoint, since reading the moving
    # statistics averages them over all; only the chief's is kept.
    checkpoints = folder.checkpoints
    if not chief:
        checkpoints = checkpoints / f"worker{_worker(strategy)}"
    manager = tf.train.CheckpointManager(
        checkpoint, str(checkpoints), max_to_keep=1, checkpoint_name="last"
    )
    latest = tf.train.latest_checkpoint(str(folder.checkpoints))
    if latest:
        restore(checkpoint, latest)
    # A run killed between the two files repeats the epoch that only the
    # metrics know of.
    history = metrics["history"][: int(epoch_done.numpy())]
    metrics["history"] = history

    writer = tf.summary.create_file_writer(str(folder.path / "tensorboard"))
    dataset = tf.data.Dataset.from_tensor_slices(validation).batch(
        _EVALUATION_BATCH
    )
    bar = tqdm(
        total=steps * settings.epochs,
        initial=steps * len(history),
        desc=description,
        unit="step",
        disable=not chief,
        mininterval=0.5,
        dynamic_ncols=True,
    )
    progress = _Progress(bar)
    with bar:
        for epoch in range(len(history), settings.epochs):
            # Of the epoch alone, so that a resumed run is the same.
            network.set_progress(epoch / max(settings.epochs - 1, 1))
            began = time.perf_counter()
            fitted = trainer.fit(
                pipeline.epoch(epoch), verbose=0, callbacks=[progress]
            )
            seconds = time.perf_counter() - began
            _check_finite(network, epoch)
            if trainer.average is not None:
                trainer.estimate_statistics(
                    pipeline.epoch(epoch).take(_STATISTICS_BATCHES)
                )
            entry = {
                "epoch": epoch,
                **{k: float(v[-1]) for k, v in fitted.history.items()},
                **{
                    f"val_{k}": float(v)
                    for k, v in trainer.evaluate(
                        dataset, verbose=0, return_dict=True
                    ).items()
                },
                "learning_rate": float(
                    optimizer._decayed_lr(tf.float32).numpy()
                ),
                "seconds": round(seconds, 2),
                "wavelet_energy_high": _energies(
                    evaluated, teacher, validation
                ),
            }
            history.append(entry)
            score = _score(entry)
            if metrics["best"] is None or score > metrics["best"]["score"]:
                metrics["best"] = {"epoch": epoch, "score": score}
                tf.train.Checkpoint(network=evaluated).write(
                    str(checkpoints / folder.best.name)
                )
            metrics["complete"] = epoch + 1 == settings.epochs
            epoch_done.assign(epoch + 1)
            manager.save()
            if chief:
                folder.write_metrics(metrics)
                _write_summaries(writer, entry)
                bar.set_postfix_str(f"epoch {epoch + 1}, {_describe(entry)}")
    if chief:
        _plot(folder, history)
    return metrics


def _check_finite(network, epoch: int) -> None:
    """Signs of weights that are no numbers would train on without a word."""
    for name, layer in getattr(network, "stages", {"network": network}).items():
        for variable in layer.trainable_weights:
            if not np.all(np.isfinite(variable)):
                what = variable.name.partition(":")[0]
                raise UserError(
                    f"the training diverged in epoch {epoch + 1}: {name} has a "
                    f"{what} that is not finite. The epochs before are kept; "
                    "train into another folder with a smaller --learning_rate"
                )


def _plot(folder: RunFolder, history: list[dict]) -> None:
    picture = folder.path / "curves.png"
    if not picture.exists():
        plots.training_curves(history, picture)


def _score(entry: dict) -> float:
    """The number that selects the best epoch: accuracy, mean over δ."""
    return float(
        np.mean(
            [v for k, v in entry.items() if k.startswith("val_accuracy_delta")]
        )
    )


def _describe(entry: dict) -> str:
    accuracies = "/".join(
        f"{100 * v:.1f}"
        for k, v in entry.items()
        if k.startswith("val_accuracy_delta")
    )
    return f"loss {entry['loss']:.3f}, validation {accuracies} %"


def _energies(network, teacher, validation) -> dict:
    """p_H by network and block; with text for keys, as JSON has it."""
    features = tf.constant(validation[0][:_ENERGY_CLIPS])
    depths = {
        f"delta_{delta}": (network, delta) for delta in network.config.deltas
    }
    if teacher is not None:
        depths["teacher"] = (teacher, 1)
    return {
        name: {
            str(block): share
            for block, share in wavelet_energies(*which, features).items()
        }
        for name, which in depths.items()
    }


def _write_summaries(writer, entry: dict) -> None:
    with writer.as_default(step=entry["epoch"]):
        for name, value in entry.items():
            if name == "wavelet_energy_high":
                for who, blocks in value.items():
                    for block, share in blocks.items():
                        tf.summary.scalar(f"p_H/{who}/block{block}", share)
                        tf.summary.scalar(f"p_L/{who}/block{block}", 1 - share)
            elif name != "epoch":
                tf.summary.scalar(name, value)
    writer.flush()


class _Progress(tf.keras.callbacks.Callback):
    def __init__(self, bar):
        super().__init__()
        self.bar = bar

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update()


def _cluster(strategy):
    return getattr(strategy, "cluster_resolver", None)


def _worker(strategy) -> int:
    resolver = _cluster(strategy)
    return (resolver.task_id or 0) if resolver else 0


def _is_chief(strategy) -> bool:
    resolver = _cluster(strategy)
    if resolver is None or resolver.task_type is None:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker"
        and resolver.task_id == 0
        and "chief" not in resolver.cluster_spec().jobs
    )
