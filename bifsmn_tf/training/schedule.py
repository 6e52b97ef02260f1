"""Optimizers and learning-rate schedules by name."""

import math
from collections.abc import Mapping
from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.network import fused

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("cosine", "constant")


class Schedule(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, then a constant rate or half a cosine down to 0.

    A function of the optimizer's step alone, so that a resumed run goes on
    exactly where it was.

    Args:
        rate: The highest learning rate.
        steps: The number of steps in the whole training.
        warmup_steps: The number of steps over which the rate rises from 0.
        kind: ``"cosine"`` or ``"constant"``.

    Raises:
        ValueError: There is no such kind.
    """

    def __init__(
        self, rate: float, steps: int, warmup_steps: int, kind: str
    ) -> None:
        if kind not in SCHEDULES:
            raise ValueError(f"unknown schedule {kind!r}: one of {SCHEDULES}")
        self.rate = rate
        self.steps = steps
        self.warmup_steps = warmup_steps
        self.kind = kind

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns the rate of a step, counted from 0."""
        step = tf.cast(step, tf.float32)
        rate = tf.constant(self.rate, tf.float32)
        if self.kind == "cosine":
            progress = tf.minimum(step / max(self.steps, 1), 1.0)
            rate *= 0.5 * (1.0 + tf.cos(math.pi * progress))
        return rate * tf.minimum((step + 1.0) / max(self.warmup_steps, 1), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this schedule again."""
        return {
            "rate": self.rate,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
            "kind": self.kind,
        }


class Adam(tf.keras.optimizers.legacy.Adam):
    """Keras's Adam, whose updates wake no threads."""

    def _resource_apply_dense(
        self,
        grad: tf.Tensor,
        var: tf.Variable,
        apply_state: Mapping[Any, Any] | None = None,
    ) -> tf.Operation:
        if (
            self.amsgrad
            or apply_state is None
            or not fused.enabled()
            or var.dtype != tf.float32
        ):
            return super()._resource_apply_dense(grad, var, apply_state)
        values = apply_state[(var.device, var.dtype.base_dtype)]
        return fused.adam(
            var,
            self.get_slot(var, "m"),
            self.get_slot(var, "v"),
            grad,
            rate=values["lr"],
            epsilon=values["epsilon"],
            beta1=values["beta_1_t"],
            beta2=values["beta_2_t"],
        )


def make_optimizer(
    name: str, schedule: Schedule
) -> tf.keras.optimizers.Optimizer:
    """Makes Adam, or SGD with momentum 0.9.

    Keras's older implementations: they update a variable in one operation,
    the newer ones in ten, and there are 136 variables.

    Args:
        name: ``"adam"`` or ``"sgd"``.
        schedule: The learning rate of each step.

    Raises:
        ValueError: There is no such optimizer.
    """
    if name == "adam":
        return Adam(schedule)
    if name == "sgd":
        return tf.keras.optimizers.legacy.SGD(schedule, momentum=0.9)
    raise ValueError(f"unknown optimizer {name!r}: one of {OPTIMIZERS}")
