"""Products with one-bit weights: exact sums, gradients of the bare product."""

import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.network.layers.linear import BinaryConv2D
from bifsmn_tf.network.layers.linear import BinaryDense
from bifsmn_tf.network.layers.memory import MemoryFilter

LAYERS = {
    "dense": (lambda: BinaryDense(5), (33, 12)),
    "conv": (lambda: BinaryConv2D(4, 3, 2), (2, 7, 5, 6)),
    "memory": (lambda: MemoryFilter(2, 1), (2, 9, 3, 6)),
    "memory with gaps": (
        lambda: MemoryFilter(2, 1, stride_back=2),
        (2, 9, 3, 6),
    ),
}


def signs(shape):
    drawn = np.random.default_rng(1).normal(size=shape)
    return np.where(drawn >= 0, 1, -1).astype(np.float32)


@pytest.fixture(params=LAYERS)
def layer_and_signs(request):
    make, shape = LAYERS[request.param]
    layer, inputs = make(), tf.constant(signs(shape))
    layer(inputs)
    kernel = np.random.default_rng(2).normal(size=layer.kernel.shape)
    layer.set_weights([kernel])
    return layer, inputs


def test_a_sum_of_signs_is_an_integer_times_the_scale(layer_and_signs):
    layer, inputs = layer_and_signs
    sums = layer.integer_dot(inputs).numpy()
    assert np.array_equal(sums, np.round(sums))
    assert np.any(sums == 0)
    expected = sums * layer.weight_scale().numpy()
    np.testing.assert_array_equal(layer(inputs).numpy(), expected)


def test_gradients_are_those_of_the_bare_product(layer_and_signs):
    layer, inputs = layer_and_signs
    weights = tf.constant(signs(layer(inputs).shape) * 0.5 + 0.1)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(layer(inputs) * weights)
    found = tape.gradient(total, (inputs, layer.trainable_weights[0]))
    latent = tf.constant(layer.trainable_weights[0])
    with tf.GradientTape() as tape:
        tape.watch((inputs, latent))
        kernel = layer.kernel_quantizer(latent)
        bare = layer.dot(inputs, kernel)
        total = tf.reduce_sum(bare * weights)
    expected = tape.gradient(total, (inputs, latent))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
