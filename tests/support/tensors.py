"""Random tensors, and gradients of functions of them."""

import numpy as np

from bifsmn_tf._keras import tf


def normal(shape, seed=0, scale=1.0):
    values = np.random.default_rng(seed).normal(0, scale, shape)
    return values.astype(np.float32)


def signs(shape, seed=0):
    return np.where(normal(shape, seed) >= 0, 1, -1).astype(np.float32)


def value_and_gradient(function, x, upstream):
    """Of a function without variables."""
    value, (gradient,) = gradients(function, x, (), upstream)
    return value, gradient


def gradients(function, inputs, variables, upstream):
    """Value, gradient of the inputs and of the variables."""
    x = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    found = tape.gradient(y, [x, *variables], output_gradients=upstream)
    return y.numpy(), [tf.convert_to_tensor(g).numpy() for g in found]
