"""Where the layers of a streaming network find what went before.

A layer with a history reads more frames than a step brings. In a file they come
from the tensor ``state``, which every step takes and gives; in one pass over a
whole recording they stand in front already.
"""

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.model_file import graph as graphs
from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.packing import words_for
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import Node
from bifsmn_tf.network.topology import nodes


class Past(Protocol):
    """What gives a layer its history."""

    def window(
        self, name: str, new: graphs.Tensor, frames: int
    ) -> graphs.Tensor:
        """Returns new frames behind those that went before.

        Args:
            name: The name of what reads them.
            new: The new frames, (1, frames, ...).
            frames: How many earlier ones are wanted.
        """

    def newest(self, values: graphs.Tensor, frames: int) -> graphs.Tensor:
        """Returns the last frames of (1, frames, ...)."""


class StatePast:
    """Keeps the past in the tensor ``state`` of a signature.

    Args:
        graph: The subgraph of a step.
        parts: The bytes of each part of the state, in order.
    """

    def __init__(self, graph: graphs.Subgraph, parts: Mapping[str, int]):
        self._graph = graph
        self._parts = parts
        shape = (1, sum(parts.values()))
        self._state = graph.input(signatures.STATE, shape, np.int8)
        self._windows: list[graphs.Tensor] = []
        self._frames: list[int] = []
        self._offset = 0

    def window(
        self, name: str, new: graphs.Tensor, frames: int
    ) -> graphs.Tensor:
        """Adds an op that reads the state; see :class:`Past`."""
        op = ops.History(offset=self._offset, frames=frames)
        (spec,) = op.output_specs(self._state, new)
        (window,) = self._graph.custom_op(
            op, [self._state, new], [(f"{name}/window", *spec)]
        )
        self._windows.append(window)
        self._frames.append(frames)
        self._offset += self._parts[name]
        return window

    def newest(self, values: graphs.Tensor, frames: int) -> graphs.Tensor:
        """Returns the frames of a step, which are all there are."""
        assert values.shape[1] == frames
        return values

    def finish(self) -> None:
        """Adds the output ``state``: the newest frames of all windows."""
        op = ops.StreamState(frames=tuple(self._frames))
        (spec,) = op.output_specs(*self._windows)
        (state,) = self._graph.custom_op(
            op, self._windows, [(signatures.STATE, *spec)]
        )
        assert state.shape == self._state.shape
        self._graph.output(signatures.STATE, state)


def state_parts(
    config: NetworkConfig,
    delta: int,
    precision: Precision,
    sound: tuple[int, int] | None,
) -> dict[str, int]:
    """Returns the bytes of the parts of a depth's state, in order.

    Args:
        config: The settings of a streaming network.
        delta: The depth.
        precision: How the file's numbers are stored.
        sound: How many samples are kept, and the bytes of one; None where a
            step takes features.
    """
    parts = {}
    if sound is not None:
        parts[signatures.AUDIO] = _aligned(math.prod(sound))
    for node in nodes(config, delta):
        if node.history:
            size = node.history * _frame_bytes(config, node, precision)
            parts[node.name] = _aligned(size)
    return parts


def _frame_bytes(
    config: NetworkConfig, node: Node, precision: Precision
) -> int:
    """Returns the bytes of a frame that a layer reads."""
    _, bands, channels = node.input_shape
    if node.kind is Kind.FIRST_CONVOLUTION:
        return 4 * bands * channels
    if node.kind is Kind.CLASSIFIER:
        return (2 if precision.residual == "int16" else 4) * channels
    if config.binary and node.bits <= 2:
        return node.bits * 2 * bands * words_for(channels)
    return node.bits // 8 * bands * channels


def _aligned(size: int) -> int:
    """Returns the size of a part with what fills it up."""
    return -(-size // ops.STATE_ALIGNMENT) * ops.STATE_ALIGNMENT
