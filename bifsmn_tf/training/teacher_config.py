"""The teacher of a distillation, as one value."""

import dataclasses
import math

from bifsmn_tf.errors import UserError
from bifsmn_tf.network import architectures
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.settings import setting
from bifsmn_tf.training.fit_config import FitConfig

_SHARED_SIZES = (
    "classes",
    "frames",
    "mels",
    "front_channels",
    "front_kernel",
    "memory_size",
    "hidden_size",
    "blocks",
    "look_back",
    "look_ahead",
    "stride_back",
    "stride_ahead",
    "streaming",
    "projection_norm",
)


@dataclasses.dataclass(frozen=True)
class TeacherConfig:
    """Which teacher there is, or how one is trained first.

    Every field says in its metadata what it is.

    Raises:
        UserError: A field has an impossible value; the message names it.
    """

    teacher: str | None = setting(
        None,
        "The folder of a trained teacher's run; by default a teacher is "
        "trained first, into RUN_DIR/teacher.",
    )
    more_teachers: tuple[str, ...] = setting(
        (),
        "The folders of further teachers' runs, separated by commas. The mean "
        "of their softened outputs and the teacher's is distilled.",
        research=True,
    )
    teacher_epochs: int = setting(
        20,
        "The number of passes over the training clips by a teacher that is "
        "trained first.",
    )
    teacher_learning_rate: float = setting(
        2e-3,
        "The highest learning rate of a teacher that is trained first.",
        research=True,
    )
    teacher_dropout: float = setting(
        0.0,
        "The dropout rate of a teacher that is trained first.",
        research=True,
    )

    def __post_init__(self) -> None:
        if self.teacher_epochs < 1:
            raise UserError(
                f"teacher_epochs must be at least 1, not {self.teacher_epochs}"
            )
        if not 0 <= self.teacher_learning_rate < math.inf:
            raise UserError(
                "teacher_learning_rate must not be negative or infinite: "
                f"{self.teacher_learning_rate}"
            )
        if not 0 <= self.teacher_dropout < 1:
            raise UserError(
                f"teacher_dropout must be in [0, 1), not {self.teacher_dropout}"
            )

    def network(self, student: NetworkConfig) -> NetworkConfig:
        """Returns a full-precision network in the student's sizes."""
        sizes = {name: getattr(student, name) for name in _SHARED_SIZES}
        return architectures.dfsmn(dropout=self.teacher_dropout, **sizes)

    def fit_config(self, student: FitConfig) -> FitConfig:
        """Returns how the teacher trains: with the student's schedule."""
        return dataclasses.replace(
            student,
            epochs=self.teacher_epochs,
            learning_rate=self.teacher_learning_rate,
            optimizer="adam",
            mixup=0.0,
            weight_average=0.0,
        )
