import subprocess
import sys

import numpy as np
import numpy_reference as reference
import pytest

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers
from bifsmn_tf.network import quantizers


def normal(shape, seed=0, scale=1.0):
    values = np.random.default_rng(seed).normal(0, scale, shape)
    return values.astype(np.float32)


def signs(shape, seed=0):
    return np.where(normal(shape, seed) >= 0, 1, -1).astype(np.float32)


def gradients(function, inputs, variables, upstream):
    """Value, gradient of the inputs and of the variables."""
    x = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    found = tape.gradient(y, [x, *variables], output_gradients=upstream)
    return y.numpy(), [tf.convert_to_tensor(g).numpy() for g in found]


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


MEMORIES = [
    # N1, N2, s1, s2
    (2, 2, 1, 1),
    (0, 0, 1, 1),
    (3, 0, 1, 1),
    (0, 2, 1, 3),
    (1, 4, 2, 1),
    (4, 1, 1, 2),
    (2, 3, 3, 2),
]


class TestMemoryFilter:
    @pytest.mark.parametrize("memory", MEMORIES)
    @pytest.mark.parametrize("time", [1, 2, 3, 8])
    def test_equals_eq_3(self, memory, time):
        layer = layers.MemoryFilter(*memory)
        layer.build((None, time, 2, 6))
        x = signs((3, time, 2, 6))
        kernel = layer.kernel.numpy()
        assert kernel.shape == (memory[0] + 1 + memory[1], 6)
        dots = self.each_variant(x, reference.sign(kernel), memory)
        np.testing.assert_array_equal(layer.integer_dot(x), dots)
        np.testing.assert_allclose(
            layer(x), dots * reference.alpha(kernel), rtol=1e-5, atol=1e-6
        )

    @pytest.mark.parametrize("memory", MEMORIES)
    @pytest.mark.parametrize("time", [1, 2, 8])
    def test_gradients(self, memory, time):
        layer = layers.MemoryFilter(
            *memory, kernel_quantizer=None, use_bias=True
        )
        layer.build((None, time, 3, 5))
        layer.bias.assign(normal((5,), 3))
        x = normal((2, time, 3, 5))
        upstream = normal(x.shape, 1)

        def slices(inputs):
            far = 20
            padded = tf.pad(inputs, ((0, 0), (far, far), (0, 0), (0, 0)))
            return layer.bias + tf.add_n(
                [
                    layer.kernel[tap] * padded[:, far + o : far + o + time]
                    for tap, o in enumerate(layer.offsets)
                ]
            )

        variables = [layer.kernel, layer.bias]
        value, found = gradients(layer, x, variables, upstream)
        expected_value, expected = gradients(slices, x, variables, upstream)
        np.testing.assert_allclose(value, expected_value, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            value,
            self.each_variant(x, layer.kernel.numpy(), memory)
            + layer.bias.numpy(),
            rtol=1e-4,
            atol=1e-5,
        )
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)

    def test_offsets_are_in_order_of_time(self):
        layer = layers.MemoryFilter(2, 3, 4, 1)
        assert layer.offsets == (-8, -4, 0, 1, 2, 3)

    def test_latent_weights_are_clipped(self):
        layer = layers.MemoryFilter()
        layer.build((None, 8, 1, 3))
        clipped = layer.kernel.constraint(tf.constant([-3.0, 0.5, 2.0]))
        np.testing.assert_array_equal(clipped, [-1.0, 0.5, 1.0])

    @staticmethod
    def each_variant(x, kernel, memory):
        return np.stack(
            [
                reference.memory_filter(x[:, :, v], kernel, *memory)
                for v in range(x.shape[2])
            ],
            axis=2,
        )


