"""Layers and the equations in NumPy, the Haar transform and PyWavelets."""

import numpy as np
import numpy_reference as reference
import pywt
from drawn import arrays
from hypothesis import given
from hypothesis import strategies as st
from tensors import signs

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar
from bifsmn_tf.network import layers

SMALL = st.integers(1, 9)
SEEDS = st.integers(0, 2**32 - 1)


def weights(layer, shape, seed):
    layer.build((None, *shape))
    kernel = np.random.default_rng(seed).normal(size=layer.kernel.shape)
    layer.kernel.assign(kernel)
    return layer.kernel.numpy()


@given(shape=st.lists(SMALL, min_size=1, max_size=3), units=SMALL, seed=SEEDS)
def test_dense(shape, units, seed):
    layer = layers.BinaryDense(units)
    kernel = weights(layer, shape, seed)
    x = signs((2, *shape), seed)
    dots = x @ reference.sign(kernel)
    np.testing.assert_array_equal(layer.integer_dot(x), dots)
    np.testing.assert_allclose(
        layer(x), dots * reference.alpha(kernel), rtol=1e-5, atol=1e-5
    )


@given(
    size=st.tuples(SMALL, SMALL),
    channels=st.tuples(SMALL, SMALL),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 3),
    seed=SEEDS,
)
def test_convolution(size, channels, kernel, stride, seed):
    layer = layers.BinaryConv2D(channels[1], kernel, strides=stride)
    values = weights(layer, (*size, channels[0]), seed)
    x = signs((2, *size, channels[0]), seed)
    dots = reference.conv2d(x, reference.sign(values), stride)
    np.testing.assert_array_equal(layer.integer_dot(x), dots)
    np.testing.assert_allclose(
        layer(x), dots * reference.alpha(values), rtol=1e-5, atol=1e-5
    )


@given(
    memory=st.tuples(*[st.integers(0, 4)] * 2, *[st.integers(1, 3)] * 2),
    time=SMALL,
    channels=SMALL,
    seed=SEEDS,
)
def test_memory(memory, time, channels, seed):
    layer = layers.MemoryFilter(*memory)
    kernel = weights(layer, (time, 1, channels), seed)
    x = signs((2, time, 1, channels), seed)
    dots = reference.memory_filter(x[:, :, 0], reference.sign(kernel), *memory)
    np.testing.assert_array_equal(layer.integer_dot(x)[:, :, 0], dots)


@given(
    batch=st.lists(st.integers(1, 3), max_size=2),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    data=st.data(),
)
def test_haar(batch, size, data):
    x = arrays(data, (*batch, *size))
    tolerance = {"rtol": 1e-5, "atol": 1e-6 * max(1.0, np.abs(x).max())}
    found = tf.nest.flatten(haar.dwt2(tf.constant(x)))
    low, details = pywt.dwt2(x, "haar", mode="zero")
    for mine, theirs in zip(found, (low, *details), strict=True):
        np.testing.assert_allclose(mine, theirs, **tolerance)
    high = pywt.idwt2((np.zeros_like(low), details), "haar", mode="zero")
    np.testing.assert_allclose(
        haar.high_frequency(tf.constant(x)),
        high[..., : size[0], : size[1]],
        **tolerance,
    )
