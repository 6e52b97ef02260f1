"""The quantizers of the methods that the paper compares with (Table 2)."""

import math

import numpy as np
import pytest
from tensors import value_and_gradient

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import quantizers
from bifsmn_tf.network.architectures import BINARIZERS
from bifsmn_tf.network.architectures import UNSCALED_KERNELS

X = np.array(
    [-3.0, -1.0, -0.4, -0.0, 0.0, 0.3, 0.5, 0.51, 1.0, 1.01, 4.0], np.float32
)
UPSTREAM = np.linspace(-2, 3, len(X), dtype=np.float32)
SHAPES = [(6, 4), (3, 3, 2, 5), (5, 7)]


def random_kernel(shape, seed=0):
    """Weights on both sides of the straight-through window."""
    generator = np.random.default_rng(seed)
    return generator.normal(0.1, 0.8, shape).astype(np.float32)


def peaked_kernel(shape, seed=0):
    """In the first channel nearly all weights are small."""
    kernel = random_kernel(shape, seed)
    kernel[..., 0] = 0.01 * kernel[..., 0]
    kernel.reshape(-1, shape[-1])[:2, 0] = 0.9, -0.8
    return kernel


def signs_of(x):
    return np.where(x >= 0, 1.0, -1.0).astype(np.float32)


def channels_of(kernel):
    """As (weights of a channel, channels)."""
    return kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)


class TestBnn:
    def test_is_larq_s_sign_which_is_never_zero(self):
        quantizer = lq.quantizers.get(BINARIZERS["bnn"]["kernel_quantizer"])
        assert isinstance(quantizer, lq.quantizers.SteSign)
        value, gradient = value_and_gradient(quantizer, X, UPSTREAM)
        np.testing.assert_array_equal(value, signs_of(X))
        np.testing.assert_array_equal(gradient, UPSTREAM * (np.abs(X) <= 1))


class TestDoReFa:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_weights_have_one_scale_and_pass_gradients(self, shape):
        kernel, upstream = random_kernel(shape), random_kernel(shape, 1)
        quantizer = lq.quantizers.get("bifsmn_dorefa_kernel")
        value, gradient = value_and_gradient(quantizer, kernel, upstream)
        np.testing.assert_allclose(
            value, np.abs(kernel).mean() * signs_of(kernel), rtol=1e-6
        )
        np.testing.assert_array_equal(gradient, upstream)

    def test_activations_are_0_and_1(self):
        quantizer = lq.quantizers.get("bifsmn_dorefa_activation")
        value, gradient = value_and_gradient(quantizer, X, UPSTREAM)
        np.testing.assert_array_equal(value, np.where(X > 0.5, 1, 0))
        inside = (X >= 0) & (X <= 1)
        np.testing.assert_array_equal(gradient, UPSTREAM * inside)


class TestXnor:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_gradient_goes_through_the_scale(self, shape):
        kernel, upstream = random_kernel(shape), random_kernel(shape, 1)
        quantizer = lq.quantizers.get("bifsmn_xnor_kernel")
        value, gradient = value_and_gradient(quantizer, kernel, upstream)
        alpha = np.abs(channels_of(kernel)).mean(axis=0)
        np.testing.assert_allclose(value, alpha * signs_of(kernel), rtol=1e-5)
        n = math.prod(shape[:-1])
        np.testing.assert_allclose(
            gradient,
            upstream * (1 / n + alpha * (np.abs(kernel) <= 1)),
            rtol=1e-5,
        )


