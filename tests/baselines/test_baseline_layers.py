"""One-bit layers and dropout of the baselines."""

import numpy as np
import pytest

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.layers import BINARIZERS
from bifsmn_tf.baselines.layers import Binarizer
from bifsmn_tf.baselines.layers import Dropout
from bifsmn_tf.baselines.layers import PerChannel
from bifsmn_tf.baselines.layers import seeded

BINARY = [name for name, made in BINARIZERS.items() if made.binary]


def _random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_a_depthwise_kernel_has_a_scale_for_each_output():
    kernel = _random(3, 1, 4, 2)
    found = PerChannel("bifsmn_scaled_sign")(tf.constant(kernel)).numpy()
    scale = np.abs(kernel).mean(axis=(0, 1))
    np.testing.assert_allclose(found, np.sign(kernel) * scale, rtol=1e-6)


def test_a_quantizer_is_made_again_from_its_configuration():
    quantizer = PerChannel("bifsmn_libra")
    again = PerChannel.from_config(quantizer.get_config())
    kernel = tf.constant(_random(5, 1, 4, 2))
    np.testing.assert_array_equal(again(kernel), quantizer(kernel))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("kind", ["conv2d", "depthwise", "dense"])
def test_weights_are_one_bit(name, kind):
    made = BINARIZERS[name]
    layer = {
        "conv2d": lambda: made.conv2d(6, 3),
        "depthwise": lambda: made.depthwise(3, depth_multiplier=2),
        "dense": lambda: made.dense(6),
    }[kind]()
    layer(_random(2, 5, 5, 3))
    layer.set_weights([_random(*w.shape) for w in layer.get_weights()])
    with lq.context.quantized_scope(True):
        kernel = layer.get_weights()[0]
    outputs = 6
    by_output = np.abs(kernel.reshape(-1, outputs))
    np.testing.assert_allclose(
        by_output, by_output[:1].repeat(len(by_output), 0)
    )
    assert (kernel > 0).any() and (kernel < 0).any()


@pytest.mark.parametrize("name", BINARY)
def test_outputs_depend_on_the_signs_alone_but_for_k(name):
    """K of XNOR-Net grows with the inputs; nothing else does."""
    made = BINARIZERS[name]
    x = _random(2, 5, 5, 3)
    for layer in (made.conv2d(4, 3), made.depthwise(3), made.dense(4)):
        once, twice = layer(x), layer(2 * x)
        factor = 2 if made.input_scale else 1
        np.testing.assert_allclose(twice, factor * once, rtol=1e-5, atol=1e-6)


def test_k_of_a_dense_layer():
    made = Binarizer("ste_sign", "bifsmn_scaled_sign", input_scale=True)
    layer = made.dense(4)
    x = _random(5, 3)
    layer.build(x.shape)
    kernel, bias = _random(3, 4), _random(4)
    layer.set_weights([kernel, bias])
    scale = np.abs(x).mean(axis=1, keepdims=True)
    alpha = np.abs(kernel).mean(axis=0)
    expected = np.sign(x) @ np.sign(kernel) * alpha * scale + bias
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_k_of_a_convolution_is_a_mean_of_the_window():
    made = Binarizer("ste_sign", "bifsmn_scaled_sign", input_scale=True)
    x = _random(1, 6, 5, 3)
    for layer, channels in (
        (made.conv2d(2, (3, 2), strides=(2, 1), use_bias=False), slice(None)),
        (made.depthwise((3, 2), use_bias=False), slice(1, 2)),
    ):
        layer(x)
        found = layer.input_scale(np.abs(x))
        window = np.abs(x)[0, :3, :2, channels].mean()
        np.testing.assert_allclose(
            found[0, 0, 0, -1 if channels == slice(None) else 1],
            window,
            rtol=1e-5,
        )


def test_a_binary_network_has_no_relu():
    assert isinstance(BINARIZERS["none"].relu(), tf.keras.layers.ReLU)
    prelu = BINARIZERS["sign"].relu()
    np.testing.assert_allclose(
        prelu(np.array([[[[-4.0, 4.0]]]], np.float32)), [[[[-1, 4]]]]
    )


class TestDropout:
    @pytest.fixture
    def model(self):
        inputs = tf.keras.layers.Input((8, 8, 4))
        x = Dropout(0.25)(inputs)
        return tf.keras.Model(inputs, [x, Dropout(0.5, channels=True)(inputs)])

    def _run(self, model, seed, training=True):
        ones = np.ones((16, 8, 8, 4), np.float32)
        with seeded(model, seed):
            return [y.numpy() for y in model(ones, training=training)]

    def test_rate_and_mean(self, model):
        values, channels = self._run(model, tf.constant([3, 1]))
        assert set(np.unique(values)) == {0, np.float32(1 / 0.75)}
        assert abs((values == 0).mean() - 0.25) < 0.05
        assert set(np.unique(channels)) == {0, 2}
        assert (channels == channels[:, :1, :1]).all()

    def test_depends_on_the_seed_alone(self, model):
        first = self._run(model, tf.constant([3, 1]))
        again = self._run(model, tf.constant([3, 1]))
        other = self._run(model, tf.constant([4, 1]))
        np.testing.assert_array_equal(first[0], again[0])
        assert (first[0] != other[0]).any()

    def test_nothing_without_a_seed_or_in_inference(self, model):
        assert (self._run(model, None)[0] == 1).all()
        assert (self._run(model, tf.constant([3, 1]), False)[0] == 1).all()
