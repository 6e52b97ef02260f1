"""BC-ResNet: broadcasted residual learning.

B. Kim et al., *Broadcasted Residual Learning for Efficient Keyword Spotting*
(Interspeech 2021, arXiv:2106.04140). A block computes in two dimensions only
along frequency, averages over it, goes on along time alone, and adds the
result to every frequency again::

    y = x + f2(x) + broadcast(f1(mean over frequency of f2(x)))

without the x where the number of channels changes. Axes are those of the rest
of this package, (batch, time, frequency, channels).
"""

from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.layers import FULL_PRECISION
from bifsmn_tf.baselines.layers import Binarizer
from bifsmn_tf.baselines.layers import Dropout
from bifsmn_tf.baselines.layers import batch_norm

INPUT_SHAPE = (101, 40, 1)
"""The features of one second: 40 log-mels every 10 ms."""

BASE_CHANNELS = 8
"""The channels of the first stage at τ = 1, of which all widths are
multiples."""

_STAGES = ((1.0, 2, 1), (1.5, 2, 2), (2.0, 4, 2), (2.5, 4, 1))
"""Width, blocks and stride in frequency of the i-th stage, whose dilation is
2^i."""

_FREQUENCY_STRIDE = 8
"""The stride of the first convolution and the stages together."""


class SubSpectralNorm(tf.keras.layers.Layer):
    """Normalises each of several bands of frequency by its own BatchNorm.

    S. Chang et al., *SubSpectral Normalization for Neural Audio Data
    Processing* (ICASSP 2021, arXiv:2103.13620).

    Args:
        sub_bands: The number S of bands, which divides the frequencies.
        momentum: The share of the moving statistics that a step keeps.
        epsilon: What is added to the variance.
    """

    def __init__(
        self,
        sub_bands: int,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.sub_bands = sub_bands
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Makes four variables, (sub_bands, channels) each.

        Raises:
            ValueError: The number of frequencies does not divide.
        """
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

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps (batch, time, frequency, channels) to the same shape."""
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
        classes: The number of classes.
        tau: The multiple τ of all widths.
        input_shape: The shape of the features, (time, frequency, 1); 8 divides
            the frequencies. There are as many sub-bands as frequencies are
            left in the end: the paper's 5 for its 40 mels.
        binarizer: Makes all layers but the first convolution and the last one.

    Returns:
        A model from features (batch, time, frequency, 1) to logits
        (batch, classes).

    Raises:
        ValueError: The number of frequencies does not divide by 8.
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


def _block(
    x: tf.Tensor,
    binarizer: Binarizer,
    channels: int,
    stride: int,
    dilation: int,
    sub_bands: int,
) -> tf.Tensor:
    layers = tf.keras.layers
    shortcut = x
    transition = x.shape[-1] != channels
    if transition:
        x = binarizer.relu()(
            batch_norm()(_convolution(binarizer, channels, 1)(x))
        )
    planar = SubSpectralNorm(sub_bands)(_along_frequency(binarizer, x, stride))
    x = layers.AveragePooling2D((1, planar.shape[2]))(planar)
    x = batch_norm()(
        _depthwise(binarizer, (3, 1), dilation_rate=(dilation, 1))(x)
    )
    x = layers.Activation("swish")(x)
    x = _convolution(binarizer, channels, 1)(x)
    x = Dropout(0.1, channels=True)(x)
    x = planar + x
    return binarizer.relu()(x if transition else x + shortcut)


def _along_frequency(
    binarizer: Binarizer, x: tf.Tensor, stride: int
) -> tf.Tensor:
    if stride == 1:
        return _depthwise(binarizer, (1, 3))(x)
    # TensorFlow strides a depthwise convolution alike in both axes, so the
    # frames go to the batch.
    _, time, frequencies, channels = x.shape
    x = tf.reshape(x, (-1, frequencies, 1, channels))
    x = _depthwise(binarizer, (3, 1), strides=stride)(x)
    return tf.reshape(x, (-1, time, x.shape[1], channels))


def _convolution(
    binarizer: Binarizer, filters: int, size: int, **kwargs: Any
) -> tf.keras.layers.Layer:
    return binarizer.conv2d(
        filters, size, padding="same", use_bias=False, **kwargs
    )


def _depthwise(
    binarizer: Binarizer, size: tuple[int, int], **kwargs: Any
) -> tf.keras.layers.Layer:
    return binarizer.depthwise(size, padding="same", use_bias=False, **kwargs)
