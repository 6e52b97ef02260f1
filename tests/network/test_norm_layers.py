import numpy as np
import pytest
from tensors import gradients
from tensors import normal

from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers


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
