"""What the distillation asks of a network, whatever its architecture."""

from collections.abc import Sequence
from typing import Any
from typing import Protocol

from bifsmn_tf._keras import tf


class StudentConfig(Protocol):
    """The sizes of a network that is trained or that teaches."""

    @property
    def classes(self) -> int:
        """The number of outputs of the classifier."""

    @property
    def frames(self) -> int:
        """The number of frames in one clip."""

    @property
    def mels(self) -> int:
        """The number of features in one frame."""

    @property
    def deltas(self) -> tuple[int, ...]:
        """The intervals δ of Eq. 12, one a depth."""

    @property
    def blocks(self) -> int:
        """The number of states that a distillation can compare."""

    @property
    def memory_size(self) -> int:
        """The number of channels of these states."""

    @property
    def dropout(self) -> float:
        """The rate of dropout; 0 if a step needs no seed."""

    @property
    def distribution_weight(self) -> float:
        """The weight of RAD's loss on the distribution of what is signed."""

    def variants(self, block: int) -> tuple[int, ...]:
        """Returns the depths that run through a block, by their index."""


class Student(Protocol):
    """A network that a training step can update, or a teacher."""

    trainable: bool

    @property
    def config(self) -> StudentConfig:
        """The network's sizes."""

    @property
    def weights(self) -> Sequence[tf.Variable]:
        """All variables, in an order that the configuration fixes."""

    @property
    def trainable_variables(self) -> Sequence[tf.Variable]:
        """The variables that an optimizer updates."""

    @property
    def submodules(self) -> Sequence[Any]:
        """All layers, at any depth."""

    def forward(
        self, features: tf.Tensor, dropout_seed: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], dict[int, tf.Tensor]]:
        """Runs all depths in training mode.

        Args:
            features: normalised, (batch, time, mels).
            dropout_seed: int32 (2,), new for each step; ``None`` drops
                nothing.

        Returns:
            The logits of each depth, (batch, classes), and the states by
            block number from 1, (batch, time, depths, channels).
        """

    def infer(
        self, features: tf.Tensor, delta: int
    ) -> tuple[tf.Tensor, dict[int, tf.Tensor]]:
        """Runs one depth in inference mode.

        Args:
            features: normalised, (batch, time, mels).
            delta: one of the configuration's δ.

        Returns:
            The logits, (batch, classes), and the states by block number
            from 1, (batch, time, channels).
        """

    def distribution_loss(self) -> tf.Tensor:
        """Returns RAD's weighted loss of what :meth:`forward` saw, a scalar.

        Only a network whose ``distribution_weight`` is not 0 is asked.
        """
