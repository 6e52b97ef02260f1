"""The flags that both training commands have, and what they make of them.

The flags are those of the command whose module makes a :class:`TrainingFlags`:
``--help`` lists them with its own, and a run's folder keeps all of them.
"""

from pathlib import Path
from typing import Any

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.data import datasets
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.clips import with_digital_silence
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.distillation.trainer import LossConfig
from bifsmn_tf.training import schedule
from bifsmn_tf.training.loop import FitConfig
from bifsmn_tf.training.run import AnyConfig
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder

# absl gives a flag to the nearest module on the call stack that does not say
# this: the command's.
flags.disclaim_key_flags()

# These change where or how fast a run goes, not what comes out of it.
_NOT_THE_RESULT = {"run_dir", "data_dir", "cache_dir", "threads", "teacher"}


class TrainingFlags:
    """Defines the flags: data, augmentation, losses, optimizer, run folder.

    Args:
        learning_rate: default of ``--learning_rate``.
        logit_weight: default of ``--logit_weight``.
    """

    def __init__(self, learning_rate: float, logit_weight: float):
        self._run_dir = flags.DEFINE_string(
            "run_dir",
            None,
            "Folder of the run; an unfinished one is resumed.",
            required=True,
        )
        self._dataset = flags.DEFINE_string(
            "dataset",
            "synthetic",
            "synthetic, folder, or speech_commands/CONFIG such as "
            "speech_commands/v0.02-12-official.",
        )
        self._data_dir = flags.DEFINE_string(
            "data_dir",
            None,
            "The recordings: a folder of <label>/*.wav, an extracted Speech "
            "Commands archive, or where TFDS keeps its data.",
        )
        self._cache_dir = flags.DEFINE_string(
            "cache_dir", ".cache/bifsmn_tf", "Where computed features are kept."
        )
        self._unknown_ratio = flags.DEFINE_float(
            "unknown_ratio",
            1.0,
            "Clips of 'unknown' to train on, as a multiple of one keyword's "
            "(Speech Commands, official protocol).",
            lower_bound=0,
        )
        self._digital_silence = flags.DEFINE_float(
            "digital_silence",
            0.1,
            "Share of the training clips of 'silence' that are zeros, as from "
            "a muted microphone.",
            lower_bound=0,
            upper_bound=1,
        )
        self._words = flags.DEFINE_list(
            "words",
            None,
            "Words or phrases that synthetic speech says, instead of ten "
            "commands.",
        )
        self._clips_per_word = flags.DEFINE_integer(
            "clips_per_word",
            None,
            "Clips to train on of each word of synthetic speech.",
            lower_bound=1,
        )
        self._epochs = flags.DEFINE_integer(
            "epochs", 30, "Epochs.", lower_bound=1
        )
        self._batch_size = flags.DEFINE_integer(
            "batch_size", 96, "Clips.", lower_bound=1
        )
        self._optimizer = flags.DEFINE_enum(
            "optimizer", "adam", schedule.OPTIMIZERS, "SGD has momentum 0.9."
        )
        self._learning_rate = flags.DEFINE_float(
            "learning_rate", learning_rate, "The highest.", lower_bound=0
        )
        self._schedule = flags.DEFINE_enum(
            "schedule", "cosine", schedule.SCHEDULES, "Of the learning rate."
        )
        self._warmup_steps = flags.DEFINE_integer(
            "warmup_steps",
            100,
            "Over which the rate rises from 0.",
            lower_bound=0,
        )
        self._gamma = flags.DEFINE_float(
            "gamma", 0.01, "γ of Eq. 15, the weight of the distillation."
        )
        self._logit_weight = flags.DEFINE_float(
            "logit_weight",
            logit_weight,
            "Weight of the distillation of the logits.",
        )
        self._temperature = flags.DEFINE_float(
            "temperature", 2.0, "Of the distillation of the logits."
        )
        self._label_smoothing = flags.DEFINE_float(
            "label_smoothing", 0.0, "Of the cross-entropy.", 0, 1
        )
        self._seed = flags.DEFINE_integer("seed", 0, "Of everything random.")
        self._data_seed = flags.DEFINE_integer(
            "data_seed",
            0,
            "Of what is drawn from a data set: unknown words, silence.",
        )
        self._renditions = flags.DEFINE_integer(
            "renditions",
            8,
            "Variations of each clip, computed once and cached; 0 varies anew "
            "in every epoch.",
            lower_bound=0,
        )
        self._augment = flags.DEFINE_bool(
            "augment", True, "Vary the training clips."
        )
        self._spec_mask = flags.DEFINE_integer(
            "spec_mask",
            8,
            "Largest SpecAugment mask, in frames and in mels; 0 for none.",
            lower_bound=0,
        )
        self._threads = flags.DEFINE_integer(
            "threads",
            0,
            "Of TensorFlow; 0 for one a processor.",
            lower_bound=0,
        )

    @property
    def data_seed(self) -> int:
        """Of what is drawn from a data set."""
        return self._data_seed.value

    @property
    def run(self) -> RunFolder:
        """The folder of the run."""
        return RunFolder(Path(self._run_dir.value))

    def start(self) -> None:
        """Makes TensorFlow ready: threads, and the same for the same seed."""
        if self._threads.value:
            threading = tf.config.threading
            threading.set_intra_op_parallelism_threads(self._threads.value)
            threading.set_inter_op_parallelism_threads(self._threads.value)
        tf.config.experimental.enable_op_determinism()
        set_random_seed(self._seed.value)

    def load(self, splits: tuple[str, ...] = datasets.SPLITS) -> KeywordDataset:
        """Loads the data set, some of its silence as zeros to train on.

        Args:
            splits: those that are needed.
        """
        dataset = datasets.load(
            self._dataset.value,
            self._data_dir.value,
            splits=splits,
            cache_dir=self._cache_dir.value,
            **self._options(),
        )
        return with_digital_silence(dataset, self._digital_silence.value)

    def _options(self) -> dict[str, Any]:
        """The data set's, as far as they differ from its defaults.

        ``evaluate`` repeats them.
        """
        options: dict[str, Any] = {}
        if self._data_seed.value:
            options["seed"] = self._data_seed.value
        if self._dataset.value.startswith("speech_commands"):
            options["unknown_ratio"] = self._unknown_ratio.value
        if self._dataset.value == "synthetic":
            if self._words.value:
                options["words"] = list(self._words.value)
            if self._clips_per_word.value:
                options["clips_per_word"] = self._clips_per_word.value
        return options

    def pipeline(self, clips, noise, features, **others) -> TrainingPipeline:
        """Training batches of clips, augmented.

        Args:
            clips: to train on.
            noise: to mix in.
            features: how sound becomes what the network reads.
            **others: what the pipeline takes, instead of what the flags say.
        """
        mask = self._spec_mask.value
        settings: dict[str, Any] = {
            "batch_size": self._batch_size.value,
            "seed": self._seed.value,
            "copies": self._renditions.value,
            "cache_dir": self._cache_dir.value,
            "spec_augment": SpecAugmentParameters(mask, mask) if mask else None,
        }
        return TrainingPipeline(
            clips,
            noise,
            features,
            AugmentationParameters() if self._augment.value else None,
            **(settings | others),
        )

    def loss_config(self, distillation: str, **others) -> LossConfig:
        """What is minimised.

        Args:
            distillation: the method.
            **others: settings that have no flag here.
        """
        return LossConfig(
            distillation=distillation,
            gamma=self._gamma.value,
            logit_weight=self._logit_weight.value,
            temperature=self._temperature.value,
            label_smoothing=self._label_smoothing.value,
            **others,
        )

    def fit_config(self, **others) -> FitConfig:
        """How long and how fast.

        Args:
            **others: settings that have no flag here.
        """
        return FitConfig(
            epochs=self._epochs.value,
            optimizer=self._optimizer.value,
            learning_rate=self._learning_rate.value,
            schedule=self._schedule.value,
            warmup_steps=self._warmup_steps.value,
            seed=self._seed.value,
            **others,
        )

    def run_config(
        self,
        network: AnyConfig,
        dataset: KeywordDataset,
        features,
        pipeline: TrainingPipeline,
    ) -> RunConfig:
        """What trains on what, with every flag that changes the outcome."""
        return RunConfig(
            network=network,
            label_names=dataset.label_names,
            features=features,
            statistics=pipeline.statistics,
            dataset={"name": self._dataset.value, "options": self._options()},
            training=cli.flag_values(without=_NOT_THE_RESULT),
        )
