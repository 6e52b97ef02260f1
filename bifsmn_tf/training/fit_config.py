"""How long and how fast a network trains, as one value."""

import dataclasses
import math

from bifsmn_tf.distillation.trainer import check_step
from bifsmn_tf.errors import UserError
from bifsmn_tf.settings import setting
from bifsmn_tf.training.schedule import OPTIMIZERS
from bifsmn_tf.training.schedule import SCHEDULES

KEPT = ("best", "last")
"""Epochs that a run can keep the weights of."""


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """How long and how fast a network trains.

    Every field says in its metadata what it is.

    Raises:
        UserError: A field has an impossible value; the message names it.
    """

    epochs: int = setting(30, "The number of passes over the training clips.")
    learning_rate: float = setting(
        2e-3, "The learning rate behind the warm-up, which is the highest."
    )
    optimizer: str = setting(
        "adam",
        "The optimizer: adam, or sgd with momentum 0.9.",
        research=True,
        choices=OPTIMIZERS,
    )
    schedule: str = setting(
        "cosine",
        "What the learning rate does behind the warm-up: cosine falls to 0 "
        "along half a cosine, constant stays.",
        research=True,
        choices=SCHEDULES,
    )
    warmup_steps: int = setting(
        100,
        "The number of steps over which the learning rate rises from 0.",
        research=True,
    )
    seed: int = setting(
        0,
        "The seed of everything random in a training: weights, dropout, "
        "order, variations. The same seed gives the same network.",
    )
    mixup: float = setting(
        0.0,
        "Train on mixtures of two clips each (mixup): α of the Beta "
        "distribution that shares are drawn from; 0 mixes none.",
        research=True,
    )
    weight_average: float = setting(
        0.0,
        "The decay of a moving average of the weights, such as 0.999, which "
        "is evaluated and kept instead of them; 0 keeps none.",
        research=True,
    )

    keep: str = setting(
        "best",
        "The epoch whose weights are kept: best, the one of the highest "
        "accuracy on validation clips; or last, the one that the schedule "
        "comes to rest at, where those clips are too few, or too unlike what "
        "is heard, to choose by.",
        research=True,
        choices=KEPT,
    )

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UserError(f"epochs must be at least 1, not {self.epochs}")
        if self.warmup_steps < 0:
            raise UserError(
                f"warmup_steps must not be negative: {self.warmup_steps}"
            )
        if not 0 <= self.learning_rate < math.inf:
            raise UserError(
                "learning_rate must not be negative or infinite: "
                f"{self.learning_rate}"
            )
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("keep", KEPT),
        ):
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name} must be one of {', '.join(known)}, not "
                    f"{getattr(self, name)!r}"
                )
        check_step(self.mixup, self.weight_average)
