"""Hints: what a pretrained embedding hears, told from a network's states.

FitNets (Romero et al., arXiv:1412.6550): a layer that only training has is to
tell a larger network's representation from the smaller one's, so that the
smaller one keeps what the larger one found to matter. A network that is taught
by a few synthetic speakers alone keeps what tells words apart in those only.
"""

from typing import Protocol

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.student import StudentConfig
from bifsmn_tf.network.stage import newest

SIZE = 128
"""Numbers in a hint."""


class ReaderConfig(StudentConfig, Protocol):
    """The sizes of a network whose classifier reads its newest states."""

    @property
    def memory_frames(self) -> int:
        """The number of states that a decision reads."""


class Hints(tf.Module):
    """Tells embeddings from the states that the classifier reads.

    Args:
        config: The sizes of the network whose states they are.
    """

    def __init__(self, config: ReaderConfig) -> None:
        super().__init__(name="hints")
        self._config = config
        self._width = config.memory_frames * config.memory_size
        self._layer = tf.keras.layers.Dense(SIZE, name="hints")
        self._layer.build((None, self._width))

    def errors(
        self, states: dict[int, tf.Tensor], hints: tf.Tensor
    ) -> list[tf.Tensor]:
        """Returns the mean squared error, (batch,) for each depth.

        Args:
            states: by block number from 1, (batch, time, depths, channels), as
                ``Student.forward`` gives them.
            hints: what is to be told, (batch, :data:`SIZE`).
        """
        config = self._config
        errors = []
        for depth in range(len(config.deltas)):
            last = max(n for n in states if depth in config.variants(n))
            column = config.variants(last).index(depth)
            read = newest(states[last][:, :, column], config.memory_frames)
            told = self._layer(tf.reshape(read, (-1, self._width)))
            errors.append(tf.reduce_mean(tf.square(told - hints), axis=1))
        return errors
