import numpy as np
import pytest

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers
from bifsmn_tf.network.quantizers import int8


class TestChannelInt8:
    @pytest.mark.parametrize("shape", [(5, 8), (300, 4), (3, 3, 6, 4)])
    def test_rounds_to_127_steps_of_each_channel(self, shape):
        kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        kernel[..., 1] *= 100
        found = int8.ChannelInt8()(tf.constant(kernel)).numpy()
        step = np.abs(kernel).reshape(-1, shape[-1]).max(axis=0) / 127
        np.testing.assert_allclose(
            found, np.rint(kernel / step) * step, rtol=1e-5, atol=1e-6
        )

    def test_integers_are_what_training_rounds_to(self):
        kernel = np.random.default_rng(0).normal(size=(5, 5, 16, 8))
        kernel = tf.constant(kernel.astype(np.float32))
        quantizer = int8.ChannelInt8()
        integers, scale = (
            f(kernel) for f in (quantizer.integers, quantizer.scale)
        )
        assert np.abs(integers).max() == int8.LARGEST_WEIGHT
        np.testing.assert_array_equal(integers, np.rint(integers))
        np.testing.assert_allclose(
            integers * scale, int8.ChannelInt8()(kernel), rtol=1e-5, atol=1e-7
        )

    def test_a_channel_of_zeros_stays(self):
        kernel = np.zeros((4, 2), np.float32)
        np.testing.assert_array_equal(
            int8.ChannelInt8()(tf.constant(kernel)), kernel
        )

    def test_gradient_passes(self):
        kernel = tf.Variable(np.random.default_rng(0).normal(size=(7, 3)))
        kernel = tf.cast(kernel, tf.float32)
        weights = tf.random.normal((7, 3))
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            loss = tf.reduce_sum(int8.ChannelInt8()(kernel) * weights)
        np.testing.assert_array_equal(tape.gradient(loss, kernel), weights)

    def test_larq_knows_its_precision(self):
        layer = layers.BinaryDense(
            3, kernel_quantizer=int8.ChannelInt8(), kernel_constraint=None
        )
        assert layer.kernel_quantizer.precision == 8
        config = tf.keras.utils.serialize_keras_object(int8.ChannelInt8())
        assert isinstance(lq.quantizers.get(config), int8.ChannelInt8)


class TestInt8Activation:
    def make(self, value):
        layer = int8.Int8Activation()
        layer.build((None, 3))
        layer.range.assign(value)
        return layer

    def test_rounds_to_steps_and_cuts_off(self):
        layer = self.make(2.0)
        inputs = np.float32([-9, -2, -1.001, 0, 0.003, 1.5, 1.984375, 1.99, 9])
        np.testing.assert_allclose(
            layer(inputs),
            np.clip(np.rint(inputs * 64), -128, 127) / 64,
            atol=1e-6,
        )

    def test_integers_are_what_training_rounds_to(self):
        layer = self.make(1.7)
        # Far from ties, which the two round differently.
        steps = np.arange(-300, 300, dtype=np.float32) + np.float32(0.3)
        inputs = tf.constant(steps * np.float32(1.7 / 128))
        integers = layer.integers(inputs)
        np.testing.assert_array_equal(
            integers, np.clip(np.rint(steps), -128, 127)
        )
        np.testing.assert_allclose(
            integers * layer.step, layer(inputs), rtol=1e-6
        )

    def test_starts_with_the_range_of_features(self):
        layer = int8.Int8Activation()
        layer.build((None, 3))
        assert layer.range.numpy() == 128 / layers.FEATURE_SCALE

    def test_gradients(self):
        layer = self.make(1.0)
        inputs = tf.constant([-3.0, -0.5, 0.25, 0.9, 5.0, 6.0])
        weights = np.float32([2, 3, 5, 7, 11, 13])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs) * weights)
        dx, dr = tape.gradient(loss, [inputs, layer.range])
        np.testing.assert_allclose(dx, [0, 3, 5, 7, 0, 0])
        np.testing.assert_allclose(dr, (11 + 13) * 127 / 128 - 2, rtol=1e-6)

    def test_a_range_stays_positive(self):
        bounds = int8.RangeBounds()
        assert bounds(tf.constant(-1.0)).numpy() == np.float32(1e-2)
        assert bounds(tf.constant(3.0)).numpy() == 3
