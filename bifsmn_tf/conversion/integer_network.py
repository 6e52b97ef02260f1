"""A network in the arithmetic of its file, in TensorFlow.

What :func:`~bifsmn_tf.conversion.binary.convert_binary` writes by default
computes the residual in 16-bit integers and the classifier with 8-bit weights.
:class:`IntegerNetwork` computes the same numbers from the same exported
weights, bit for bit, in batches and without a runtime.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bifsmn_tf._keras import tf
from bifsmn_tf.conversion import residual
from bifsmn_tf.conversion.convertible import check_convertible
from bifsmn_tf.network.export import Epilogue
from bifsmn_tf.network.export import ExportedStage
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.layers import FirstConv2D
from bifsmn_tf.network.quantizers.int8 import STEPS
from bifsmn_tf.network.stage import aligned
from bifsmn_tf.network.stage import newest
from bifsmn_tf.network.topology import FEATURES
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import Operation
from bifsmn_tf.network.topology import operations


class IntegerNetwork:
    """Computes a binary network in integers.

    Args:
        network: A network with trained weights.

    Raises:
        UserError: The network cannot be converted.
    """

    def __init__(self, network: FSMN):
        check_convertible(network)
        self._stages = network.stages
        self._exported = network.export()
        self._step = residual.step_of(self._exported)

    def infer(self, features: tf.Tensor, delta: int) -> tf.Tensor:
        """Computes the logits of one depth.

        Args:
            features: Normalised log-mel, (batch, time, mels).
            delta: One of the network's δ.

        Returns:
            float32 (batch, classes), as the file's signature gives them; of a
            streaming network those of the newest decision.
        """
        values = self._residual(features, delta)
        frames = self._exported.config.memory_frames
        return self._classify(newest(values, frames))

    def decisions(self, features: tf.Tensor, delta: int) -> tf.Tensor:
        """Computes every decision of a stretch of a stream in one pass.

        Args:
            features: Normalised log-mel, (batch, time, mels), of at least
                ``input_frames`` frames.
            delta: One of the network's δ.

        Returns:
            float32 (batch, decisions, classes): the last one at the last
            frame, the others ``step_frames`` apart.
        """
        values = self._residual(features, delta)
        frames = self._exported.config.memory_frames
        count = values.shape[1] - frames + 1
        return tf.stack(
            [self._classify(values[:, i : i + frames]) for i in range(count)],
            axis=1,
        )

    def _residual(self, features: tf.Tensor, delta: int) -> tf.Tensor:
        """Returns what the classifier reads, (batch, time, 1, channels)."""
        first = FirstConv2D.integer_features(features[..., tf.newaxis])
        inputs = {FEATURES: first}
        residuals: dict[str, tf.Tensor] = {}
        for operation in operations(self._exported.config, delta):
            node = operation.node
            if node.kind is Kind.CLASSIFIER:
                break
            stage = self._exported.stage(node, delta)
            follower = (
                self._exported.stage(operation.follower, delta)
                if operation.follower
                else None
            )
            read = inputs.get(node.name, first)
            dot = self._dot(operation, stage, read)
            if node.writes_residual:
                before = residuals[node.adds_to] if node.adds_to else None
                threshold = follower.threshold if follower else None
                values, quantized = self._add(stage, dot, before, threshold)
                residuals[node.name] = values
            else:
                assert follower is not None
                # Signs are the same whether folded or in floats.
                quantized = _quantize(_apply(stage.epilogue, dot), follower)
            for reader in operation.readers:
                inputs[reader.name] = quantized
        return residuals[node.reads]

    def _dot(
        self, operation: Operation, stage: ExportedStage, read: tf.Tensor
    ) -> tf.Tensor:
        """Returns sums of products of integers, as float32."""
        keras = self._stages[operation.node.name]
        integers = tf.constant(stage.integers, tf.float32)
        return keras.linear.dot(keras.join(keras.select(read)), integers)

    def _add(
        self,
        stage: ExportedStage,
        dot: tf.Tensor,
        before: tf.Tensor | None,
        threshold: npt.NDArray | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the residual behind a stage (int32), and its levels."""
        adding = residual.ResidualStage.of(stage)
        if threshold is None:
            threshold = np.zeros_like(stage.epilogue.scale)
        if adding.multiplies:
            scale, offset, slope, *limit = residual.parameters(
                adding, threshold, self._step
            ).astype(np.int32)
            products = tf.cast(dot, tf.int32) * (1 << adding.shift)
            u = _saturated(_multiply_high(products, scale) + offset)
            y = _saturated(u + _multiply_high(tf.minimum(u, 0), slope))
        else:
            limits = residual.limit(threshold, self._step).astype(np.int32)
            limit = list(np.atleast_2d(limits))
            y = _apply(stage.epilogue, dot) * np.float32(1 / self._step)
            y = _saturated(tf.cast(tf.round(y), tf.int32))
        y, before = aligned(y, before)
        if before is not None:
            y = _saturated(before + y)
        return y, _levels(y, limit)

    def _classify(self, values: tf.Tensor) -> tf.Tensor:
        weights, (scale, bias) = residual.dense(
            self._exported.classifier_weights.T,
            self._exported.classifier_bias,
            self._step,
        )
        flat = tf.reshape(values, (-1, weights.shape[1]))
        # float64 holds every sum.
        sums = tf.matmul(
            tf.cast(flat, tf.float64),
            weights.astype(np.float64),
            transpose_b=True,
        )
        return tf.cast(sums, tf.float32) * scale + bias


def _apply(epilogue: Epilogue, dot: tf.Tensor) -> tf.Tensor:
    """Returns what a stage makes of its products, in floats."""
    x = dot * epilogue.scale + epilogue.offset
    return tf.where(x >= 0, x, x * epilogue.slope)


def _quantize(x: tf.Tensor, follower: ExportedStage) -> tf.Tensor:
    """Returns what a stage multiplies of ``x``: signs or 8-bit integers."""
    if follower.input_inverse_step is not None:
        steps = tf.round(x * np.float32(follower.input_inverse_step))
        return tf.clip_by_value(steps, -STEPS, STEPS - 1)
    assert follower.threshold is not None
    return _levels(x, np.atleast_2d(follower.threshold))


def _levels(x: tf.Tensor, thresholds: Iterable[npt.NDArray]) -> tf.Tensor:
    """Returns the sum of signs: of one threshold -1 or 1, of three a level."""
    return tf.add_n([tf.where(x >= t, 1.0, -1.0) for t in thresholds])


def _multiply_high(a: tf.Tensor, b: npt.NDArray[np.int32]) -> tf.Tensor:
    return tf.bitwise.right_shift(a * b + (1 << 14), 15)


def _saturated(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, -32768, 32767)
