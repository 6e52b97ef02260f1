import numpy as np
import pytest
from tensors import value_and_gradient

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import quantizers

X = np.array(
    [-3.0, -1.01, -1.0, -0.6, -0.25, -0.0, 0.0, 0.25, 0.6, 1.0, 1.01, 3.0],
    np.float32,
)
SIGNS = np.array([-1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1, 1], np.float32)
STE = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0], np.float32)
APPROX = np.array([0, 0, 0, 0.8, 1.5, 2, 2, 1.5, 0.8, 0, 0, 0], np.float32)
UPSTREAM = np.linspace(-2, 3, len(X), dtype=np.float32)

SIGN_FORMS = [
    ("bifsmn_sign", STE),
    (quantizers.Sign(), STE),
    (quantizers.Sign(surrogate="approx"), APPROX),
    ("bifsmn_approx_sign", APPROX),
    (quantizers.ApproxSign(), APPROX),
]


@pytest.mark.parametrize(("form", "slope"), SIGN_FORMS)
def test_sign_and_its_closed_form_gradient(form, slope):
    quantizer = lq.quantizers.get(form)
    value, gradient = value_and_gradient(quantizer, X, UPSTREAM)
    np.testing.assert_array_equal(value, SIGNS)
    np.testing.assert_allclose(gradient, UPSTREAM * slope, atol=1e-6)
    assert quantizer.precision == 1


@pytest.mark.parametrize("dtype", [tf.float16, tf.float32, tf.float64])
def test_sign_keeps_the_type(dtype):
    value = quantizers.sign(tf.cast(X, dtype))
    assert value.dtype == dtype
    np.testing.assert_array_equal(value, SIGNS)


def test_unknown_surrogate_is_refused():
    with pytest.raises(ValueError, match="'tanh'.*ste.*approx"):
        quantizers.Sign(surrogate="tanh")
    with pytest.raises(ValueError, match="tanh"):
        quantizers.surrogate_slope(tf.constant(X), "tanh")


def random_kernel(shape, seed=0):
    return np.random.default_rng(seed).normal(0, 0.7, shape).astype(np.float32)


@pytest.mark.parametrize(
    "form", ["bifsmn_scaled_sign", quantizers.ScaledSign()]
)
@pytest.mark.parametrize("shape", [(5, 3), (3, 3, 4, 6), (7, 1)])
def test_scaled_sign_is_plus_or_minus_one_scale_a_channel(form, shape):
    kernel = random_kernel(shape)
    value, _ = value_and_gradient(
        lq.quantizers.get(form), kernel, np.ones_like(kernel)
    )
    for channel in range(shape[-1]):
        weights = kernel[..., channel]
        found = np.unique(np.abs(value[..., channel]))
        assert len(found) == 1
        np.testing.assert_allclose(found[0], np.abs(weights).mean(), rtol=1e-6)
        np.testing.assert_array_equal(
            np.sign(value[..., channel]), np.where(weights >= 0, 1, -1)
        )


def test_scaled_sign_of_a_zero_weight_is_plus_alpha():
    kernel = np.array([[0.0], [-0.5], [1.0]], np.float32)
    value = lq.quantizers.get("bifsmn_scaled_sign")(tf.constant(kernel))
    np.testing.assert_allclose(value, [[0.5], [-0.5], [0.5]])


def test_scaled_sign_has_the_gradient_of_eq_1_times_alpha():
    kernel = random_kernel((6, 4))
    kernel[0, 0], kernel[1, 0] = 1.5, -1.0
    upstream = random_kernel((6, 4), seed=1)
    _, gradient = value_and_gradient(
        lq.quantizers.get("bifsmn_scaled_sign"), kernel, upstream
    )
    scale = np.abs(kernel).mean(axis=0)
    np.testing.assert_allclose(
        gradient, upstream * scale * (np.abs(kernel) <= 1), rtol=1e-5
    )


@pytest.mark.parametrize("form", ["bifsmn_int8", quantizers.Int8()])
def test_int8_rounds_symmetrically_and_passes_gradients(form):
    kernel = random_kernel((3, 3, 2, 5))
    upstream = random_kernel(kernel.shape, seed=1)
    quantizer = lq.quantizers.get(form)
    value, gradient = value_and_gradient(quantizer, kernel, upstream)
    integers = quantizer.integers(tf.constant(kernel))
    scale = quantizer.scale(tf.constant(kernel))
    total = np.abs(kernel).sum(axis=(0, 1, 2))
    np.testing.assert_allclose(scale, total / (255 - 9), rtol=1e-6)
    np.testing.assert_array_equal(integers, np.rint(integers))
    assert np.all(np.abs(integers).sum(axis=(0, 1, 2)) <= 255)
    np.testing.assert_allclose(value, integers * scale, rtol=1e-5, atol=1e-7)
    assert np.all(np.abs(value - kernel) <= scale * 0.5001)
    np.testing.assert_array_equal(gradient, upstream)
    assert quantizer.precision == 8


