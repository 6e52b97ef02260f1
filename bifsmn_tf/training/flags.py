"""What a user of the training commands sets: the flags of ``--help``.

Most flags are the fields of settings, see
:mod:`~bifsmn_tf.training.generated_flags`; the rest are defined here. Those
that only experiments set are in :mod:`~bifsmn_tf.training.research_flags`.
"""

import dataclasses
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import flags

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.cli import FlagGroup
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.network import architectures
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.training import recipes
from bifsmn_tf.training import threads
from bifsmn_tf.training.data_config import DataConfig
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.generated_flags import define
from bifsmn_tf.training.run import RunFolder
from bifsmn_tf.training.sound_config import SoundConfig
from bifsmn_tf.training.teacher_config import TeacherConfig

# The flags are the command's, not this module's.
flags.disclaim_key_flags()

NO_FLAGS = ("frames", "mels", "binary")
"""Fields of a network that follow from its features and architecture."""

LEFT_TO_ARCHITECTURE = dict.fromkeys(
    field.name for field in dataclasses.fields(NetworkConfig)
)
"""What architecture and recipe say where no single setting does."""


def define_run() -> FlagGroup:
    """Defines where and in how many threads a command trains."""
    flags.DEFINE_string(
        "run_dir",
        None,
        "The folder of the run (required); a training that was stopped goes "
        "on from there.",
        required=True,
    )
    flags.DEFINE_integer(
        "threads",
        0,
        "The number of TensorFlow's threads; 0 means one for each processor, "
        "or what TensorFlow's own variables in the environment say.",
        lower_bound=0,
    )
    return FlagGroup("Run", ["run_dir", "threads"])


def define_data(defaults: Mapping[str, Any] | None = None) -> FlagGroup:
    """Defines which recordings are trained on, and how they vary.

    Args:
        defaults: Defaults that are not the field's, by name.
    """
    return FlagGroup(
        "Data", define(DataConfig, research=False, defaults=defaults)
    )


def define_sound() -> FlagGroup:
    """Defines what a network of a stream hears beside clips, and where."""
    return FlagGroup(
        "Sound without a keyword, rooms and microphones (of networks that "
        "read a stream)",
        define(SoundConfig, research=False),
    )


def define_deployment() -> FlagGroup:
    """Defines what becomes of a network that is trained."""
    flags.DEFINE_float(
        "false_accepts_per_hour",
        None,
        "Write RUN_DIR/model.tflite with thresholds for this rate, chosen on "
        "validation sound, and RUN_DIR/report.md, at the end of a training of "
        "a network that reads a stream.",
        lower_bound=0.0,
    )
    return FlagGroup("Deployment", ["false_accepts_per_hour"])


def define_fit(
    without: Collection[str] = (), defaults: Mapping[str, Any] | None = None
) -> FlagGroup:
    """Defines how long and how fast a network trains.

    Args:
        without: Fields that get no flag.
        defaults: Defaults that are not the field's, by name.
    """
    names = define(
        FitConfig, research=False, without=without, defaults=defaults
    )
    return FlagGroup("Training", names)


def define_network() -> FlagGroup:
    """Defines which network of ours is trained."""
    flags.DEFINE_enum(
        "architecture",
        "bifsmn",
        sorted(architectures.ARCHITECTURES),
        "The network: bifsmn, bifsmn_s (small), bifsmn_wide (wider front end) "
        "and bifsmn_mixed (8 bits in two layers of it) are binary, dfsmn and "
        "dfsmn_s have full precision.",
    )
    flags.DEFINE_enum(
        "recipe",
        "ours",
        list(recipes.RECIPES),
        "How a binary network is built and trained, where no other flag says "
        "so: paper is the paper's plain form with the optimizer of the "
        "authors' code, ours adds what training one-bit weights needs.",
    )
    flags.DEFINE_enum(
        "features",
        "paper",
        list(recipes.FEATURES),
        "The log-mel features: the paper's, or board for those that cost a "
        "board a quarter (--n_fft=512 --folds=2).",
    )
    names = define(
        NetworkConfig,
        research=False,
        without=NO_FLAGS,
        defaults=LEFT_TO_ARCHITECTURE,
    )
    return FlagGroup(
        "Network (--architecture says what has no default)",
        ["architecture", "recipe", "features", *names],
    )


def define_teaching() -> FlagGroup:
    """Defines what a student learns from which teacher."""
    names = [*define(TeacherConfig, research=False), *define_losses().names]
    return FlagGroup("Teacher and distillation", names)


def define_losses(defaults: Mapping[str, Any] | None = None) -> FlagGroup:
    """Defines what is distilled.

    Args:
        defaults: Defaults that are not the field's, by name.
    """
    return FlagGroup(
        "Distillation", define(LossConfig, research=False, defaults=defaults)
    )


def run_folder() -> RunFolder:
    """Returns the folder of the run."""
    return RunFolder(Path(flags.FLAGS.run_dir))


def start(seed: int) -> None:
    """Makes TensorFlow ready: threads, and the same for the same seed.

    Threads are fixed with TensorFlow's first operation, so that nothing of it
    may run before.

    Args:
        seed: The seed of everything random.
    """
    threads.use(flags.FLAGS.threads)
    tf.config.experimental.enable_op_determinism()
    set_random_seed(seed)
