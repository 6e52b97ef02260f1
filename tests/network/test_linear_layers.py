import subprocess
import sys

import numpy as np
import numpy_reference as reference
import pytest
from tensors import normal
from tensors import signs

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers
from bifsmn_tf.network import quantizers


def test_can_be_imported_first():
    """Larq must not import TensorFlow before Keras 2 is chosen."""
    command = "import bifsmn_tf.network.layers"
    subprocess.run([sys.executable, "-c", command], check=True)


class TestBinaryDense:
    @pytest.mark.parametrize("shape", [(4, 24), (3, 5, 24), (3, 5, 2, 24)])
    def test_equals_the_equations(self, shape):
        layer = layers.BinaryDense(10)
        layer.build(shape)
        x = signs(shape)
        kernel = layer.kernel.numpy()
        dots = x @ reference.sign(kernel)
        np.testing.assert_array_equal(layer.integer_dot(x), dots)
        np.testing.assert_allclose(
            layer(x), dots * reference.alpha(kernel), rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            layer.dot(x, kernel), x @ kernel, rtol=1e-5, atol=1e-5
        )

    def test_full_precision(self):
        layer = layers.BinaryDense(7, kernel_quantizer=None, use_bias=True)
        layer.build((None, 3, 6))
        layer.bias.assign(normal((7,), 1))
        x = normal((2, 3, 6))
        np.testing.assert_allclose(
            layer(x),
            x @ layer.kernel.numpy() + layer.bias.numpy(),
            rtol=1e-5,
            atol=1e-5,
        )
        assert layer.kernel_constraint is None

    def test_unknown_batch_size(self):
        layer = layers.BinaryDense(4)
        layer.build((None, 2, 3, 8))
        run = tf.function(
            layer, input_signature=[tf.TensorSpec((None, 2, 3, 8))]
        )
        outputs = run.get_concrete_function().outputs[0]
        assert outputs.shape.as_list() == [None, 2, 3, 4]
        x = signs((5, 2, 3, 8))
        np.testing.assert_allclose(run(x), layer(x), rtol=1e-6)

    def test_latent_weights_are_clipped(self):
        layer = layers.BinaryDense(4)
        layer.build((None, 8))
        clipped = layer.kernel_constraint(tf.constant([-3.0, 0.5, 2.0]))
        np.testing.assert_array_equal(clipped, [-1.0, 0.5, 1.0])


class TestBinaryConv2D:
    @pytest.mark.parametrize("size", [(8, 8), (7, 10), (5, 3), (2, 1)])
    @pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
    @pytest.mark.parametrize("stride", [1, 2, 3])
    def test_padding_contributes_nothing(self, size, kernel_size, stride):
        layer = layers.BinaryConv2D(4, kernel_size, strides=stride)
        layer.build((None, *size, 3))
        x = signs((2, *size, 3))
        kernel = layer.kernel.numpy()
        dots = reference.conv2d(x, reference.sign(kernel), stride)
        np.testing.assert_array_equal(layer.integer_dot(x), dots)
        np.testing.assert_allclose(
            layer(x), dots * reference.alpha(kernel), rtol=1e-5, atol=1e-5
        )

    def test_a_corner_counts_only_what_is_there(self):
        layer = layers.BinaryConv2D(1, 3)
        layer.build((None, 4, 4, 2))
        layer.kernel.assign(tf.ones_like(layer.kernel))
        dots = layer.integer_dot(np.ones((1, 4, 4, 2), np.float32))[0, :, :, 0]
        np.testing.assert_array_equal(
            dots,
            2
            * np.array(
                [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]
            ),
        )