@pytest.mark.parametrize("shape", [(5, 5, 1, 4), (1, 1, 255, 3), (5, 5, 9, 3)])
def test_sums_of_int8_fit_16_bits(shape):
    rng = np.random.default_rng(5)
    for kernel in (
        rng.normal(size=shape),
        # Every weight rounds up.
        np.full(shape, 1.0),
        rng.choice([0.51, 1.0, -3.0], shape),
    ):
        kernel = tf.constant(kernel, tf.float32)
        integers = quantizers.Int8().integers(kernel)
        assert np.all(np.abs(integers).sum(axis=(0, 1, 2)) <= 255)


def test_int8_with_many_weights_a_channel_uses_all_8_bits():
    kernel = random_kernel((16, 16, 1, 2))
    integers, scale = (
        f(tf.constant(kernel))
        for f in (quantizers.Int8().integers, quantizers.Int8().scale)
    )
    np.testing.assert_allclose(
        scale, np.abs(kernel).max(axis=(0, 1, 2)) / 127, rtol=1e-6
    )
    np.testing.assert_array_equal(np.abs(integers).max(axis=(0, 1, 2)), 127)


def test_int8_of_a_channel_of_zeros():
    value = quantizers.Int8()(tf.zeros((3, 2)))
    np.testing.assert_array_equal(value, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("quantizer", "settings"),
    [
        (quantizers.Sign(surrogate="approx"), {"surrogate": "approx"}),
        (quantizers.ApproxSign(), {"surrogate": "approx"}),
        (quantizers.ScaledSign(), {"surrogate": "ste"}),
        (quantizers.Int8(), {}),
        (quantizers.WindowedScaledSign(), {"surrogate": "ste"}),
        (quantizers.FloatWeights(), {"precision": 32}),
    ],
)
def test_configuration_makes_the_quantizer_again(quantizer, settings):
    again = type(quantizer).from_config(quantizer.get_config())
    assert type(again) is type(quantizer)
    for name, value in settings.items():
        assert getattr(again, name) == value
    restored = lq.quantizers.get(lq.quantizers.serialize(quantizer))
    assert type(restored) is type(quantizer)
    np.testing.assert_array_equal(
        restored(tf.constant(X[:, None])), quantizer(tf.constant(X[:, None]))
    )


def test_stock_larq_layers_take_the_names():
    layer = lq.layers.QuantDense(
        3,
        input_quantizer="bifsmn_approx_sign",
        kernel_quantizer="bifsmn_scaled_sign",
        kernel_constraint="weight_clip",
        use_bias=False,
    )
    x = random_kernel((4, 6), seed=2)
    outputs = layer(tf.constant(x))
    kernel = layer.kernel.numpy()
    expected = np.where(x >= 0, 1.0, -1.0) @ (
        np.abs(kernel).mean(axis=0) * np.where(kernel >= 0, 1.0, -1.0)
    )
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    with lq.context.quantized_scope(True):
        (deployed,) = layer.get_weights()
    assert all(len(np.unique(np.abs(column))) == 1 for column in deployed.T)


@pytest.mark.parametrize("window", [0.25, 1.0, 3.0])
def test_a_learned_window_changes_the_gradient_alone(window):
    """sign(k w): w's gradient times k inside its window, k's that times w."""
    quantizer = lq.quantizers.get("bifsmn_windowed_scaled_sign")
    quantizer.window.assign(window)
    kernel = random_kernel((40, 3))
    upstream = random_kernel((40, 3), 1)
    with tf.GradientTape() as tape:
        weights = tf.constant(kernel)
        tape.watch(weights)
        value = quantizer(weights)
    found, of_window = tape.gradient(
        value, [weights, quantizer.window], output_gradients=upstream
    )
    np.testing.assert_array_equal(
        value, lq.quantizers.get("bifsmn_scaled_sign")(kernel)
    )
    alpha = np.abs(kernel).mean(0)
    passed = alpha * upstream * (np.abs(window * kernel) <= 1)
    np.testing.assert_allclose(found, window * passed, rtol=1e-5)
    np.testing.assert_allclose(of_window, (kernel * passed).sum(), rtol=1e-4)
    assert quantizer.precision == 1


def test_windows_stay_positive():
    bounds = quantizers.WindowBounds()
    assert list(bounds(tf.constant([-1.0, 0.0, 2.0, 99.0])).numpy()) == [
        1 / 16,
        1 / 16,
        2.0,
        16.0,
    ]
    quantizer = quantizers.WindowedScaledSign()
    assert isinstance(quantizer.window.constraint, quantizers.WindowBounds)


def test_each_layer_has_a_window_of_its_own():
    first, second = (
        lq.quantizers.get("bifsmn_windowed_scaled_sign") for _ in range(2)
    )
    assert first.window is not second.window


def test_float_weights_are_as_they_are():
    kernel = random_kernel((4, 3))
    quantizer = lq.quantizers.get("bifsmn_float")
    np.testing.assert_array_equal(quantizer(kernel), kernel)
    assert quantizer.precision == 32
