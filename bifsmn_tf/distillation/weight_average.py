"""A moving average of a network's weights, as a network of its own."""

from typing import Any

import numpy as np

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.student import Student
from bifsmn_tf.network.layers import VariantNorm


class WeightAverage:
    """Keeps an exponential moving average of the weights in training.

    Args:
        student: The network in training; made within the distribution
            strategy's scope, as the average is.
        decay: The share of the average that an update leaves, in (0, 1).

    Attributes:
        network: A network with the averaged weights, which no optimizer sees.
            :meth:`estimate_statistics` gives it the statistics of its norms.
    """

    def __init__(self, student: Student, decay: float) -> None:
        self._student = student
        self._decay = decay
        self.network: Any = _copy(student)

    def update(self, updates: tf.Variable) -> None:
        """Moves the average towards the weights, after an update of them.

        The first steps move it faster: of few steps, the last ones count.

        Args:
            updates: how many there were, a scalar.
        """

        # AutoGraph does not know larq's variables, and warns of each.
        @tf.autograph.experimental.do_not_convert
        def merged(strategy: tf.distribute.Strategy) -> None:
            step = tf.cast(updates, tf.float32)
            decay = tf.minimum(self._decay, step / (9.0 + step))
            for mine, its in zip(
                self.network.trainable_variables,
                self._student.trainable_variables,
                strict=True,
            ):
                strategy.extended.update(
                    mine,
                    lambda average, weight: average.assign_sub(
                        (average - weight) * (1.0 - decay)
                    ),
                    args=(its,),
                )

        tf.distribute.get_replica_context().merge_call(merged)

    def estimate_statistics(
        self, batches: tf.data.Dataset, strategy: tf.distribute.Strategy
    ) -> None:
        """Measures what the norms of the averaged network get to see.

        An average of one-bit networks' weights is another network, whose signs
        are nobody's: moving statistics of the ones that were trained are not
        its own. These are means over whole batches of those of each batch,
        without dropout and mixup.

        Args:
            batches: features first in each, such as pairs with labels.
            strategy: The one that the network was made in.
        """
        statistics = [
            variable
            for norm in _norms(self.network)
            for variable in (norm.moving_mean, norm.moving_variance)
        ]
        sums = [np.zeros(v.shape, np.float64) for v in statistics]
        count = 0
        for features, *_ in strategy.experimental_distribute_dataset(batches):
            self._observe(strategy, features)
            for total, variable in zip(sums, statistics, strict=True):
                total += variable.numpy()
            count += 1
        for total, variable in zip(sums, statistics, strict=True):
            variable.assign((total / count).astype(np.float32))

    @tf.function
    def _observe(
        self, strategy: tf.distribute.Strategy, features: tf.Tensor
    ) -> None:
        strategy.run(self.network.forward, args=(features,))


def _norms(network: Student) -> list[VariantNorm]:
    return [m for m in network.submodules if isinstance(m, VariantNorm)]


def _copy(network: Student) -> Any:
    """Returns a network with the same weights and norms without memory."""
    make: Any = type(network)
    copy = make(network.config)
    for mine, its in zip(copy.weights, network.weights, strict=True):
        mine.assign(its)
    for norm in _norms(copy):
        # What a batch has, not a moving average.
        norm.momentum = 0.0
    return copy
