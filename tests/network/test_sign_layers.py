import numpy as np
import pytest
from tensors import gradients
from tensors import normal

from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers
from bifsmn_tf.network import quantizers


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


class TestTwoBitSign:
    def make(self, **settings):
        layer = layers.TwoBitSign("bifsmn_sign", 2, **settings)
        layer.build((None, None, 2, 3))
        return layer

    def test_has_four_levels_whatever_the_order_of_its_thresholds(self):
        layer = self.make()
        for i, sign in enumerate(layer.signs):
            sign.thresholds.assign(normal((2, 3), i))
        x = normal((6, 4, 2, 3), 3)
        thresholds = [np.array(sign.thresholds) for sign in layer.signs]
        levels = sum(np.where(x >= t, 1, -1) for t in thresholds)
        assert len(np.unique(levels)) == 4
        np.testing.assert_array_equal(layer(x), 0.5 * levels)
        for variant in range(2):
            np.testing.assert_array_equal(
                layer.apply(x[:, :, variant], variant), levels[:, :, variant]
            )
            np.testing.assert_array_equal(
                layer.exported(variant),
                np.sort([t[variant] for t in thresholds], axis=0),
            )

    def test_a_gradient_passes_around_each_threshold(self):
        layer = self.make()
        x, upstream = normal((6, 4, 2, 3), 3), normal((6, 4, 2, 3), 4)
        of = [sign.thresholds for sign in layer.signs]
        _, (dx, *dthresholds) = gradients(layer, x, of, upstream)
        passed = [np.abs(x - initial) <= 1 for initial in (-1, 0, 1)]
        np.testing.assert_allclose(dx, 0.5 * upstream * sum(passed))
        for found, window in zip(dthresholds, passed, strict=True):
            np.testing.assert_allclose(
                found,
                -0.5 * (upstream * window).sum((0, 1)),
                rtol=1e-4,
                atol=1e-5,
            )

    def test_without_learned_thresholds_they_are_one_apart(self):
        layer = self.make(learned=False)
        assert layer.weights == []
        x = np.float32([-1.5, -1.0, -0.5, 0.5, 1.0])[:, None, None, None]
        x = np.broadcast_to(x, (5, 1, 2, 3))
        np.testing.assert_array_equal(
            layer(x)[:, 0, 1, 2], [-1.5, -0.5, -0.5, 0.5, 1.5]
        )

    def test_starts_around_a_single_sign_and_gives_it_back(self):
        single = layers.VariantSign("bifsmn_sign", 2)
        single.build((None, None, 2, 3))
        single.thresholds.assign(normal((2, 3), 1))
        layer, again = self.make(), self.make()
        layer.start_from(single)
        again.start_from(layer)
        for sign, apart in zip(again.signs, (-1, 0, 1), strict=True):
            np.testing.assert_allclose(
                sign.thresholds, single.thresholds + apart
            )
        back = layers.VariantSign("bifsmn_sign", 2)
        back.build((None, None, 2, 3))
        back.start_from(again)
        np.testing.assert_array_equal(back.thresholds, single.thresholds)


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
