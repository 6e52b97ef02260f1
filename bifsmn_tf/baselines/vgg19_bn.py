"""VGG19 with BatchNorm, on log-mel features as if they were a small image.

K. Simonyan and A. Zisserman, *Very Deep Convolutional Networks for Large-Scale
Image Recognition* (arXiv:1409.1556), configuration E. The five poolings leave
one pixel of 32 x 32 features, so the first fully connected layer has 512
inputs instead of 512 x 7 x 7: this is what Table 3 of the BiFSMN paper counts.
"""

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.layers import FULL_PRECISION
from bifsmn_tf.baselines.layers import Binarizer
from bifsmn_tf.baselines.layers import Dropout
from bifsmn_tf.baselines.layers import batch_norm

INPUT_SHAPE = (32, 32, 1)
"""The features of one second: 32 frames of 32 log-mels."""

_STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""The channels and the number of convolutions in front of each pooling."""

_HIDDEN = 4096

_SHRINKS = 32


def vgg19_bn(
    classes: int,
    input_shape: tuple[int, int, int] = INPUT_SHAPE,
    binarizer: Binarizer = FULL_PRECISION,
) -> tf.keras.Model:
    """Makes an untrained VGG19-BN.

    A binary one pools before it normalises, as XNOR-Net does: behind a pooling
    of normalised values nearly every sign would be +1.

    Args:
        classes: The number of classes.
        input_shape: The shape of the features, (time, frequency, 1), both at
            least 32.
        binarizer: Makes all layers but the first convolution and the last one.

    Returns:
        A model from features (batch, time, frequency, 1) to logits
        (batch, classes).

    Raises:
        ValueError: The features are smaller than 32 x 32.
    """
    if min(input_shape[:2]) < _SHRINKS:
        raise ValueError(
            f"VGG19 takes features of at least {_SHRINKS} x {_SHRINKS}, not "
            f"{input_shape[0]} x {input_shape[1]}"
        )
    layers = tf.keras.layers
    inputs = x = layers.Input(input_shape, name="features")
    for channels, convolutions in _STAGES:
        for number in range(1, convolutions + 1):
            reader = FULL_PRECISION if x is inputs else binarizer
            x = reader.conv2d(channels, 3, padding="same")(x)
            pooled = number == convolutions
            if pooled and binarizer.binary:
                x = layers.MaxPooling2D()(x)
            x = batch_norm()(x)
            x = binarizer.relu()(x)
            if pooled and not binarizer.binary:
                x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = binarizer.dense(_HIDDEN)(x)
        x = binarizer.relu(shared_axes=None)(x)
        x = Dropout(0.5)(x)
    logits = binarizer.classifier(classes)(x)
    return tf.keras.Model(inputs, logits, name="vgg19_bn")
