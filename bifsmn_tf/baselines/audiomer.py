"""Audiomer: convolutions with attention in between, on the waveform itself.

S. K. Sahu et al., *Audiomer: A Convolutional Transformer for Keyword Spotting*
(arXiv:2109.10252). Each block halves the time. Its queries are a separable
convolution of stride 2, its context another of stride 4, both with squeeze and
excitation; attention of one to the other and a gated feed-forward layer follow,
and a strided convolution goes around all of it. A learned piece of sound is put
in front of the clip; the classifier reads the first position in the end.

The attention is that of K. Choromanski et al., *Rethinking Attention with
Performers* (arXiv:2009.14794): the softmax kernel by positive orthogonal random
features, so that its cost grows with the length and not with its square.

Axes are (batch, time, 1, channels). Time is padded as in the authors' code, on
both sides, so that the first position, which the classifier reader, lies in the
padding of the convolutions: all that it knows of the clip comes by attention.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.layers import FULL_PRECISION
from bifsmn_tf.baselines.layers import Binarizer
from bifsmn_tf.baselines.layers import Dropout
from bifsmn_tf.baselines.layers import batch_norm

WIDTHS = {
    "s": (4, 8, 8, 16, 16, 32, 32, 64, 64),
    "l": (4, 8, 16, 16, 32, 32, 64, 64, 96, 96, 192),
}
"""The channels of each block, by the model's size."""

INPUT_SHAPE = (8192, 1, 1)
"""The samples of one second at 8192 Hz."""

_TAPS = 5
_TOKEN = 128
_HEADS = 2
_HEAD = 32
_SQUEEZED = 8
_EXPANSION = 2


