import numpy as np
import pytest

from bifsmn_tf.deployment.packing import pack_bits
from bifsmn_tf.deployment.packing import unpack_bits
from bifsmn_tf.deployment.packing import words_for


def test_minus_one_is_a_bit_of_one_least_significant_first():
    signs = np.ones(20)
    signs[[0, 3, 15, 17]] = -1
    packed = pack_bits(signs)
    assert packed.dtype == np.int16
    assert packed.view(np.uint16).tolist() == [0x8009, 0x0002]


@pytest.mark.parametrize("channels", [1, 15, 16, 17, 64])
def test_unpacking_inverts_packing(channels):
    signs = np.random.default_rng(0).choice([-1, 1], (3, 2, channels))
    packed = pack_bits(signs)
    assert packed.shape == (3, 2, words_for(channels))
    assert np.array_equal(unpack_bits(packed, channels), signs)


def test_unused_bits_are_zero():
    packed = pack_bits(-np.ones((4, 5)))
    assert (packed == 0b11111).all()


def test_only_the_sign_counts_and_zero_is_plus_one():
    values = [0.0, -0.0, 1e-30, -1e-30, np.inf, -np.inf, np.nan]
    signs = unpack_bits(pack_bits(values), 7)
    assert signs.tolist() == [1, 1, 1, -1, 1, -1, -1]


def test_unpacks_what_is_not_contiguous():
    packed = pack_bits(np.random.default_rng(0).normal(size=(4, 40)))
    assert np.array_equal(
        unpack_bits(packed[:, ::2][:, :1], 16), unpack_bits(packed[:, :1], 16)
    )


@pytest.mark.parametrize("values", [1.0, np.ones((3, 0))])
def test_packing_needs_channels(values):
    with pytest.raises(ValueError, match="one channel or more"):
        pack_bits(values)


def test_unpacking_checks_words():
    with pytest.raises(ValueError, match="int16 words, got float64"):
        unpack_bits(np.zeros(1), 16)
    with pytest.raises(ValueError, match="17 channels do not fit"):
        unpack_bits(np.zeros(1, np.int16), 17)
    with pytest.raises(ValueError, match="0 channels do not fit"):
        unpack_bits(np.zeros(0, np.int16), 0)
