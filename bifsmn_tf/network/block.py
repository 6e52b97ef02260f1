"""A block of the network: a memory and two pointwise layers (Eq. 3, 4)."""

from collections.abc import Sequence

from bifsmn_tf._keras import tf
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.stage import Stage
from bifsmn_tf.network.stage import make_stages
from bifsmn_tf.network.stage import train
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import Node


class Block(tf.keras.layers.Layer):
    """One D-FSMN block, at all depths that run through it.

    Args:
        config: The network's settings.
        ordered: Its nodes.
    """

    def __init__(self, config: NetworkConfig, ordered: Sequence[Node]):
        super().__init__(name=f"block{ordered[0].block}")
        self._nodes = tuple(ordered)
        self._stages = list(make_stages(config, ordered).values())
        self._dropout = config.dropout
        self.number = ordered[0].block
        self.depths = ordered[0].depths

    @property
    def stages(self) -> dict[str, Stage]:
        """The stages by their nodes' names, in order."""
        return {stage.node.name: stage for stage in self._stages}

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Builds the stages."""
        for stage in self._stages:
            stage.build()
        super().build(input_shape)

    def call(
        self, inputs: tf.Tensor, dropout_seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Maps (batch, time, variants, channels) to it, in training."""
        regularizers = {}
        if dropout_seed is not None and self._dropout:
            pointwise = [n for n in self._nodes if n.kind is Kind.POINTWISE]
            for salt, node in enumerate(pointwise):
                regularizers[node.name] = lambda x, salt=salt: dropout(
                    x, self._dropout, dropout_seed, salt
                )
        values = {self._nodes[0].reads: inputs}
        return train(self._nodes, self.stages, values, regularizers)


def dropout(
    x: tf.Tensor, rate: float, seed: tf.Tensor | None, salt: int
) -> tf.Tensor:
    """Returns inverted dropout that depends on nothing but its seed.

    Args:
        x: Any shape.
        rate: The share that is dropped, in [0, 1).
        seed: int32 (2,), or None to drop nothing.
        salt: Tells uses of the same seed apart.
    """
    if seed is None or not rate:
        return x
    return tf.nn.experimental.stateless_dropout(
        x, rate, seed=seed + [0, 1000 * (salt + 1)]
    )
