"""A network in the arithmetic of its file, in TensorFlow.

What :func:`~bifsmn_tf.conversion.binary.convert_binary` writes by default
computes the residual stream in 16-bit integers and the classifier with 8-bit
weights. :class:`ShortNetwork` computes the same numbers from the trained
network, bit for bit, in batches and without a runtime.
"""

import numpy as np

from bifsmn_tf._keras import tf
from bifsmn_tf.conversion import residual as short_stream
from bifsmn_tf.conversion.binary import sign_threshold
from bifsmn_tf.conversion.binary import stream_stage
from bifsmn_tf.conversion.binary import stream_step
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.fsmn import Stage


class ShortNetwork:
    """Inference of a binary network in integers.

    Args:
        network: with trained weights.

    Raises:
        ValueError: the network cannot be converted.
    """

    def __init__(self, network: FSMN):
        self._network = network
        self._step = stream_step(network)

    def infer(self, features: tf.Tensor, delta: int) -> tf.Tensor:
        """Logits of one depth.

        Args:
            features: normalised log-mel, (batch, time, mels).
            delta: one of the network's δ.

        Returns:
            float32 (batch, classes), as the file's signature gives them.
        """
        network = self._network
        variant = network.config.deltas.index(delta)
        blocks = [block for _, block in network.running_blocks(delta)]
        stream, signs = self._front_end(features, blocks[0].memory, variant)
        for block, following in zip(blocks, [*blocks[1:], None], strict=True):
            for memory, successor in zip(
                block.memories,
                [*block.memories[1:], block.expand],
                strict=True,
            ):
                stream, signs = (
                    x[:, :, 0]
                    for x in self._add(
                        memory,
                        signs[:, :, tf.newaxis],
                        successor,
                        variant,
                        stream[:, :, tf.newaxis],
                    )
                )
            # Signs are the same whether folded or in floats.
            hidden = block.expand.infer_signs(signs, variant)
            stream, signs = self._add(
                block.shrink,
                _signs(block.shrink, hidden, variant),
                following.memory if following else None,
                variant,
                stream,
            )
        return self._classify(stream)

    def _front_end(
        self, features: tf.Tensor, successor: Stage, variant: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As :meth:`_add`, of what starts the stream."""
        network = self._network
        frames = network.config.memory_frames
        first = network.conv1.infer(features[..., tf.newaxis], 0)
        inputs = [conv2.infer(first, 0) for conv2, _ in network.branches]
        if network.front_skip:
            inputs.append(first[:, ::2])
        stream = signs = None
        for stage, x in zip(network.starts, inputs, strict=True):
            integers = (
                stage.rounding.integers(x)
                if stage.rounding
                else _signs(stage, x, 0)
            )
            integers = tf.reshape(
                integers, (-1, frames, x.shape[-2] * x.shape[-1])
            )
            stream, signs = self._add(
                stage, integers, successor, variant, stream
            )
        return stream, signs

    def _add(
        self,
        stage: Stage,
        integers: tf.Tensor,
        successor: Stage | None,
        variant: int,
        residual: tf.Tensor | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The stream behind a stage (int32), and the signs seen next."""
        short = stream_stage(stage, variant)
        channels = len(short.epilogue.scale)
        threshold = (
            sign_threshold(successor, variant)
            if successor
            else np.zeros(channels, np.float32)
        )
        if short.multiplies:
            scale, offset, slope, limit = short_stream.parameters(
                short, threshold, self._step
            ).astype(np.int32)
            dot = tf.cast(stage.linear.integer_dot(integers), tf.int32)
            u = _multiply_high(dot * (1 << short.shift), scale) + offset
            u = _saturated(u)
            y = _saturated(u + _multiply_high(tf.minimum(u, 0), slope))
        else:
            limit = short_stream.limit(threshold, self._step).astype(np.int32)
            y = stage.infer_signs(integers, 0) * np.float32(1 / self._step)
            y = _saturated(tf.cast(tf.round(y), tf.int32))
        if residual is not None:
            y = _saturated(residual + y)
        return y, tf.where(y < limit, -1.0, 1.0)

    def _classify(self, stream: tf.Tensor) -> tf.Tensor:
        classifier = self._network.classifier
        weights, (scale, bias) = short_stream.dense(
            classifier.kernel.numpy().T, classifier.bias.numpy(), self._step
        )
        flat = tf.reshape(stream, (-1, weights.shape[1]))
        # float64 holds every sum.
        sums = tf.matmul(
            tf.cast(flat, tf.float64),
            weights.astype(np.float64),
            transpose_b=True,
        )
        return tf.cast(sums, tf.float32) * scale + bias


def _signs(stage: Stage, x: tf.Tensor, variant: int) -> tf.Tensor:
    assert stage.sign is not None
    return stage.sign.apply(x, variant)


def _multiply_high(a: tf.Tensor, b: np.ndarray) -> tf.Tensor:
    return tf.bitwise.right_shift(a * b + (1 << 14), 15)


def _saturated(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, -32768, 32767)
