import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.peers.convert import convert
from bifsmn_tf.peers.counts import macs
from bifsmn_tf.peers.counts import parameters


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (tf.keras.layers.Conv2D(6, (3, 2), padding="same"), 8 * 7 * 6 * 18),
        (tf.keras.layers.Conv2D(6, 3, 2), 3 * 3 * 6 * 27),
        (tf.keras.layers.DepthwiseConv2D((3, 2)), 6 * 6 * 3 * 6),
        (tf.keras.layers.Dense(5), 8 * 7 * 3 * 5),
        (tf.keras.layers.ReLU(), 0),
    ],
)
def test_macs_of_one_layer(layer, expected):
    shape = (8, 7, 3)
    inputs = tf.keras.layers.Input(shape)
    model = tf.keras.Model(inputs, layer(inputs))
    assert macs(convert(model, shape)) == expected
    samples = np.random.default_rng(0).normal(size=(3, *shape))
    assert macs(convert(model, shape, samples)) == expected


def test_statistics_are_no_parameters():
    inputs = tf.keras.layers.Input((4,))
    norm = tf.keras.layers.BatchNormalization()
    assert parameters(tf.keras.Model(inputs, norm(inputs))) == 8
