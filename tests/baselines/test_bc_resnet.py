import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines import bc_resnet as module
from bifsmn_tf.baselines.bc_resnet import SubSpectralNorm
from bifsmn_tf.baselines.bc_resnet import bc_resnet
from bifsmn_tf.baselines.counts import macs
from bifsmn_tf.baselines.counts import parameters
from bifsmn_tf.baselines.layers import FULL_PRECISION
from bifsmn_tf.baselines.tflite_converter import convert


@pytest.mark.parametrize(("tau", "thousands"), [(1, 9.2), (2, 27.3), (3, 54.2)])
def test_parameters_of_table_3(tau, thousands):
    assert round(parameters(bc_resnet(12, tau)) / 1000, 1) == thousands


def test_macs_of_table_1():
    """Counted by hand from the rows of the paper's Table 1."""
    frames = 101
    total = frames * 20 * 16 * 25
    inputs, frequencies = 16, 20
    stages = [(8, 2, 1), (12, 2, 2), (16, 4, 2), (20, 4, 1)]
    for channels, blocks, stride in stages:
        total += frames * frequencies * inputs * channels
        frequencies //= stride
        total += blocks * frames * frequencies * channels * 3
        total += blocks * frames * channels * (3 + channels)
        inputs = channels
    total += frames * 20 * (25 + 32) + 32 * 12
    model = bc_resnet(12)
    found = macs(convert(model, model.input_shape[1:]))
    assert found == total
    # Beside these the paper counts multiplications of normalisations.
    assert 0.75 < found / 3.1e6 < 1


def test_dilations_and_strides():
    layers = [
        layer
        for layer in bc_resnet(4).layers
        if isinstance(layer, tf.keras.layers.DepthwiseConv2D)
    ]
    temporal = [x for x in layers if x.kernel_size == (3, 1)]
    dilations = [x.dilation_rate[0] for x in temporal if x.strides == (1, 1)]
    assert dilations == [1] * 2 + [2] * 2 + [4] * 4 + [8] * 4
    assert sum(x.strides == (2, 2) for x in layers) == 2


def test_the_features_of_this_package():
    model = bc_resnet(5, input_shape=(32, 32, 1))
    assert model(np.zeros((2, 32, 32, 1), np.float32)).shape == (2, 5)
    norms = [x for x in model.layers if isinstance(x, SubSpectralNorm)]
    assert len(norms) == 12
    assert {x.sub_bands for x in norms} == {4}


def test_frequencies_have_to_divide_by_8():
    with pytest.raises(ValueError, match="a multiple of 8 frequencies, not 30"):
        bc_resnet(5, input_shape=(32, 30, 1))


def test_stride_along_frequency_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 8, 3)).astype(np.float32)
    inputs = tf.keras.layers.Input(x.shape[1:])
    model = tf.keras.Model(
        inputs, module._along_frequency(FULL_PRECISION, inputs, 2)
    )
    (kernel,) = model.get_weights()
    # "Same" padding of an even size has nothing in front.
    padded = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 0)))
    windows = np.stack([padded[:, :, i : i + 7 : 2] for i in range(3)], -1)
    expected = np.einsum("btfci,ic->btfc", windows, kernel[:, 0, :, 0])
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


class TestSubSpectralNorm:
    def test_training_normalises_each_band(self):
        rng = np.random.default_rng(0)
        rows = np.arange(1, 5)[:, np.newaxis]
        x = (rng.normal(size=(8, 6, 4, 3)) * rows + rows).astype(np.float32)
        layer = SubSpectralNorm(2, momentum=0.0)
        y = layer(x, training=True).numpy()
        for band in (slice(0, 2), slice(2, 4)):
            np.testing.assert_allclose(
                y[:, :, band].mean(axis=(0, 1, 2)), 0, atol=1e-5
            )
            np.testing.assert_allclose(
                y[:, :, band].std(axis=(0, 1, 2)), 1, atol=1e-3
            )
        # With no momentum the statistics are the batch's own.
        np.testing.assert_allclose(layer(x), y, atol=1e-4)

    def test_moving_statistics(self):
        x = np.full((2, 3, 4, 1), 10, np.float32)
        layer = SubSpectralNorm(4, momentum=0.9)
        layer(x)
        layer(x, training=True)
        np.testing.assert_allclose(layer.moving_mean, 1, rtol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, 0.9, rtol=1e-5)

    def test_bands_have_to_divide(self):
        with pytest.raises(ValueError, match="5 frequencies are no 2"):
            SubSpectralNorm(2)(np.zeros((1, 1, 5, 1), np.float32))
