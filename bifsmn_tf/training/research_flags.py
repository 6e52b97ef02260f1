"""What only experiments set: the flags that ``--helpfull`` adds."""

from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

from absl import flags

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.cli import FlagGroup
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.network import architectures
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.training.data_config import DataConfig
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.flags import LEFT_TO_ARCHITECTURE
from bifsmn_tf.training.flags import NO_FLAGS
from bifsmn_tf.training.generated_flags import define
from bifsmn_tf.training.sound_config import SoundConfig
from bifsmn_tf.training.teacher_config import TeacherConfig

# The flags are the command's, not this module's.
flags.disclaim_key_flags()


def define_data() -> FlagGroup:
    """Defines what is drawn from the recordings."""
    names = define(DataConfig, research=True)
    return FlagGroup("Data, for experiments", names, research=True)


def define_sound() -> FlagGroup:
    """Defines what the sound without a keyword consists of."""
    names = define(SoundConfig, research=True)
    return FlagGroup("Sound, for experiments", names, research=True)


def define_fit(
    without: Collection[str] = (), defaults: Mapping[str, Any] | None = None
) -> FlagGroup:
    """Defines optimizer, schedule and what else a step does.

    Args:
        without: Fields that get no flag.
        defaults: Defaults that are not the field's, by name.
    """
    names = define(FitConfig, research=True, without=without, defaults=defaults)
    return FlagGroup("Training, for experiments", names, research=True)


def define_stages() -> FlagGroup:
    """Defines where a training starts, two stages, and several devices."""
    flags.DEFINE_string(
        "initial",
        None,
        "The folder of a run of the same network, classes and features to "
        "start from, instead of from random weights: to train it further on "
        "other sound.",
    )
    flags.DEFINE_integer(
        "first_stage_epochs",
        0,
        "The number of epochs with one-bit activations and float weights in "
        "front of those with both one bit; 0 trains in one stage.",
        lower_bound=0,
    )
    flags.DEFINE_enum(
        "strategy",
        "none",
        ["none", "mirrored", "multi_worker"],
        "The strategy of tf.distribute: mirrored for several devices, "
        "multi_worker for several machines that TF_CONFIG names.",
    )
    return FlagGroup(
        "Start, stages and devices",
        ["initial", "first_stage_epochs", "strategy"],
        research=True,
    )


def define_network() -> FlagGroup:
    """Defines the settings of a network that only experiments change."""
    flags.DEFINE_enum(
        "binarizer",
        None,
        sorted(architectures.BINARIZERS),
        "Binarize as another method does (bnn, dorefa, rad, xnor, bireal, "
        "irnet), or as the authors' code does by mistake (w32a1): sets the "
        "quantizers and what belongs to them where no other flag does.",
    )
    names = [
        *define(
            FeatureParameters,
            research=True,
            defaults={
                "n_fft": None,
                "folds": None,
                "f_max": None,
                "floor": None,
            },
        ),
        *define(
            NetworkConfig,
            research=True,
            without=NO_FLAGS,
            defaults=LEFT_TO_ARCHITECTURE,
        ),
    ]
    return FlagGroup(
        "Network, for experiments (--architecture, --recipe, --binarizer and "
        "--features\nsay what has no default)",
        ["binarizer", *names],
        research=True,
    )


def define_teaching(defaults: Mapping[str, Any] | None = None) -> FlagGroup:
    """Defines a teacher that is trained first, and further losses.

    Args:
        defaults: Defaults that are not the field's, by name.
    """
    names = [
        *define(TeacherConfig, research=True),
        *define_losses(defaults=defaults).names,
    ]
    return FlagGroup(
        "Teacher and losses, for experiments", names, research=True
    )


def define_losses(
    without: Collection[str] = (), defaults: Mapping[str, Any] | None = None
) -> FlagGroup:
    """Defines losses beside the paper's.

    Args:
        without: Fields that get no flag.
        defaults: Defaults that are not the field's, by name.
    """
    names = define(
        LossConfig, research=True, without=without, defaults=defaults
    )
    return FlagGroup("Losses, for experiments", names, research=True)


def strategy() -> tf.distribute.Strategy:
    """Returns the strategy that ``--strategy`` names."""
    if flags.FLAGS.strategy == "mirrored":
        return tf.distribute.MirroredStrategy()
    if flags.FLAGS.strategy == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()
