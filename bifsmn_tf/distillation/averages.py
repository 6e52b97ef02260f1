"""Means over an epoch that cost next to nothing in a step."""

from collections.abc import Sequence
from typing import Any

from bifsmn_tf._keras import tf


class Averages(tf.keras.metrics.Metric):
    """Means of several values over an epoch, in one variable.

    Dozens of separate Keras metrics cost more than the network's own
    operations in a step this small.

    Args:
        names: The values' names, in the order ``update_state`` gets them.
    """

    def __init__(self, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.names = list(names)
        self.sums = self.add_weight("sums", (len(names),), initializer="zeros")
        self.count = self.add_weight("count", (), initializer="zeros")

    def update_state(self, values: tf.Tensor, examples: tf.Tensor) -> None:
        """Adds the sums over some examples.

        Args:
            values: one sum for each name, (names,).
            examples: how many they are sums over, a scalar.
        """
        self.sums.assign_add(values)
        self.count.assign_add(tf.cast(examples, tf.float32))

    def reset_state(self) -> None:
        """Starts over."""
        self.sums.assign(tf.zeros_like(self.sums))
        self.count.assign(0.0)

    def result(self) -> dict[str, tf.Tensor]:
        """Returns the means by name."""
        means = tf.math.divide_no_nan(self.sums, self.count)
        return dict(zip(self.names, tf.unstack(means), strict=True))
