"""Streams of sound from microphones and pipes."""

import io
import sys
import types

import numpy as np
import pytest

from bifsmn_tf.audio import streams
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.errors import UserError


def test_a_pipe_gives_every_whole_sample():
    samples = np.arange(-1500, 1500, dtype="<i2")
    file = io.BytesIO(samples.tobytes() + b"x")
    sound = np.concatenate(list(streams.pipe(16000, file)))
    np.testing.assert_array_equal(sound, samples / np.float32(32768))


class Dribble(io.RawIOBase):
    """Gives an odd number of bytes at a time, as a pipe may."""

    def __init__(self, content):
        self._content = content

    def read(self, size=-1):
        piece, self._content = self._content[:7], self._content[7:]
        return piece


def test_a_sample_may_come_in_two_pieces():
    samples = np.arange(-50, 50, dtype="<i2")
    pieces = list(streams.pipe(16000, Dribble(samples.tobytes())))
    np.testing.assert_array_equal(
        np.concatenate(pieces), samples / np.float32(32768)
    )


class InputStream:
    """What sounddevice has of that name, of a device called "mic"."""

    def __init__(self, samplerate, channels, device, dtype):
        if device not in (None, 1, "mic"):
            raise ValueError(f"No input device matching {device!r}")
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def read(self, frames):
        self._count += 1
        return np.full((frames, 1), self._count, np.float32), self._count == 2


@pytest.fixture
def sounddevice(monkeypatch):
    module = types.ModuleType("sounddevice")
    module.InputStream = InputStream
    module.PortAudioError = OSError
    module.query_devices = lambda: "0 none\n1 mic"
    monkeypatch.setitem(sys.modules, "sounddevice", module)


@pytest.mark.parametrize("device", [None, "mic", "1"])
def test_a_microphone_gives_pieces_and_says_what_is_lost(sounddevice, device):
    pieces = streams.microphone(16000, device)
    first = next(pieces)
    assert first.shape == (512,)
    assert (first == 1).all()
    with pytest.warns(DataWarning, match="sound was lost"):
        assert (next(pieces) == 2).all()


def test_a_microphone_that_is_not_there(sounddevice):
    with pytest.raises(UserError, match="No input device matching 'other'"):
        next(streams.microphone(16000, "other"))


def test_microphones(sounddevice):
    assert streams.microphones() == "0 none\n1 mic"


def test_without_sounddevice(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for use in (streams.microphones, lambda: next(streams.microphone(8000))):
        with pytest.raises(UserError, match="pip install sounddevice"):
            use()
