import numpy as np
import pytest
import pywt

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar

SIZES = [(8, 128), (8, 8), (7, 6), (6, 7), (5, 9), (1, 4), (2, 1), (1, 1)]
BATCHES = [(), (3,), (2, 3)]


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def zero_padded_inverse(approximation, details):
    return pywt.idwt2((approximation, details), "haar", mode="zero")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("batch", BATCHES)
class TestAgainstPyWavelets:
    def test_forward(self, batch, size):
        x = random((*batch, *size))
        found = tf.nest.flatten(haar.dwt2(tf.constant(x)))
        approximation, details = pywt.dwt2(x, "haar", mode="zero")
        for mine, theirs in zip(found, (approximation, *details), strict=True):
            assert mine.shape == theirs.shape
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)

    def test_inverse(self, batch, size):
        shape = (*batch, *size)
        approximation, *details = (random(shape, seed) for seed in range(4))
        found = haar.idwt2(
            tf.constant(approximation), tuple(map(tf.constant, details))
        )
        expected = zero_padded_inverse(approximation, tuple(details))
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_high_frequency(self, batch, size):
        x = random((*batch, *size))
        approximation, details = pywt.dwt2(x, "haar", mode="zero")
        expected = zero_padded_inverse(np.zeros_like(approximation), details)
        np.testing.assert_allclose(
            haar.high_frequency(tf.constant(x)),
            expected[..., : size[0], : size[1]],
            rtol=1e-5,
            atol=1e-6,
        )

    def test_there_and_back(self, batch, size):
        x = random((*batch, *size))
        back = haar.idwt2(*haar.dwt2(tf.constant(x)))
        np.testing.assert_allclose(
            back[..., : size[0], : size[1]], x, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("size", SIZES)
def test_relative_energy(size):
    x = random((4, *size))
    high, low = haar.relative_energy(tf.constant(x))
    approximation, details = pywt.dwt2(x, "haar", mode="zero")
    energy_low = np.square(approximation).sum()
    energy_high = sum(np.square(d).sum() for d in details)
    total = energy_low + energy_high
    np.testing.assert_allclose(high, energy_high / total, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(low, energy_low / total, rtol=1e-5, atol=1e-6)


def test_energies_of_flat_and_of_alternating_states():
    flat = tf.ones((2, 8, 16))
    assert float(haar.relative_energy(flat)[0]) == pytest.approx(0, abs=1e-6)
    alternating = flat * tf.constant([1.0, -1.0] * 8)
    assert float(haar.relative_energy(alternating)[0]) == pytest.approx(1)
    np.testing.assert_allclose(haar.relative_energy(tf.zeros((1, 4, 4))), 0)


def test_unknown_batch_size():
    run = tf.function(
        haar.high_frequency, input_signature=[tf.TensorSpec((None, 5, 6))]
    )
    x = random((3, 5, 6))
    np.testing.assert_allclose(
        run(x), haar.high_frequency(tf.constant(x)), atol=1e-6
    )
    assert run.get_concrete_function().outputs[0].shape.as_list() == [
        None,
        5,
        6,
    ]
