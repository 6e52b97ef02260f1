"""DS-CNN, the keyword network of MLPerf Tiny.

Y. Zhang et al., *Hello Edge: Keyword Spotting on Microcontrollers*
(arXiv:1711.07128), DS-CNN-S, in the form of C. Banbury et al., *MLPerf Tiny
Benchmark* (arXiv:2106.07597): a convolution of stride 2, then four pairs of a
depthwise and a pointwise one, all of them with BatchNorm and ReLU.
"""

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.layers import FULL_PRECISION
from bifsmn_tf.baselines.layers import Binarizer
from bifsmn_tf.baselines.layers import Dropout

FILTERS = 64
"""The output channels of every convolution."""

INPUT_SHAPE = (49, 10, 1)
"""The features of one second: 49 frames of 10 MFCCs."""

_PAIRS = 4


def ds_cnn(
    classes: int,
    input_shape: tuple[int, int, int] = INPUT_SHAPE,
    binarizer: Binarizer = FULL_PRECISION,
) -> tf.keras.Model:
    """Makes an untrained DS-CNN.

    Args:
        classes: The number of classes.
        input_shape: The shape of the features, (time, frequency, 1), which
            may be others than MLPerf Tiny's.
        binarizer: Makes all layers but the first convolution and the last one.

    Returns:
        A model from features (batch, time, frequency, 1) to logits
        (batch, classes), where MLPerf Tiny's ends in a softmax.
    """
    layers = tf.keras.layers
    inputs = layers.Input(input_shape, name="features")
    x = layers.Conv2D(FILTERS, (10, 4), 2, padding="same")(inputs)
    x = _normalised(x, binarizer)
    x = Dropout(0.2)(x)
    for _ in range(_PAIRS):
        x = binarizer.depthwise(3, padding="same")(x)
        x = _normalised(x, binarizer)
        x = binarizer.conv2d(FILTERS, 1)(x)
        x = _normalised(x, binarizer)
    x = Dropout(0.4)(x)
    # Rounded down as in the benchmark: its last odd frame is not looked at.
    x = layers.AveragePooling2D((input_shape[0] // 2, input_shape[1] // 2))(x)
    x = layers.Flatten()(x)
    logits = binarizer.classifier(classes)(x)
    return tf.keras.Model(inputs, logits, name="ds_cnn")


def _normalised(x: tf.Tensor, binarizer: Binarizer) -> tf.Tensor:
    return binarizer.relu()(tf.keras.layers.BatchNormalization()(x))
