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
both sides, so that the first position, which the classifier reads, lies in the
padding of the convolutions: all that it knows of the clip comes by attention.
"""

import math

import numpy as np

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.layers import FULL_PRECISION
from bifsmn_tf.baselines.layers import Binarizer
from bifsmn_tf.baselines.layers import Dropout
from bifsmn_tf.baselines.layers import batch_norm

WIDTHS = {
    "s": (4, 8, 8, 16, 16, 32, 32, 64, 64),
    "l": (4, 8, 16, 16, 32, 32, 64, 64, 96, 96, 192),
}
"""Channels of each block, by the model's size."""

INPUT_SHAPE = (8192, 1, 1)
"""One second at 8192 Hz."""

_TAPS = 5
_TOKEN = 128
_HEADS = 2
_HEAD = 32
_SQUEEZED = 8
_EXPANSION = 2


class Token(tf.keras.layers.Layer):
    """Puts learned samples in front of a waveform.

    Args:
        samples: how many.
    """

    def __init__(self, samples: int, **kwargs):
        super().__init__(**kwargs)
        self.samples = samples

    def build(self, input_shape):
        """Makes the samples: (1, samples, 1, 1)."""
        self.token = self.add_weight(
            "token", (1, self.samples, 1, 1), initializer="random_normal"
        )
        super().build(input_shape)

    def call(self, inputs):
        """(batch, time, 1, 1) to (batch, samples + time, 1, 1)."""
        token = tf.repeat(self.token, tf.shape(inputs)[0], axis=0)
        return tf.concat([token, inputs], axis=1)


class ScaleNorm(tf.keras.layers.Layer):
    """Normalises the length of each vector, times one learned number."""

    def build(self, input_shape):
        """Makes the length: a scalar."""
        self.length = self.add_weight("length", (), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        """(..., channels) to the same shape."""
        squares = tf.reduce_sum(tf.square(inputs), axis=-1, keepdims=True)
        return inputs * (self.length * tf.math.rsqrt(squares + 1e-10))


class LinearAttention(tf.keras.layers.Layer):
    """Softmax attention by positive random features: FAVOR+ of Performers.

    exp(q·k) is the mean over random w of f(q) f(k) with
    f(x) = exp(w·x - |x|²/2), so that the sum over all keys is taken once.

    Args:
        heads: channels are divided among them.
        features: how many w there are.
        seed: of the w, which stay as they are drawn.
    """

    def __init__(self, heads: int, features: int, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.features = features
        self.seed = seed

    def build(self, input_shape):
        """Makes the w, orthogonal in groups: (channels of a head, features)."""
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

    def call(self, inputs):
        """Attention of queries to keys.

        Args:
            inputs: queries (batch, n, 1, channels), keys and values
                (batch, m, 1, channels).

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
        """Multiply-accumulates of one clip, from the lengths."""
        channels = self.projection.shape[0] * self.heads
        # Onto the features, and from there into or out of the context.
        return (queries + keys) * 2 * channels * self.features

    def _split(self, x):
        _, time, _, channels = x.shape
        return tf.reshape(x, (-1, time, self.heads, channels // self.heads))

    def _kernel(self, x, axes):
        x = x * x.shape[-1] ** -0.25
        squares = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True) / 2
        dots = tf.einsum("bnhd,df->bnhf", x, self.projection)
        # What is the same for all that are summed cancels out.
        largest = tf.reduce_max(dots, axis=axes, keepdims=True)
        return tf.exp(dots - squares - tf.stop_gradient(largest)) + 1e-6


def orthogonal_features(size: int, features: int, seed: int) -> np.ndarray:
    """Draws vectors as normal ones are, but orthogonal in groups of ``size``.

    Args:
        size: of a vector.
        features: how many vectors.
        seed: of the draw.

    Returns:
        float32 (size, features).
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
        classes: outputs.
        input_shape: (samples, 1, 1) of the waveform.
        binarizer: of all but what reads the waveform and the last layer.
        size: ``"s"`` or ``"l"``.

    Returns:
        A model of (batch, samples, 1, 1) that gives logits (batch, classes).
    """
    layers = tf.keras.layers
    inputs = layers.Input(input_shape, name="waveform")
    x = Token(_TOKEN)(inputs)
    for number, channels in enumerate(WIDTHS[size]):
        reads = FULL_PRECISION if number == 0 else binarizer
        queries = _separable(x, channels, 2, reads, binarizer)
        context = _separable(x, channels, 4, reads, binarizer)
        attended = _transformer(queries, context, binarizer)
        around = _around(x, attended.shape[1], channels, reads)
        x = queries + attended + around
    x = x[:, 0, 0]
    x = binarizer.dense(x.shape[-1])(x)
    x = layers.Activation("gelu")(x)
    x = Dropout(0.2)(x)
    logits = binarizer.classifier(classes)(x)
    return tf.keras.Model(inputs, logits, name=f"audiomer_{size}")


def _separable(x, channels, stride, reads, binarizer):
    """A separable convolution with squeeze and excitation."""
    layers = tf.keras.layers
    padding = _TAPS - stride
    x = layers.ZeroPadding2D((padding, 0))(x)
    x = reads.depthwise((_TAPS, 1), strides=stride, use_bias=False)(x)
    x = batch_norm()(x)
    x = binarizer.conv2d(channels, 1, use_bias=False)(x)
    x = layers.ZeroPadding2D((1, 0))(x)
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = binarizer.relu()(binarizer.conv2d(_SQUEEZED, 1)(s))
    s = layers.Activation("sigmoid")(binarizer.conv2d(channels, 1)(s))
    return x * s


def _transformer(queries, context, binarizer):
    """Attention of queries to context, then a gated feed-forward layer."""
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


def _around(x, time, channels, reads):
    """A convolution of two taps and stride 2, to so many frames."""
    layers = tf.keras.layers
    missing = 2 * time - x.shape[1]
    x = layers.ZeroPadding2D(((missing // 2, missing - missing // 2), (0, 0)))(
        x
    )
    x = reads.conv2d(channels, (2, 1), strides=(2, 1), use_bias=False)(x)
    x = batch_norm()(x)
    return layers.ReLU()(x)