class TestVariantNorm:
    @pytest.mark.parametrize("variants", [1, 3])
    def test_equals_a_batch_norm_for_each_variant(self, variants):
        layer = layers.VariantNorm(variants)
        shape = (6, 4, variants, 5)
        layer.build(shape)
        layer.gamma.assign(normal((variants, 5), 1))
        layer.beta.assign(normal((variants, 5), 2))
        x = normal(shape, 3, scale=4.0) + normal((variants, 5), 4)
        upstream = normal(shape, 5)
        value, (dx, dgamma, dbeta) = gradients(
            layer, x, [layer.gamma, layer.beta], upstream
        )
        for v in range(variants):
            plain = tf.keras.layers.BatchNormalization(
                momentum=layer.momentum, epsilon=layer.epsilon
            )
            plain.build((None, 4, 1, 5))
            plain.gamma.assign(normal((variants, 5), 1)[v])
            plain.beta.assign(normal((variants, 5), 2)[v])
            one = slice(v, v + 1)
            expected, grads = gradients(
                lambda inputs, layer=plain: layer(inputs, training=True),
                x[:, :, one],
                [plain.gamma, plain.beta],
                upstream[:, :, one],
            )
            tolerance = {"rtol": 1e-4, "atol": 1e-4}
            np.testing.assert_allclose(value[:, :, one], expected, **tolerance)
            np.testing.assert_allclose(dx[:, :, one], grads[0], **tolerance)
            np.testing.assert_allclose(dgamma[v], grads[1], **tolerance)
            np.testing.assert_allclose(dbeta[v], grads[2], **tolerance)
            for name in ("moving_mean", "moving_variance"):
                np.testing.assert_allclose(
                    getattr(layer, name)[v], getattr(plain, name), **tolerance
                )

    def test_a_front_end_has_a_single_set(self):
        layer = layers.VariantNorm()
        x = normal((4, 6, 3, 5), scale=3.0) + 1.0
        layer.build(x.shape)
        outputs = layer(x).numpy()
        np.testing.assert_allclose(outputs.mean((0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(outputs.std((0, 1, 2)), 1, atol=1e-3)

    @pytest.mark.parametrize("bias", [0.0, normal((5,), 8)])
    def test_folds_into_scale_and_offset(self, bias):
        layer = layers.VariantNorm(2)
        layer.build((None, None, 2, 5))
        layer.gamma.assign(normal((2, 5), 1))
        layer.beta.assign(normal((2, 5), 2))
        layer.moving_mean.assign(normal((2, 5), 3))
        layer.moving_variance.assign(np.abs(normal((2, 5), 4)))
        dots, scale = normal((7, 5), 5, 9.0), normal((5,), 6)
        s, t = layer.fold(scale, bias, 1)
        u = dots * scale + bias
        deviation = np.sqrt(layer.moving_variance[1].numpy() + 1e-5)
        expected = (u - layer.moving_mean[1]) / deviation * layer.gamma[
            1
        ] + layer.beta[1]
        np.testing.assert_allclose(dots * s + t, expected, rtol=1e-4, atol=1e-4)


class TestVariantPReLU:
    @pytest.mark.parametrize("per_channel", [True, False])
    @pytest.mark.parametrize(
        ("variants", "shape"),
        [(1, (4, 3, 1, 5)), (3, (4, 3, 3, 5)), (1, (2, 3, 4, 5)), (1, (4, 5))],
    )
    def test_forward_and_gradients(self, variants, shape, per_channel):
        layer = layers.VariantPReLU(variants, per_channel=per_channel)
        layer.build(shape)
        layer.slope.assign(normal(layer.slope.shape, 1))
        x, upstream = normal(shape, 2), normal(shape, 3)
        x.flat[0] = 0.0
        value, (dx, dslope) = gradients(layer, x, [layer.slope], upstream)
        expected, (want_dx, want_dslope) = gradients(
            lambda inputs: tf.where(inputs >= 0, inputs, layer.slope * inputs),
            x,
            [layer.slope],
            upstream,
        )
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(dx, want_dx, rtol=1e-5)
        np.testing.assert_allclose(dslope, want_dslope, rtol=1e-4, atol=1e-5)
        assert dx.flat[0] == upstream.flat[0]

    def test_inference_uses_the_slopes_of_its_variant(self):
        layer = layers.VariantPReLU(2)
        layer.build((None, None, 2, 4))
        layer.slope.assign(normal((2, 4), 1))
        x = normal((5, 4), 2)
        for variant in range(2):
            np.testing.assert_array_equal(
                layer.apply(x, variant),
                np.where(x >= 0, x, layer.slope[variant].numpy() * x),
            )

    @pytest.mark.parametrize("bounded", [True, False])
    def test_only_a_bounded_one_is_constrained(self, bounded):
        layer = layers.VariantPReLU(bounded=bounded)
        layer.build((None, 3))
        assert (layer.slope.constraint is not None) == bounded
        if bounded:
            slopes = layer.slope.constraint(tf.constant([-0.1, 0.2, 2.0]))
            np.testing.assert_allclose(slopes, [0.0, 0.2, 1.99])


class TestVariantSign:
    def test_subtracts_thresholds_of_each_variant(self):
        layer = layers.VariantSign("bifsmn_sign", 2)
        layer.build((None, None, 2, 3))
        layer.thresholds.assign(normal((2, 3), 1))
        x, upstream = normal((6, 4, 2, 3), 2), normal((6, 4, 2, 3), 3)
        value, (dx, dthreshold) = gradients(
            layer, x, [layer.thresholds], upstream
        )
        distance = x - layer.thresholds.numpy()
        np.testing.assert_array_equal(value, np.where(distance >= 0, 1, -1))
        expected = upstream * (np.abs(distance) <= 1)
        np.testing.assert_allclose(dx, expected)
        np.testing.assert_allclose(
            dthreshold, -expected.sum(axis=(0, 1)), rtol=1e-4, atol=1e-5
        )
        for variant in range(2):
            np.testing.assert_array_equal(
                layer.apply(x[:, :, variant], variant), value[:, :, variant]
            )

    def test_on_the_threshold_is_plus_one(self):
        layer = layers.VariantSign("bifsmn_sign")
        layer.build((None, 2))
        layer.thresholds.assign([[0.3, -0.7]])
        x = np.array([[0.3, -0.7]], np.float32)
        np.testing.assert_array_equal(layer(x), [[1, 1]])
        np.testing.assert_array_equal(layer.apply(x, 0), [[1, 1]])

    def test_without_thresholds_there_is_no_weight(self):
        layer = layers.VariantSign("bifsmn_sign", 2, learned=False)
        layer.build((None, None, 2, 3))
        assert layer.weights == []
        x = normal((4, 5, 2, 3))
        np.testing.assert_array_equal(layer(x), np.where(x >= 0, 1, -1))
        np.testing.assert_array_equal(
            layer.apply(x[:, :, 1], 1), np.where(x[:, :, 1] >= 0, 1, -1)
        )

    @pytest.mark.parametrize("learned", [False, True])
    def test_zeros_and_ones_of_dorefa_are_those_of_training(self, learned):
        layer = layers.VariantSign("bifsmn_dorefa_activation", 2, learned)
        layer.build((None, None, 2, 3))
        if learned:
            layer.thresholds.assign(normal((2, 3), 1))
        x = normal((4, 5, 2, 3))
        thresholds = np.array(layer.thresholds)
        value = layer(x).numpy()
        np.testing.assert_array_equal(value, x - thresholds > 0.5)
        for variant in range(2):
            np.testing.assert_array_equal(
                layer.apply(x[:, :, variant], variant), value[:, :, variant]
            )

    def test_a_learned_window_changes_the_gradient_alone(self):
        layer = layers.VariantSign("bifsmn_sign", 2, learned_window=True)
        layer.build((None, None, 2, 3))
        layer.thresholds.assign(normal((2, 3), 1))
        layer.window.assign([[0.5], [3.0]])
        x, upstream = normal((6, 4, 2, 3), 2), normal((6, 4, 2, 3), 3)
        value, (dx, dthreshold, dwindow) = gradients(
            layer, x, [layer.thresholds, layer.window], upstream
        )
        distance = x - layer.thresholds.numpy()
        np.testing.assert_array_equal(value, np.where(distance >= 0, 1, -1))
        k = layer.window.numpy()
        passed = upstream * (np.abs(k * distance) <= 1)
        np.testing.assert_allclose(dx, k * passed, rtol=1e-5)
        np.testing.assert_allclose(
            dthreshold, -(k * passed).sum((0, 1)), rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            dwindow[:, 0], (distance * passed).sum((0, 1, 3)), rtol=1e-4
        )
        assert isinstance(layer.window.constraint, quantizers.WindowBounds)
        for variant in range(2):
            np.testing.assert_array_equal(
                layer.apply(x[:, :, variant], variant), value[:, :, variant]
            )

    @pytest.mark.parametrize("variants", [1, 2])
    def test_regularized_adds_the_loss_of_each_variant(self, variants):
        layer = layers.VariantSign(
            "ste_sign", variants, learned=False, regularized=True
        )
        x = normal((6, 4, variants, 3), 2) * [[[2.0, 0.1, 9.0]]] + 1
        layer(tf.constant(x, tf.float32))
        (loss,) = layer.losses
        expected = np.mean(
            [
                layers.distribution_loss(tf.constant(x[:, :, i]))
                for i in range(variants)
            ]
        )
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        plain = layers.VariantSign("ste_sign", variants, learned=False)
        plain(tf.constant(x, tf.float32))
        assert plain.losses == []


class TestDistributionLoss:
    @pytest.mark.parametrize(
        ("mean", "deviation", "expected"),
        [
            # None of the three.
            (0.0, 3.0, 0.0),
            (1.0, 1.5, 0.0),
            # Degeneration, saturation, mismatch, each alone.
            (3.0, 2.0, 9.0 - 4.0),
            (-3.0, 2.0, 9.0 - 4.0),
            (0.5, 6.0, (6.0 - 4.0) ** 2),
            (0.2, 0.5, (2.0 - 0.2 - 0.5) ** 2),
            (-0.2, 0.5, (2.0 - 0.2 - 0.5) ** 2),
            # Mismatch and degeneration.
            (0.9, 0.1, 0.81 - 0.01 + 1.0),
        ],
    )
    def test_closed_form(self, mean, deviation, expected):
        x = mean + deviation * np.array([[-1.0], [1.0]] * 8)
        loss = layers.distribution_loss(tf.constant(x, tf.float32))
        np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)

    def test_is_the_mean_over_channels(self):
        x = np.array([[1.0, -1.0], [-1.0, 1.0]]) * [3.0, 6.0]
        loss = layers.distribution_loss(tf.constant(x))
        np.testing.assert_allclose(loss, (0 + 4) / 2, rtol=1e-6)

    def test_has_a_gradient_where_nothing_varies(self):
        x = tf.zeros((4, 3))
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = layers.distribution_loss(x)
        assert np.all(np.isfinite(tape.gradient(loss, x)))


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


class TestDualSign:
    def make(self):
        layer = layers.DualSign("bifsmn_sign", 2)
        layer.build((None, None, 2, 3))
        layer.first.thresholds.assign(normal((2, 3), 1, 0.3))
        layer.second.thresholds.assign(normal((2, 3), 2, 0.3))
        layer.scale.assign([[0.4], [0.7]])
        return layer

    def test_equals_its_equation(self):
        layer = self.make()
        x = normal((6, 4, 2, 3), 3)
        first = np.where(x >= layer.first.thresholds.numpy(), 1, -1)
        rest = x - first - layer.second.thresholds.numpy()
        expected = first + layer.scale.numpy() * np.where(rest >= 0, 1, -1)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
        for variant in range(2):
            np.testing.assert_array_equal(
                layer.apply(x[:, :, variant], variant),
                layer(x)[:, :, variant],
            )
        assert len(np.unique(layer.apply(x[:, :, 0], 0))) == 4

    def test_gradients(self):
        layer = self.make()
        x, upstream = normal((6, 4, 2, 3), 3), normal((6, 4, 2, 3), 4)
        value, (dx, dscale) = gradients(layer, x, [layer.scale], upstream)
        s = layer.scale.numpy()
        distance = x - layer.first.thresholds.numpy()
        first = np.where(distance >= 0, 1, -1)
        rest = x - first - layer.second.thresholds.numpy()
        slope = (np.abs(distance) <= 1).astype(np.float32)
        through_second = s * (np.abs(rest) <= 1)
        np.testing.assert_allclose(
            dx,
            upstream * (slope + through_second * (1 - slope)),
            rtol=1e-5,
            atol=1e-6,
        )
        second = (value - first) / s
        np.testing.assert_allclose(
            dscale[:, 0], (upstream * second).sum((0, 1, 3)), rtol=1e-4
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
