import numpy as np
import pytest

from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.packing import pack_integers
from bifsmn_tf.model_file.packing import unpack_bits
from bifsmn_tf.model_file.packing import unpack_integers
from bifsmn_tf.model_file.packing import words_for


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


def test_integers_are_codes_of_their_distance_from_a_base():
    packed = pack_integers(np.array([7, 7, 8, 6, 7], np.int16))
    # Distances 0, 0, 1, -1, 0 are 0, 0, 2, 1, 0: 1 1 001 01 1, and no bits.
    assert packed.view(np.uint8).tolist() == [7, 0, 0, 0b11010011]


@pytest.mark.parametrize(
    "rows",
    [
        np.full((1, 1), -32768, np.int16),
        np.array([[-32768, 32767, 0], [1, 1, 1]], np.int16),
        np.arange(-7, 8, dtype=np.int16)[np.newaxis],
        np.array([[0] * 200 + [32767]], np.int16),
    ],
)
def test_unpacking_inverts_packing_of_integers(rows):
    assert np.array_equal(
        unpack_integers(pack_integers(rows), *rows.shape), rows
    )


def test_integers_near_each_other_take_few_bytes():
    rng = np.random.default_rng(0)
    rows = np.rint(rng.normal(3000, 100, (4, 256))).astype(np.int16)
    packed = pack_integers(rows)
    assert np.array_equal(unpack_integers(packed, 4, 256), rows)
    # 9 bits each, where the entropy is 8.7.
    assert packed.size < 4 * (3 + 256 * 9 // 8)


@pytest.mark.parametrize("rows", [np.zeros(3), np.zeros((2, 0), np.int16)])
def test_packing_needs_16_bit_integers(rows):
    with pytest.raises(ValueError, match="int16 values are packed"):
        pack_integers(rows)


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ([7, 0], "a row of packed integers is missing"),
        ([7, 0, 16, 255], "16 bits, at most 15"),
        ([7, 0, 0], "end too early"),
        ([7, 0, 0, 0b1], "end too early"),
        ([7, 0, 9, 0b1], "end too early"),
        ([0xFF, 0x7F, 1, 0b010], "have a 32768"),
        ([0xFF, 0x7F, 0, 0b10100], "have a 32768"),
        ([7, 0, 0, 0b111], "bits set beyond"),
        ([7, 0, 0, 0b11, 0], "1 bytes behind"),
    ],
)
def test_other_bytes_are_no_integers(octets, message):
    packed = np.array(octets, np.uint8).view(np.int8)
    with pytest.raises(ValueError, match=message):
        unpack_integers(packed, 1, 2)
