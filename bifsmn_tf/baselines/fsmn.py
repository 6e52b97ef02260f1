"""FSMN, the network that D-FSMN grew out of.

S. Zhang et al., *Feedforward Sequential Memory Networks* (arXiv:1512.08301),
in the form that Table 3 of the BiFSMN paper counts: 8 layers over all 32
frames of the features, each

    h = fc1(x) + fc2(memory(x)),  x' = PReLU(h)

where the memory is a depthwise filter of 7 taps over time, to twice the width,
and there is no normalisation. h is the state that a distillation compares.
"""

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.layers import FULL_PRECISION
from bifsmn_tf.baselines.layers import Binarizer
from bifsmn_tf.baselines.layers import prelu

LAYERS = 8
"""The number of layers, each of which has a state."""

TAPS = 7
"""The frames that a memory reads."""

WIDTH = 128
"""The channels of a state."""

MEMORY = 256
"""The channels of a memory."""

INPUT_SHAPE = (32, 32, 1)
"""The features of one second: 32 frames of 32 log-mels."""


def fsmn(
    classes: int,
    input_shape: tuple[int, int, int] = INPUT_SHAPE,
    binarizer: Binarizer = FULL_PRECISION,
) -> tf.keras.Model:
    """Makes an untrained FSMN.

    Args:
        classes: The number of classes.
        input_shape: The shape of the features, (time, frequency, 1); the
            frequencies divide 256, the channels of the memory.
        binarizer: Makes all layers but the first fc1, which alone sees the
            features as they are, and the classifier.

    Returns:
        A model from features (batch, time, frequency, 1) to logits
        (batch, classes). Its layer ``state_i`` gives h of the i-th layer, from
        1, (batch, time, 1, 128).

    Raises:
        ValueError: The number of frequencies does not divide 256.
    """
    time, frequencies, _ = input_shape
    if MEMORY % frequencies:
        raise ValueError(
            f"FSMN takes a number of frequencies that divides {MEMORY}, not "
            f"{frequencies}"
        )
    layers = tf.keras.layers
    inputs = layers.Input(input_shape, name="features")
    x = layers.Reshape((time, 1, frequencies))(inputs)
    for number in range(1, LAYERS + 1):
        first = FULL_PRECISION if number == 1 else binarizer
        memory = binarizer.depthwise(
            (TAPS, 1),
            depth_multiplier=MEMORY // x.shape[-1],
            padding="same",
            use_bias=False,
        )(x)
        x = layers.Add(name=f"state_{number}")(
            [
                first.dense(WIDTH)(x),
                binarizer.dense(WIDTH, use_bias=False)(memory),
            ]
        )
        x = prelu(shared_axes=(1, 2, 3))(x)
    x = layers.Flatten()(x)
    logits = binarizer.classifier(classes)(x)
    return tf.keras.Model(inputs, logits, name="fsmn")