class Token(tf.keras.layers.Layer):
    """Puts learned samples in front of a waveform.

    Args:
        samples: How many samples.
    """

    def __init__(self, samples: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.samples = samples

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Makes the samples, (1, samples, 1, 1)."""
        self.token = self.add_weight(
            "token", (1, self.samples, 1, 1), initializer="random_normal"
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (batch, time, 1, 1) to (batch, samples + time, 1, 1)."""
        token = tf.repeat(self.token, tf.shape(inputs)[0], axis=0)
        return tf.concat([token, inputs], axis=1)


class ScaleNorm(tf.keras.layers.Layer):
    """Gives every vector the same length, one learned number g.

    y = g x / |x|, after T. Q. Nguyen and J. Salazar, *Transformers without
    Tears* (arXiv:1910.05895).
    """

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Makes the length, a scalar."""
        self.length = self.add_weight("length", (), initializer="ones")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (..., channels) to the same shape."""
        squares = tf.reduce_sum(tf.square(inputs), axis=-1, keepdims=True)
        return inputs * (self.length * tf.math.rsqrt(squares + 1e-10))


class LinearAttention(tf.keras.layers.Layer):
    """Softmax attention by positive random features: FAVOR+ of Performers.

    exp(q·k) is the mean over random w of f(q) f(k) with
    f(x) = exp(w·x - |x|²/2), so that the sum over all keys is taken once.

    Args:
        heads: The number of heads, which divides the channels.
        features: The number of random vectors w.
        seed: The seed of the w, which stay as they are drawn.
    """

    def __init__(self, heads: int, features: int, seed: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.heads = heads
        self.features = features
        self.seed = seed

    def build(self, input_shape: list[tuple[int, ...]]) -> None:
        """Makes the w, orthogonal in groups, (channels of a head, features)."""
        head = input_shape[0][-1] // self.heads
        self.projection = self.add_weight(
            "projection",
            (head, self.features),
            initializer=tf.keras.initializers.Constant(
                orthogonal_features(head, self.features, self.seed)
            ),
            trainable=False,
        )
        super().build(input_shape)

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Computes the attention of queries to keys.

        Args:
            inputs: The queries, (batch, n, 1, channels), and the keys and the
                values, (batch, m, 1, channels).

        Returns:
            (batch, n, 1, channels).
        """
        queries, keys, values = (self._split(x) for x in inputs)
        queries = self._kernel(queries, axes=(3,))
        keys = self._kernel(keys, axes=(1, 3))
        sums = tf.reduce_sum(keys, axis=1)
        context = tf.einsum("bmhf,bmhd->bhfd", keys, values)
        weights = tf.einsum("bnhf,bhf->bnh", queries, sums)
        outputs = tf.einsum("bnhf,bhfd->bnhd", queries, context)
        outputs = outputs / weights[..., tf.newaxis]
        return tf.reshape(outputs, tf.shape(inputs[0]))

    def macs(self, queries: int, keys: int) -> int:
        """Returns the multiply-accumulates of one clip, from the lengths."""
        channels = self.projection.shape[0] * self.heads
        # Onto the features, and from there into or out of the context.
        return (queries + keys) * 2 * channels * self.features

    def _split(self, x: tf.Tensor) -> tf.Tensor:
        _, time, _, channels = x.shape
        return tf.reshape(x, (-1, time, self.heads, channels // self.heads))

    def _kernel(self, x: tf.Tensor, axes: tuple[int, ...]) -> tf.Tensor:
        x = x * x.shape[-1] ** -0.25
        squares = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True) / 2
        dots = tf.einsum("bnhd,df->bnhf", x, self.projection)
        # What is the same for all that are summed cancels out.
        largest = tf.reduce_max(dots, axis=axes, keepdims=True)
        return tf.exp(dots - squares - tf.stop_gradient(largest)) + 1e-6


def orthogonal_features(
    size: int, features: int, seed: int
) -> npt.NDArray[np.float32]:
    """Draws vectors as normal ones are, but orthogonal in groups of ``size``.

    Args:
        size: The dimension of a vector.
        features: How many vectors to draw.
        seed: The seed of the draw.

    Returns:
        The vectors as columns, (size, features).
    """
    rng = np.random.default_rng(seed)
    groups = []
    for _ in range(math.ceil(features / size)):
        q, r = np.linalg.qr(rng.normal(size=(size, size)))
        # A QR decomposition chooses the signs; these make all as likely.
        groups.append(q * np.sign(np.diag(r)))
    directions = np.concatenate(groups, axis=1)[:, :features]
    lengths = np.linalg.norm(rng.normal(size=(size, features)), axis=0)
    return (directions * lengths).astype(np.float32)


def audiomer(
    classes: int,
    input_shape: tuple[int, int, int] = INPUT_SHAPE,
    binarizer: Binarizer = FULL_PRECISION,
    size: str = "l",
) -> tf.keras.Model:
    """Makes an untrained Audiomer.

    Args:
        classes: The number of classes.
        input_shape: The shape of the waveform, (samples, 1, 1).
        binarizer: Makes all layers but the last one and those that read the
            waveform.
        size: ``"s"`` or ``"l"``.

    Returns:
        A model from waveforms (batch, samples, 1, 1) to logits
        (batch, classes).
    """
    layers = tf.keras.layers
    inputs = layers.Input(input_shape, name="waveform")
    x = Token(_TOKEN)(inputs)
    for number, channels in enumerate(WIDTHS[size]):
        reader = FULL_PRECISION if number == 0 else binarizer
        queries = _separable(x, channels, 2, reader, binarizer)
        context = _separable(x, channels, 4, reader, binarizer)
        attended = _transformer(queries, context, binarizer)
        around = _around(x, attended.shape[1], channels, reader)
        x = queries + attended + around
    x = x[:, 0, 0]
    x = binarizer.dense(x.shape[-1])(x)
    x = layers.Activation("gelu")(x)
    x = Dropout(0.2)(x)
    logits = binarizer.classifier(classes)(x)
    return tf.keras.Model(inputs, logits, name=f"audiomer_{size}")


def _separable(
    x: tf.Tensor,
    channels: int,
    stride: int,
    reader: Binarizer,
    binarizer: Binarizer,
) -> tf.Tensor:
    """Applies a separable convolution with squeeze and excitation."""
    layers = tf.keras.layers
    padding = _TAPS - stride
    x = layers.ZeroPadding2D((padding, 0))(x)
    x = reader.depthwise((_TAPS, 1), strides=stride, use_bias=False)(x)
    x = batch_norm()(x)
    x = binarizer.conv2d(channels, 1, use_bias=False)(x)
    x = layers.ZeroPadding2D((1, 0))(x)
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = binarizer.relu()(binarizer.conv2d(_SQUEEZED, 1)(s))
    s = layers.Activation("sigmoid")(binarizer.conv2d(channels, 1)(s))
    return x * s


def _transformer(
    queries: tf.Tensor, context: tf.Tensor, binarizer: Binarizer
) -> tf.Tensor:
    """Applies attention of queries to context, then a gated feed-forward."""
    layers = tf.keras.layers
    channels, inner = queries.shape[-1], _HEADS * _HEAD
    normed = ScaleNorm()(queries)
    attended = LinearAttention(_HEADS, int(_HEAD * math.log(_HEAD)))(
        [
            binarizer.dense(inner, use_bias=False)(normed),
            binarizer.dense(inner, use_bias=False)(context),
            binarizer.dense(inner, use_bias=False)(context),
        ]
    )
    x = queries + Dropout(0.2)(binarizer.dense(channels)(attended))
    normed = ScaleNorm()(x)
    wide = binarizer.dense(channels * _EXPANSION * 2)(normed)
    gate, values = tf.split(wide, 2, axis=-1)
    gated = layers.Activation("gelu")(gate) * values
    return x + binarizer.dense(channels)(gated)


def _around(
    x: tf.Tensor, time: int, channels: int, reader: Binarizer
) -> tf.Tensor:
    """Applies a convolution of two taps and stride 2, to ``time`` frames."""
    layers = tf.keras.layers
    missing = 2 * time - x.shape[1]
    x = layers.ZeroPadding2D(((missing // 2, missing - missing // 2), (0, 0)))(
        x
    )
    x = reader.conv2d(channels, (2, 1), strides=(2, 1), use_bias=False)(x)
    x = batch_norm()(x)
    return layers.ReLU()(x)
