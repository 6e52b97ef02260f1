"""Trains a network that a user would pick instead, and evaluates it.

    python -m bifsmn_tf.peers.train --model=bc_resnet_1 \
        --dataset=speech_commands/v0.02-12-official --data_dir=RECORDINGS \
        --run_dir=runs/bc_resnet_1 --epochs=40
    python -m bifsmn_tf.peers.train --model=fsmn --binarizer=sign \
        --teacher=runs/fsmn --distillation=hed ...

Data, features, augmentation, loop and run folder are those of bifsmn_tf.train;
a run that was stopped goes on with the same command. Audiomer hears the same
clips with the same variations as waveforms, varied anew in every epoch. What is
written beside that of a run is described in bifsmn_tf/peers/report.py.
"""

import dataclasses
from typing import Any

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.data import datasets
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.data.features import FeatureStatistics
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.data.waveforms import WaveformParameters
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.trainer import LossConfig
from bifsmn_tf.errors import UserError
from bifsmn_tf.peers import report
from bifsmn_tf.peers.layers import BINARIZERS
from bifsmn_tf.peers.network import PEERS
from bifsmn_tf.peers.network import PeerConfig
from bifsmn_tf.training import schedule
from bifsmn_tf.training.loop import FitConfig
from bifsmn_tf.training.loop import fit
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder

_MODEL = flags.DEFINE_enum(
    "model", None, list(PEERS), "Which network.", required=True
)
_BINARIZER = flags.DEFINE_enum(
    "binarizer",
    "none",
    list(BINARIZERS),
    "One-bit weights and activations in all but the first layer and the "
    "classifier; sign is Eq. 1 and 2, none full precision.",
)
_RUN_DIR = flags.DEFINE_string(
    "run_dir",
    None,
    "Folder of the run; an unfinished one is resumed.",
    required=True,
)
_DATASET = flags.DEFINE_string(
    "dataset",
    "synthetic",
    "synthetic, folder, or speech_commands/CONFIG such as "
    "speech_commands/v0.02-12-official.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "The recordings, as bifsmn_tf.train takes them."
)
_CACHE_DIR = flags.DEFINE_string(
    "cache_dir", ".cache/bifsmn_tf", "Where computed features are kept."
)
_UNKNOWN_RATIO = flags.DEFINE_float(
    "unknown_ratio",
    1.0,
    "Clips of 'unknown' to train on, as a multiple of one keyword's "
    "(Speech Commands, official protocol).",
    lower_bound=0,
)
_WORDS = flags.DEFINE_list(
    "words",
    None,
    "Words or phrases that synthetic speech says, instead of ten commands.",
)
_CLIPS_PER_WORD = flags.DEFINE_integer(
    "clips_per_word",
    None,
    "Clips to train on of each word of synthetic speech.",
    lower_bound=1,
)
_LIMIT_CLIPS = flags.DEFINE_integer(
    "limit_clips",
    None,
    "Train on so many clips only, drawn once; validation and test are whole.",
    lower_bound=1,
)
_TEACHER = flags.DEFINE_string(
    "teacher",
    None,
    "Folder of the run of the same network in full precision, for a "
    "distillation.",
)
_DISTILLATION = flags.DEFINE_enum(
    "distillation",
    "none",
    losses.METHODS,
    "Of the states of fsmn's layers; hed emphasises the teacher's high "
    "frequencies (Eq. 8-10).",
)
_GAMMA = flags.DEFINE_float(
    "gamma", 0.01, "γ of Eq. 15, the weight of the distillation."
)
_LOGIT_WEIGHT = flags.DEFINE_float(
    "logit_weight", 0.0, "Weight of the distillation of the logits."
)
_TEMPERATURE = flags.DEFINE_float(
    "temperature", 2.0, "Of the distillation of the logits."
)
_EPOCHS = flags.DEFINE_integer("epochs", 30, "Epochs.", lower_bound=1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 96, "Clips.", lower_bound=1)
_OPTIMIZER = flags.DEFINE_enum(
    "optimizer", "adam", schedule.OPTIMIZERS, "SGD has momentum 0.9."
)
_LEARNING_RATE = flags.DEFINE_float(
    "learning_rate", 2e-3, "The highest.", lower_bound=0
)
_SCHEDULE = flags.DEFINE_enum(
    "schedule", "cosine", schedule.SCHEDULES, "Of the learning rate."
)
_WARMUP = flags.DEFINE_integer(
    "warmup_steps", 100, "Over which the rate rises from 0.", lower_bound=0
)
_SMOOTHING = flags.DEFINE_float(
    "label_smoothing", 0.0, "Of the cross-entropy.", 0, 1
)
_SEED = flags.DEFINE_integer("seed", 0, "Of everything random.")
_DATA_SEED = flags.DEFINE_integer(
    "data_seed", 0, "Of what a data set draws, and of --limit_clips."
)
_RENDITIONS = flags.DEFINE_integer(
    "renditions",
    8,
    "Variations of each clip, computed once and cached; 0, and for waveforms "
    "always, varies anew in every epoch.",
    lower_bound=0,
)
_AUGMENT = flags.DEFINE_bool("augment", True, "Vary the training clips.")
_SPEC_MASK = flags.DEFINE_integer(
    "spec_mask",
    8,
    "Largest SpecAugment mask, in frames and in mels; 0, and for waveforms "
    "always, for none.",
    lower_bound=0,
)
_THREADS = flags.DEFINE_integer(
    "threads", 0, "Of TensorFlow; 0 for one a processor.", lower_bound=0
)

