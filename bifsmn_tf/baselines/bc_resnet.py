"""BC-ResNet: broadcasted residual learning.

B. Kim et al., *Broadcasted Residual Learning for Efficient Keyword Spotting*
(Interspeech 2021, arXiv:2106.04140). A block computes in two dimensions only
along frequency, averages over it, goes on along time alone, and adds the
result to every frequency again::

    y = x + f2(x) + broadcast(f1(mean over frequency of f2(x)))

without the x where the number of channels changes. Axes are those of the rest
of this package, (batch, time, frequency, channels).
"""

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.layers import FULL_PRECISION
from bifsmn_tf.baselines.layers import Binarizer
from bifsmn_tf.baselines.layers import Dropout
from bifsmn_tf.baselines.layers import batch_norm

INPUT_SHAPE = (101, 40, 1)
"""One second: a frame of 40 log-mels every 10 ms."""

BASE_CHANNELS = 8
"""Of the first stage at τ = 1; every width is a multiple of it."""

_STAGES = ((1.0, 2, 1), (1.5, 2, 2), (2.0, 4, 2), (2.5, 4, 1))
"""Width, blocks and stride in frequency of each stage; dilation is 2^i."""

_FREQUENCY_STRIDE = 8
"""Of the first convolution and the stages together."""


class SubSpectralNorm(tf.keras.layers.Layer):
    """BatchNorm apart for each of several bands of frequency.

    S. Chang et al., *SubSpectral Normalization for Neural Audio Data
    Processing* (ICASSP 2021, arXiv:2103.13620).

    Args:
        sub_bands: S; divides the number of frequencies.
        momentum: of the moving statistics.
        epsilon: added to the variance.
    """

    def __init__(
        self,
        sub_bands: int,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sub_bands = sub_bands
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape):
        """Makes four variables (sub_bands, channels)."""
        _, _, frequencies, channels = input_shape
        if frequencies % self.sub_bands:
            raise ValueError(
                f"{frequencies} frequencies are no {self.sub_bands} sub-bands"
            )
        shape = (self.sub_bands, channels)
        self.gamma = self.add_weight("gamma", shape, initializer="ones")
        self.beta = self.add_weight("beta", shape, initializer="zeros")
        self.moving_mean = self.add_weight(
            "moving_mean", shape, initializer="zeros", trainable=False
        )
        self.moving_variance = self.add_weight(
            "moving_variance", shape, initializer="ones", trainable=False
        )
        super().build(input_shape)

    def call(self, inputs, training=False):
        """(batch, time, frequency, channels) to the same shape."""
        _, time, frequencies, channels = inputs.shape
        width = frequencies // self.sub_bands
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            bands = tf.reshape(
                inputs, (-1, time, self.sub_bands, width, channels)
            )
            mean, variance = tf.nn.moments(bands, [0, 1, 3])
            for moving, batch in (
                (self.moving_mean, mean),
                (self.moving_variance, variance),
            ):
                moving.assign_sub((moving - batch) * (1 - self.momentum))
        scale = self.gamma * tf.math.rsqrt(variance + self.epsilon)
        offset = self.beta - mean * scale
        return inputs * tf.repeat(scale, width, 0) + tf.repeat(offset, width, 0)


def bc_resnet(
    classes: int,
    tau: int = 1,
    input_shape: tuple[int, int, int] = INPUT_SHAPE,
    binarizer: Binarizer = FULL_PRECISION,
) -> tf.keras.Model:
    """Makes an untrained BC-ResNet-τ.

    Strided convolutions pad as TensorFlow does, one frequency off from the
    authors' code; sizes and counts are the same.

    Args:
        classes: outputs.
        tau: τ, the multiple of all widths.
        input_shape: (time, frequency, 1) of the features; frequency divides
            by 8. Sub-bands are as many as frequencies are left in the end:
            the paper's 5 for its 40 mels.
        binarizer: of all but the first convolution and the last layer.

    Returns:
        A model of (batch, time, frequency, 1) that gives logits
        (batch, classes).

    Raises:
        ValueError: the number of frequencies does not divide by 8.
    """
    frequencies = input_shape[1]
    if frequencies % _FREQUENCY_STRIDE:
        raise ValueError(
            f"BC-ResNet takes a multiple of {_FREQUENCY_STRIDE} frequencies, "
            f"not {frequencies}"
        )
    sub_bands = frequencies // _FREQUENCY_STRIDE
    layers = tf.keras.layers
    base = BASE_CHANNELS * tau
    inputs = layers.Input(input_shape, name="features")
    x = _convolution(FULL_PRECISION, 2 * base, 5, strides=(1, 2))(inputs)
    x = binarizer.relu()(batch_norm()(x))
    for stage, (width, blocks, stride) in enumerate(_STAGES):
        for block in range(blocks):
            x = _block(
                x,
                binarizer,
                int(base * width),
                stride if block == 0 else 1,
                2**stage,
                sub_bands,
            )
    # Over all frequencies and five frames: padded along time only.
    x = layers.ZeroPadding2D(((2, 2), (0, 0)))(x)
    x = binarizer.depthwise((5, sub_bands), use_bias=False)(x)
    x = _convolution(binarizer, 4 * base, 1)(x)
    x = binarizer.relu()(batch_norm()(x))
    x = layers.GlobalAveragePooling2D()(x)
    logits = binarizer.classifier(classes)(x)
    return tf.keras.Model(inputs, logits, name=f"bc_resnet_{tau}")


def _block(x, made, channels: int, stride: int, dilation: int, sub_bands: int):
    layers = tf.keras.layers
    shortcut = x
    transition = x.shape[-1] != channels
    if transition:
        x = made.relu()(batch_norm()(_convolution(made, channels, 1)(x)))
    planar = SubSpectralNorm(sub_bands)(_along_frequency(made, x, stride))
    x = layers.AveragePooling2D((1, planar.shape[2]))(planar)
    x = batch_norm()(_depthwise(made, (3, 1), dilation_rate=(dilation, 1))(x))
    x = layers.Activation("swish")(x)
    x = _convolution(made, channels, 1)(x)
    x = Dropout(0.1, channels=True)(x)
    x = planar + x
    return made.relu()(x if transition else x + shortcut)


def _along_frequency(made, x, stride: int):
    if stride == 1:
        return _depthwise(made, (1, 3))(x)
    # TensorFlow strides a depthwise convolution alike in both axes, so the
    # frames go to the batch.
    _, time, frequencies, channels = x.shape
    x = tf.reshape(x, (-1, frequencies, 1, channels))
    x = _depthwise(made, (3, 1), strides=stride)(x)
    return tf.reshape(x, (-1, time, x.shape[1], channels))


def _convolution(made, filters, size, **kwargs):
    return made.conv2d(filters, size, padding="same", use_bias=False, **kwargs)


def _depthwise(made, size, **kwargs):
    return made.depthwise(size, padding="same", use_bias=False, **kwargs)
