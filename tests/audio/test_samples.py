import numpy as np
import pytest

from bifsmn_tf.audio import samples
from bifsmn_tf.audio.resampling import resampled
from bifsmn_tf.errors import UserError


def test_float_is_clipped():
    np.testing.assert_array_equal(
        samples.to_int16(np.array([-2, -1, 0, 0.5, 1, 2])),
        [-32768, -32768, 0, 16384, 32767, 32767],
    )


def test_integers_become_floats_and_floats_stay():
    integers = np.array([-32768, 0, 16384], np.int16)
    floats = samples.checked(integers)
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats, [-1, 0, 0.5])
    np.testing.assert_array_equal(samples.checked(floats.tolist()), floats)


def test_channels_are_averaged():
    stereo = np.array([[1.0, 0.0], [0.5, -0.5]])
    np.testing.assert_array_equal(samples.mono(stereo), [0.5, 0])


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros(0, np.float32), "a waveform is"),
        (np.zeros((2, 3, 4), np.float32), "a waveform is"),
        (np.float32(0), "a waveform is"),
        (np.zeros(9, np.uint8), "float in"),
        (["a", "b"], "float in"),
        (np.array([0.0, np.nan]), "not finite"),
        (np.zeros((2, 16000), np.int16), "transpose it"),
        (np.zeros((1, 16000)), "transpose it"),
        (np.zeros(9, np.int32), r"not int32: np.asarray\(samples, np.int16"),
        ([0, 1, 2], "not int64: np.asarray"),
        (np.array([0.0, -3000.0]), "there is one of 3000: divide"),
        ([[0.0], [0.0, 1.0]], "samples are no array"),
        ([0.0, None], "float in"),
        (np.zeros(9, np.complex64), "float in"),
    ],
)
def test_what_is_no_waveform_is_refused(waveform, message):
    with pytest.raises(UserError, match=message):
        samples.mono(waveform)


def test_what_is_a_little_too_loud_is_taken():
    loud = np.array([1.9, -2.5], np.float32)
    np.testing.assert_array_equal(samples.checked(loud), loud)


@pytest.mark.parametrize("rate", [0, -16000, 1e-5, 1e9, np.nan, np.inf])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(UserError, match="a sample rate of"):
        resampled(np.zeros(9, np.float32), rate, 16000)
