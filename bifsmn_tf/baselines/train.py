"""Trains a network that one would run instead of BiFSMN, and evaluates it.

    python -m bifsmn_tf.baselines.train --model=bc_resnet_1 \
        --dataset=speech_commands/v0.02-12-official --data_dir=RECORDINGS \
        --run_dir=runs/bc_resnet_1 --epochs=40
    python -m bifsmn_tf.baselines.train --model=fsmn --binarizer=sign \
        --teacher=runs/fsmn --distillation=hed ...

Data, features, augmentation, loop and run folder are those of bifsmn_tf.train;
a run that was stopped goes on with the same command. Audiomer reads the same
clips as waveforms, augmented anew in every epoch. What the run's folder holds
besides is described in bifsmn_tf/baselines/report.py.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.audio.waveforms import WaveformParameters
from bifsmn_tf.baselines import report
from bifsmn_tf.baselines.layers import BINARIZERS
from bifsmn_tf.baselines.network import BASELINES
from bifsmn_tf.baselines.network import BaselineConfig
from bifsmn_tf.baselines.network import BaselineNetwork
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.trainer import LossConfig
from bifsmn_tf.errors import UserError
from bifsmn_tf.training.flags import TrainingFlags
from bifsmn_tf.training.loop import fit
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder

_SHARED = TrainingFlags(learning_rate=2e-3, logit_weight=0.0)
_MODEL = flags.DEFINE_enum(
    "model",
    None,
    list(BASELINES),
    "The network to train. Audiomer reads waveforms, augmented anew in every "
    "epoch: --renditions and --spec_mask are not for it.",
    required=True,
)
_BINARIZER = flags.DEFINE_enum(
    "binarizer",
    "none",
    list(BINARIZERS),
    "What makes weights and activations one bit in all but the first layer "
    "and the classifier: sign is Eq. 1 and 2, none is full precision.",
)
_LIMIT_CLIPS = flags.DEFINE_integer(
    "limit_clips",
    None,
    "How many clips to train on, drawn once by --data_seed; by default all. "
    "Validation and test are whole.",
    lower_bound=1,
)
_TEACHER = flags.DEFINE_string(
    "teacher",
    None,
    "The folder of the run of the same network in full precision, which a "
    "distillation needs.",
)
_DISTILLATION = flags.DEFINE_enum(
    "distillation",
    "none",
    losses.METHODS,
    "How the states of fsmn's layers are distilled; hed emphasises the "
    "teacher's high frequencies (Eq. 8-10).",
)


def _drawn(clips: Clips, count: int | None) -> Clips:
    """Draws so many of the clips, the same for the same seed, in order."""
    if count is None or count >= len(clips):
        return clips
    rng = np.random.default_rng(_SHARED.data_seed)
    return clips.take(np.sort(rng.permutation(len(clips))[:count]))


def _pipeline(
    clips: Clips, noise: Sequence[np.ndarray], features: Features
) -> TrainingPipeline:
    if isinstance(features, WaveformParameters):
        return _SHARED.pipeline(
            clips,
            noise,
            features,
            copies=0,
            cache_dir=None,
            spec_augment=None,
            # As it is: a first BatchNorm scales it.
            statistics=FeatureStatistics(0.0, 1.0),
        )
    return _SHARED.pipeline(clips, noise, features)


def _teacher(loss: LossConfig) -> RunFolder | None:
    """Returns the run of the teacher that the losses need."""
    if loss.distillation == "none" and not loss.logit_weight:
        if _TEACHER.value:
            raise UserError(
                "--teacher has nothing to teach: choose --distillation=hed or "
                "plain, or a --logit_weight"
            )
        return None
    if loss.distillation != "none" and not BASELINES[_MODEL.value].blocks:
        taught = [
            name for name, baseline in BASELINES.items() if baseline.blocks
        ]
        raise UserError(
            f"--distillation: {_MODEL.value} has no states to compare, "
            f"only {', '.join(taught)} has"
        )
    if not _TEACHER.value:
        raise UserError(
            "a distillation needs --teacher: train the same --model with "
            "--binarizer=none first and give its --run_dir"
        )
    return RunFolder(_TEACHER.value)


def _load_teacher(run: RunFolder, config: RunConfig) -> BaselineNetwork:
    """Loads a teacher: the same network in full precision."""
    assert isinstance(config.network, BaselineConfig)
    wanted = dataclasses.replace(
        config, network=dataclasses.replace(config.network, binarizer="none")
    )
    run.check_teacher(
        wanted, ("network", "label_names", "features", "statistics")
    )
    network = run.load_network()
    assert isinstance(network, BaselineNetwork)
    return network


def main() -> None:
    """Trains and evaluates what the flags say."""
    _SHARED.start()
    # All settings are checked here, before anything takes time.
    loss = _SHARED.loss_config(_DISTILLATION.value)
    settings = _SHARED.fit_config()
    teacher = _teacher(loss)

    dataset = _SHARED.load()
    clips = _drawn(dataset.splits["train"], _LIMIT_CLIPS.value)
    print(
        f"{dataset.name}: {len(clips)} clips to train on, "
        f"{len(dataset.splits['validation'])} to validate, "
        f"{len(dataset.splits['test'])} to test, "
        f"{len(dataset.label_names)} classes: {', '.join(dataset.label_names)}"
    )
    features = BASELINES[_MODEL.value].features
    pipeline = _pipeline(clips, dataset.noise, features)
    network = BaselineConfig(
        _MODEL.value, len(dataset.label_names), _BINARIZER.value
    )
    config = _SHARED.run_config(network, dataset, features, pipeline)
    run = _SHARED.run
    held_out = dataset.splits["validation"]
    metrics = fit(
        run,
        config,
        cli.flagfile(),
        loss,
        settings,
        pipeline,
        (
            evaluation_features(held_out, features, pipeline.statistics),
            held_out.labels,
        ),
        teacher=_load_teacher(teacher, config) if teacher else None,
        description=_MODEL.value,
    )
    best = metrics["history"][metrics["best"]["epoch"]]
    print(
        f"best epoch {best['epoch'] + 1} of {len(metrics['history'])}: "
        f"{100 * best['val_accuracy_delta_1']:.2f} % on validation"
    )
    calibration = _drawn(clips, report.CALIBRATION_CLIPS)
    for form, figures in report.write(run, dataset, calibration).items():
        found = figures["deltas"]["1"]
        low, high = found["interval"]
        size = f", {figures['bytes']:,} bytes" if figures["bytes"] else ""
        print(
            f"{form:8} {100 * found['accuracy']:.2f} % "
            f"({100 * low:.2f}-{100 * high:.2f} %) on test{size}"
        )
    print(f"curves: {run.path / 'curves.png'}, reports: {run.path}")


if __name__ == "__main__":
    cli.run(main)