# These change where or how fast a run goes, not what comes out of it.
_NOT_THE_RESULT = {"run_dir", "data_dir", "cache_dir", "threads", "teacher"}


def _options() -> dict[str, Any]:
    """The data set's, as far as they differ from its defaults."""
    options: dict[str, Any] = {}
    if _DATA_SEED.value:
        options["seed"] = _DATA_SEED.value
    if _DATASET.value.startswith("speech_commands"):
        options["unknown_ratio"] = _UNKNOWN_RATIO.value
    if _DATASET.value == "synthetic":
        if _WORDS.value:
            options["words"] = list(_WORDS.value)
        if _CLIPS_PER_WORD.value:
            options["clips_per_word"] = _CLIPS_PER_WORD.value
    return options


def _drawn(clips: Clips, count: int | None) -> Clips:
    """So many of the clips, in their order, the same for the same seed."""
    if count is None or count >= len(clips):
        return clips
    rng = np.random.default_rng(_DATA_SEED.value)
    return clips.take(np.sort(rng.permutation(len(clips))[:count]))


def _pipeline(clips: Clips, noise, features) -> TrainingPipeline:
    common: dict[str, Any] = {
        "batch_size": _BATCH_SIZE.value,
        "seed": _SEED.value,
    }
    augmentation = AugmentationParameters() if _AUGMENT.value else None
    if isinstance(features, WaveformParameters):
        # As it is: a first BatchNorm scales it.
        statistics = FeatureStatistics(0.0, 1.0)
        return TrainingPipeline(
            clips,
            noise,
            features,
            augmentation,
            renditions=0,
            statistics=statistics,
            **common,
        )
    mask = _SPEC_MASK.value
    return TrainingPipeline(
        clips,
        noise,
        features,
        augmentation,
        renditions=_RENDITIONS.value,
        cache_dir=_CACHE_DIR.value,
        spec_augment=SpecAugmentParameters(mask, mask) if mask else None,
        **common,
    )


def _load_teacher(config: RunConfig, loss: LossConfig):
    """The teacher that the losses need, or None."""
    if loss.distillation == "none" and not loss.logit_weight:
        if _TEACHER.value:
            raise UserError(
                "--teacher has nothing to teach: choose --distillation=hed or "
                "plain, or a --logit_weight"
            )
        return None
    assert isinstance(config.network, PeerConfig)
    if loss.distillation != "none" and not config.network.blocks:
        taught = [name for name, peer in PEERS.items() if peer.blocks]
        raise UserError(
            f"--distillation: {config.network.peer} has no states to compare, "
            f"only {', '.join(taught)} has"
        )
    if not _TEACHER.value:
        raise UserError(
            "a distillation needs --teacher: train the same --model with "
            "--binarizer=none first and give its --run_dir"
        )
    run = RunFolder(_TEACHER.value)
    theirs = run.read_config()
    wanted = dataclasses.replace(
        config, network=dataclasses.replace(config.network, binarizer="none")
    )
    for name in ("network", "label_names", "features", "statistics"):
        if getattr(theirs, name) != getattr(wanted, name):
            raise UserError(
                f"the teacher in {run.path} was trained with other {name}: "
                f"{getattr(theirs, name)}, not {getattr(wanted, name)}"
            )
    return run.load_network()


def main() -> None:
    """Trains and evaluates what the flags say."""
    if _THREADS.value:
        tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
        tf.config.threading.set_inter_op_parallelism_threads(_THREADS.value)
    tf.config.experimental.enable_op_determinism()
    set_random_seed(_SEED.value)

    options = _options()
    dataset = datasets.load(
        _DATASET.value,
        _DATA_DIR.value,
        cache_dir=_CACHE_DIR.value,
        **options,
    )
    clips = _drawn(dataset.splits["train"], _LIMIT_CLIPS.value)
    print(
        f"{dataset.name}: {len(clips)} clips to train on, "
        f"{len(dataset.splits['validation'])} to validate, "
        f"{len(dataset.splits['test'])} to test, "
        f"{len(dataset.label_names)} classes: {', '.join(dataset.label_names)}"
    )
    features = PEERS[_MODEL.value].hears
    pipeline = _pipeline(clips, dataset.noise, features)
    config = RunConfig(
        network=PeerConfig(
            _MODEL.value, len(dataset.label_names), _BINARIZER.value
        ),
        label_names=dataset.label_names,
        features=features,
        statistics=pipeline.statistics,
        dataset={"name": _DATASET.value, "options": options},
        training=cli.flag_values(without=_NOT_THE_RESULT),
    )
    loss = LossConfig(
        distillation=_DISTILLATION.value,
        gamma=_GAMMA.value,
        logit_weight=_LOGIT_WEIGHT.value,
        temperature=_TEMPERATURE.value,
        label_smoothing=_SMOOTHING.value,
    )
    run = RunFolder(_RUN_DIR.value)
    metrics = fit(
        run,
        config,
        cli.flagfile(),
        loss,
        FitConfig(
            epochs=_EPOCHS.value,
            optimizer=_OPTIMIZER.value,
            learning_rate=_LEARNING_RATE.value,
            schedule=_SCHEDULE.value,
            warmup_steps=_WARMUP.value,
            seed=_SEED.value,
        ),
        pipeline,
        (
            evaluation_features(
                dataset.splits["validation"], features, pipeline.statistics
            ),
            dataset.splits["validation"].labels,
        ),
        teacher=_load_teacher(config, loss),
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
