"""Raw samples of any form, cut anywhere."""

import numpy as np
import pytest
import soxr

from bifsmn_tf.audio.pcm import PcmStream
from bifsmn_tf.errors import UserError


def octets_of(samples, width):
    """Signed little-endian integers of samples in [-1, 1)."""
    values = np.round(samples * 2.0 ** (8 * width - 1)).astype("<i8")
    return values.reshape(-1, 1).view(np.uint8)[:, :width].tobytes()


@pytest.fixture
def sound():
    rng = np.random.default_rng(0)
    return np.clip(0.2 * rng.normal(size=(4000, 2)), -0.99, 0.99)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_width_and_number_of_channels(sound, width, channels):
    sound = sound[:, :channels]
    stream = PcmStream(16000, width, channels, 16000)
    octets = octets_of(sound.ravel(), width)
    found = stream.push(octets)
    assert found.dtype == np.float32
    exact = sound.mean(axis=1)
    np.testing.assert_allclose(found, exact, atol=2.0 ** (1 - 8 * width) + 1e-7)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_cut_anywhere_it_is_the_same(sound, rate):
    octets = octets_of(sound.ravel(), 3)
    whole = PcmStream(rate, 3, 2, 16000)
    wanted = np.concatenate([whole.push(octets), whole.finish()])
    pieces = PcmStream(rate, 3, 2, 16000)
    rng = np.random.default_rng(1)
    found, start = [], 0
    while start < len(octets):
        length = int(rng.integers(0, 700))
        found.append(pieces.push(octets[start : start + length]))
        start += length
    found.append(pieces.finish())
    np.testing.assert_allclose(np.concatenate(found), wanted, atol=1e-6)
    exact = soxr.resample(sound.mean(axis=1), rate, 16000)
    assert abs(len(wanted) - len(exact)) <= 1


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ((16000, 5, 1), "1 to 4 bytes"),
        ((16000, 0, 1), "1 to 4 bytes"),
        ((16000, 2, 0), "channels"),
        ((16000, 2, 33), "channels"),
        ((10, 2, 1), "10 Hz"),
        ((16000.5, 2, 1), "rate is a whole number"),
        (("16000", 2, 1), "rate is a whole number"),
        ((16000, True, 1), "width is a whole number"),
    ],
)
def test_what_is_no_sound_is_refused(form, message):
    with pytest.raises(UserError, match=message):
        PcmStream(*form, 16000)