class TestFirstConv2D:
    @pytest.mark.parametrize("size", [(8, 8), (9, 6)])
    def test_equals_the_integers(self, size):
        layer = layers.FirstConv2D(4, 5, 2)
        layer.build((None, *size, 1))
        features = normal((2, *size, 1), scale=2.0)
        integers, scale = reference.quantized_kernel(layer.kernel.numpy())
        sums = reference.conv2d(
            reference.quantized_features(features), integers, 2
        )
        np.testing.assert_array_equal(layer.integer_dot(features), sums)
        np.testing.assert_allclose(layer.weight_scale(), scale / 32, rtol=1e-6)
        np.testing.assert_allclose(
            layer(features), sums * scale / 32, rtol=1e-4, atol=1e-5
        )

    def test_features_are_rounded_half_to_even_and_clipped(self):
        features = np.array(
            [-100, -4, -0.5 / 32, 0, 0.5 / 32, 1.5 / 32, 1, 3.97, 4, 100],
            np.float32,
        )
        np.testing.assert_array_equal(
            layers.FirstConv2D.integer_features(features),
            [-128, -128, 0, 0, 0, 2, 32, 127, 127, 127],
        )

    def test_weights_learn(self):
        layer = layers.FirstConv2D(2, 3, 2)
        layer.build((None, 6, 6, 1))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(normal((2, 6, 6, 1))))
        (gradient,) = tape.gradient(loss, layer.trainable_weights)
        assert np.all(gradient != 0)


class TestInputScale:
    """K of XNOR-Net, from sums over positions in NumPy."""

    def test_pointwise(self):
        layer = layers.BinaryDense(3)
        layer.build((None, 7))
        x = np.abs(normal((2, 4, 7)))
        np.testing.assert_allclose(
            quantizers.input_scale(layer, x),
            x.mean(axis=-1, keepdims=True),
            rtol=1e-6,
        )

    @pytest.mark.parametrize("stride", [1, 2])
    def test_convolution(self, stride):
        layer = layers.BinaryConv2D(3, 3, stride)
        layer.build((None, 6, 5, 4))
        x = np.abs(normal((2, 6, 5, 4)))
        expected = reference.conv2d(x, np.full((3, 3, 4, 1), 1 / 36), stride)
        np.testing.assert_allclose(
            quantizers.input_scale(layer, x), expected, rtol=1e-5
        )
        assert expected.shape[1:3] == layer(x).shape[1:3]

    def test_taps(self):
        layer = layers.MemoryFilter(2, 1, 2, 1)
        layer.build((None, 9, 2, 5))
        x = np.abs(normal((2, 9, 2, 5)))
        for variant in range(2):
            expected = reference.memory_filter(
                x[:, :, variant], np.full((4, 5), 1 / 4), 2, 1, 2, 1
            )
            np.testing.assert_allclose(
                quantizers.input_scale(layer, x)[:, :, variant],
                expected,
                rtol=1e-5,
            )


def test_float_weights_are_not_made_one_bit():
    layer = layers.BinaryDense(5, kernel_quantizer="bifsmn_float")
    layer.build((None, 7))
    inputs = signs((4, 7))
    expected = inputs @ layer.kernel.numpy()
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-5, atol=1e-6)
    found = layer.integer_dot(inputs) * layer.weight_scale()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    layer.kernel.assign(np.full((7, 5), 3.0))
    assert np.all(layer.kernel.constraint(layer.kernel) == 1)


@pytest.mark.parametrize(
    "name", ["bifsmn_scaled_sign", "bifsmn_libra", "ste_sign"]
)
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda **q: layers.BinaryDense(5, **q), (None, 7)),
        (lambda **q: layers.BinaryConv2D(5, 3, **q), (None, 6, 6, 2)),
        (lambda **q: layers.MemoryFilter(**q), (None, 8, 1, 5)),
    ],
)
def test_scale_times_sign_is_the_quantized_kernel(make, shape, name):
    layer = make(kernel_quantizer=name)
    layer.build(shape)
    weights = layer.integers().numpy()
    assert set(np.unique(weights)) <= {-1, 1}
    np.testing.assert_allclose(
        weights * layer.weight_scale().numpy(),
        lq.quantizers.get(name)(tf.constant(layer.kernel.numpy())),
        rtol=1e-6,
    )
    signs = normal((2, *shape[1:]))
    signs = np.where(signs >= 0, 1, -1).astype(np.float32)
    np.testing.assert_allclose(
        layer.integer_dot(signs) * layer.weight_scale(),
        layer(signs),
        rtol=1e-5,
        atol=1e-5,
    )


def test_plain_signs_have_the_scale_one():
    layer = layers.BinaryDense(3, kernel_quantizer=quantizers.Sign())
    layer.build((None, 4))
    np.testing.assert_array_equal(layer.weight_scale(), np.ones(3))
