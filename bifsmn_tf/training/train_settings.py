"""What the flags of the training command say, checked before it takes time."""

import dataclasses

from absl import flags

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.speech_embedding import SpeechEmbedding
from bifsmn_tf.data.synthetic import texts
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.training import recipes
from bifsmn_tf.training import research_flags
from bifsmn_tf.training.data_config import DataConfig
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.flags import start
from bifsmn_tf.training.generated_flags import given
from bifsmn_tf.training.generated_flags import read
from bifsmn_tf.training.sound_config import SoundConfig
from bifsmn_tf.training.teacher_config import TeacherConfig

FLAGS = flags.FLAGS


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the flags say, checked before anything takes time.

    Attributes:
        data: Which recordings are read and varied.
        sound: What is heard beside them, and where.
        features: What the networks read of them.
        student: The network to train, with one class.
        teacher: Which teacher there is, or how one is trained first.
        loss: What the student minimises.
        fit: How long and how fast it trains.
        first_stage_epochs: Epochs with float weights before; 0 for none.
        initial: The folder of a run to start from.
        rate: The false accepts per hour to deploy for; None to deploy nothing.
        strategy: The devices to train on.
    """

    data: DataConfig
    sound: SoundConfig
    features: FeatureParameters
    student: NetworkConfig
    teacher: TeacherConfig
    loss: LossConfig
    fit: FitConfig
    first_stage_epochs: int
    initial: str | None
    rate: float | None
    strategy: tf.distribute.Strategy

    @property
    def mining_epochs(self) -> int:
        """Epochs after which the network itself is asked for what wakes it."""
        if self.loss.needs_teacher:
            return self.sound.student_mining_epochs
        return self.sound.mining_epochs


def _recipe() -> recipes.Recipe:
    """Returns the recipe, which networks in full precision have not."""
    if ARCHITECTURES[FLAGS.architecture](classes=1).binary:
        return recipes.RECIPES[FLAGS.recipe]
    for name in ("recipe", "binarizer"):
        if FLAGS[name].present:
            raise UserError(
                f"{name} is a choice of binary networks, and "
                f"--architecture={FLAGS.architecture} is full precision: "
                f"leave --{name} out, or choose --architecture=bifsmn"
            )
    return recipes.NO_RECIPE


def _of_full_precision(loss: LossConfig, teacher: TeacherConfig) -> LossConfig:
    """Returns the losses of a network that no teacher is trained for."""
    if teacher.teacher is None:
        if teacher.more_teachers:
            raise UserError(
                "more_teachers teach beside another: give a network in full "
                "precision a --teacher as well"
            )
        return loss.alone()
    if loss.distils_states or not loss.logit_weight:
        raise UserError(
            "teacher: a network in full precision learns from its logits "
            "alone: give --distillation=none and a --logit_weight, or no "
            "--teacher"
        )
    return loss


def _check_embedding(
    student: NetworkConfig, data: DataConfig, fit_config: FitConfig
) -> None:
    """Checks that a network can learn from who hears embeddings."""
    if not student.streaming:
        raise UserError(
            "embedding_weight is for networks that read a stream: choose "
            "--architecture=bifsmn_stream"
        )
    if not (data.augment and data.renditions):
        raise UserError(
            "embedding_weight: what is heard is computed once for each "
            "variation of the clips: augment them, with --renditions of 1 or "
            "more"
        )
    if fit_config.mixup:
        raise UserError(
            "embedding_weight: nobody hears clips that are mixed: leave out "
            "--mixup"
        )
    # Before time is spent: it says so if its package is missing.
    SpeechEmbedding()


def read_settings() -> Settings:
    """Reads the flags, and makes TensorFlow ready for what they say.

    Raises:
        UserError: A setting is impossible, or settings exclude each other.
    """
    recipe = _recipe()
    fit_config = read(FitConfig, **recipe.fit)
    # A quantizer may have TensorFlow's first operation, which fixes threads
    # and devices.
    start(fit_config.seed)
    strategy = research_flags.strategy()
    features = dataclasses.replace(
        recipes.FEATURES[FLAGS.features], **given(FeatureParameters)
    )
    student = recipes.student(
        FLAGS.architecture,
        features,
        recipe,
        FLAGS.binarizer,
        **given(NetworkConfig),
    )
    teacher = read(TeacherConfig)
    loss = read(LossConfig, **recipe.loss)
    if not student.binary:
        loss = _of_full_precision(loss, teacher)
    loss.weights_by_depth(student.deltas)
    if FLAGS.first_stage_epochs and not student.one_bit_weights:
        raise UserError(
            "first_stage_epochs is for one-bit weights, which "
            f"--architecture={FLAGS.architecture} "
            f"--kernel_quantizer={student.kernel_quantizer} has not"
        )
    starts = ("first_stage_epochs", "mining_epochs", "initial")
    given_starts = [name for name in starts if FLAGS[name].value]
    if len(given_starts) > 1:
        raise UserError(
            f"{' and '.join(given_starts)} each say what a training starts "
            "from: leave one of them out"
        )
    if teacher.more_teachers and not loss.logit_weight:
        raise UserError("more_teachers teach logits alone: give a logit_weight")
    sound = read(SoundConfig)
    if FLAGS.false_accepts_per_hour is not None:
        if not (student.streaming and student.binary):
            raise UserError(
                "false_accepts_per_hour is for one-bit networks that read a "
                "stream: choose --architecture=bifsmn_stream"
            )
        if not (sound.spoken_minutes or sound.validation_negatives):
            raise UserError(
                "false_accepts_per_hour is told from speech without a "
                "keyword: give --validation_negatives or --spoken_minutes"
            )
    data = read(DataConfig, **recipe.data)
    if sound.student_mining_epochs and not loss.needs_teacher:
        raise UserError(
            "student_mining_epochs is for a network that has a teacher: this "
            "one is asked itself, after mining_epochs"
        )
    if loss.hears_embeddings:
        _check_embedding(student, data, fit_config)
    if data.phrase_seconds != 1 and not student.streaming:
        raise UserError(
            "phrase_seconds is for networks that read a stream: choose "
            "--architecture=bifsmn_stream"
        )
    if data.dataset == "synthetic" and FLAGS.false_accepts_per_hour is not None:
        texts.check_phrases(data.words or KEYWORDS)
    return Settings(
        data,
        sound,
        features,
        student,
        teacher,
        loss,
        fit_config,
        FLAGS.first_stage_epochs,
        FLAGS.initial,
        FLAGS.false_accepts_per_hour,
        strategy,
    )