class TestErrorDecay:
    @pytest.mark.parametrize(
        ("progress", "t", "k"), [(0, 0.01, 100), (2 / 3, 1, 1), (1, 10, 1)]
    )
    def test_gradient_sharpens(self, progress, t, k):
        quantizer = lq.quantizers.get("bifsmn_ede_sign")
        quantizer.set_progress(progress)
        np.testing.assert_allclose(quantizer.sharpness(), t, rtol=1e-5)
        value, gradient = value_and_gradient(quantizer, X, UPSTREAM)
        np.testing.assert_array_equal(value, signs_of(X))
        slope = k * t * (1 - np.tanh(t * X.astype(np.float64)) ** 2)
        np.testing.assert_allclose(
            gradient, UPSTREAM * slope, rtol=1e-4, atol=1e-5
        )

    def test_a_traced_step_sees_the_progress(self):
        quantizer = quantizers.EdeSign()

        @tf.function
        def slope(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = quantizer(x)
            return tape.gradient(y, x)

        found = []
        for progress in (0.0, 1.0):
            quantizer.set_progress(progress)
            found.append(float(slope(tf.constant(0.2))))
        expected = [1 - np.tanh(0.002) ** 2, 10 * (1 - np.tanh(2.0) ** 2)]
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        assert slope.experimental_get_tracing_count() == 1

    def test_progress_is_no_weight(self):
        for quantizer in (quantizers.EdeSign(), quantizers.Libra()):
            quantizer(tf.ones((3, 2)))
            assert quantizer.weights == []

    @pytest.mark.parametrize("fraction", [-0.1, 1.1, math.nan])
    def test_no_fraction_is_refused(self, fraction):
        with pytest.raises(ValueError, match=r"in \[0, 1\], not"):
            quantizers.EdeSign().set_progress(fraction)


class TestLibra:
    @staticmethod
    def balanced(kernel):
        rows = channels_of(kernel)
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
        return rows.reshape(kernel.shape)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_signs_of_balanced_weights_times_a_power_of_two(self, shape):
        kernel = peaked_kernel(shape)
        balanced = self.balanced(kernel)
        mean = np.abs(channels_of(balanced)).mean(axis=0)
        scale = 2 ** np.round(np.log2(mean))
        assert scale[0] < 1 and scale[1] == 1
        quantizer = lq.quantizers.get("bifsmn_libra")
        tensor = tf.constant(kernel)
        value = quantizer(tensor)
        np.testing.assert_array_equal(value, scale * signs_of(balanced))
        np.testing.assert_array_equal(quantizer.scale(tensor), scale)
        assert np.any(signs_of(balanced) != signs_of(kernel))

    @pytest.mark.parametrize("progress", [0.0, 0.8])
    def test_gradient_is_the_estimator_s_through_the_balance(self, progress):
        kernel, upstream = random_kernel((6, 4)), random_kernel((6, 4), 1)
        quantizer = quantizers.Libra()
        quantizer.set_progress(progress)
        _, gradient = value_and_gradient(quantizer, kernel, upstream)
        t = 10 ** (-2 + 3 * progress)
        balanced = self.balanced(kernel)
        scale = 2 ** np.round(np.log2(np.abs(balanced).mean(axis=0)))
        g = upstream * scale * max(t, 1) * (1 - np.tanh(t * balanced) ** 2)
        # The derivative of (w - mean) / deviation.
        expected = (
            g - g.mean(axis=0) - balanced * (g * balanced).mean(axis=0)
        ) / kernel.std(axis=0)
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)

    def test_a_channel_of_equal_weights_is_finite(self):
        kernel = np.full((4, 2), 0.25, np.float32)
        value, gradient = value_and_gradient(
            quantizers.Libra(), kernel, np.ones_like(kernel)
        )
        np.testing.assert_array_equal(value, np.full((4, 2), 2.0**-8))
        assert np.all(np.isfinite(gradient))


class TestLatent:
    def test_is_the_mistake_of_a_scale_over_a_width_of_1(self):
        kernel, upstream = random_kernel((6, 4)), random_kernel((6, 4), 1)
        quantizer = lq.quantizers.get("bifsmn_latent")
        value, gradient = value_and_gradient(quantizer, kernel, upstream)
        np.testing.assert_array_equal(value, kernel)
        # Eq. 2's, with a "mean" over each weight alone.
        _, wanted = value_and_gradient(
            quantizers.ScaledSign(),
            kernel.reshape(1, -1),
            upstream.reshape(1, -1),
        )
        np.testing.assert_allclose(gradient, wanted.reshape(6, 4), rtol=1e-6)
        assert quantizer.precision == 32


KERNELS = [
    "bifsmn_sign",
    "bifsmn_approx_sign",
    "bifsmn_scaled_sign",
    "bifsmn_xnor_kernel",
    "bifsmn_dorefa_kernel",
    "bifsmn_libra",
    "ste_sign",
    "approx_sign",
    "swish_sign",
    "magnitude_aware_sign",
]


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_signs_times_scale_are_what_a_quantizer_gives(name, shape):
    quantizer = lq.quantizers.get(name)
    kernel = tf.constant(peaked_kernel(shape))
    signs = quantizers.integers(quantizer, kernel)
    scale = quantizers.scale(quantizer, kernel)
    assert set(np.unique(signs)) == {-1, 1}
    assert scale.shape == shape[-1:]
    np.testing.assert_allclose(signs * scale, quantizer(kernel), rtol=1e-6)
    assert quantizer.precision == 1
    assert np.all(scale.numpy() == 1) == (name in UNSCALED_KERNELS)


def test_latent_weights_are_no_signs():
    kernel = tf.constant(random_kernel((6, 4)))
    quantizer = quantizers.Latent()
    np.testing.assert_array_equal(
        quantizers.integers(quantizer, kernel), kernel
    )
    np.testing.assert_array_equal(
        quantizers.scale(quantizer, kernel), np.ones(4)
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bifsmn_sign", True),
        ("bifsmn_approx_sign", True),
        ("bifsmn_ede_sign", True),
        ("ste_sign", True),
        ("approx_sign", True),
        ("swish_sign", True),
        ("bifsmn_scaled_sign", False),
        ("bifsmn_dorefa_activation", False),
        ("ste_heaviside", False),
        ("ste_tern", False),
        ("magnitude_aware_sign", False),
    ],
)
def test_which_quantizers_give_signs(name, expected):
    quantizer = lq.quantizers.get(name)
    assert quantizers.gives_signs(quantizer) == expected
    values = quantizer(tf.constant(X[:, np.newaxis])).numpy()[:, 0]
    assert np.array_equal(values, signs_of(X)) == expected


@pytest.mark.parametrize(
    "quantizer",
    [
        quantizers.DoReFaKernel(),
        quantizers.DoReFaActivation(),
        quantizers.XnorKernel(),
        quantizers.EdeSign(),
        quantizers.Libra(),
        quantizers.Latent(),
    ],
)
def test_configuration_makes_the_quantizer_again(quantizer):
    restored = lq.quantizers.get(lq.quantizers.serialize(quantizer))
    assert type(restored) is type(quantizer)
    kernel = tf.constant(random_kernel((6, 4)))
    np.testing.assert_array_equal(restored(kernel), quantizer(kernel))
