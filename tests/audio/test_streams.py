"""Streams of sound from microphones and pipes."""

import io
import sys
import types

import numpy as np
import pytest
import soundfile
from sounds import noise

from bifsmn_tf.audio import streams
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.errors import UserError


def test_a_pipe_gives_every_whole_sample():
    samples = np.arange(-1500, 1500, dtype="<i2")
    file = io.BytesIO(samples.tobytes() + b"x")
    sound = np.concatenate(list(streams.pipe(16000, file)))
    np.testing.assert_array_equal(sound, samples / np.float32(32768))


def test_a_pipe_of_another_rate_and_channels():
    tone = np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    stereo = np.stack([tone, -0.5 * tone], axis=1)
    octets = np.round(stereo * 30000).astype("<i2").tobytes()
    pieces = streams.pipe(16000, io.BytesIO(octets), 48000, 2)
    sound = np.concatenate(list(pieces))
    assert abs(len(sound) - 16000) <= 1
    wanted = np.sin(2 * np.pi * 440 * np.arange(len(sound)) / 16000)
    wanted *= 0.25 * 30000 / 32768
    np.testing.assert_allclose(sound[200:-200], wanted[200:-200], atol=2e-3)


def test_an_empty_pipe_is_said():
    with pytest.raises(UserError, match="ended without any sound"):
        next(streams.pipe(16000, io.BytesIO()))


@pytest.mark.parametrize(
    ("extension", "options"),
    [
        ("wav", {}),
        ("flac", {}),
        ("ogg", {}),
        ("aiff", {}),
        ("caf", {}),
        ("au", {}),
        ("mp3", {"bitrate_mode": "CONSTANT", "compression_level": 0.9}),
        ("mp3", {"bitrate_mode": "VARIABLE", "compression_level": 0.1}),
    ],
)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_sound_file_in_a_pipe_is_recognised(
    tmp_path, extension, options, rate
):
    path = tmp_path / f"sound.{extension}"
    soundfile.write(path, noise(rate), rate, **options)
    with (
        path.open("rb") as file,
        pytest.raises(UserError, match="file comes in, not raw samples"),
    ):
        next(streams.pipe(16000, file))


def test_raw_samples_are_no_sound_file():
    rng = np.random.default_rng(0)
    for _ in range(200):
        octets = rng.integers(0, 256, 5000, np.uint8).tobytes()
        # That begin like a frame of MP3, as every loud sample may.
        octets = b"\xff\xfb\x90\x00" + octets
        assert streams._sound_file(octets) == ""


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


class PortAudioError(Exception):
    """As sounddevice's."""


def check_input_settings(device, channels, dtype, samplerate):
    if device not in (None, 1, "mic"):
        raise ValueError(f"No input device matching {device!r}")
    if not InputStream.PLUGGED:
        raise PortAudioError("Error querying device -1")
    if samplerate not in InputStream.RATES:
        raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")


def query_devices(device=None, kind=None):
    if kind is None:
        return "0 none\n1 mic"
    if not InputStream.PLUGGED:
        raise PortAudioError("Error querying device -1")
    return {"default_samplerate": InputStream.OWN}


class InputStream:
    """What sounddevice has of that name, of a device called "mic"."""

    RATES = (16000,)
    OWN = 16000.0
    PLUGGED = True

    def __init__(self, samplerate, channels, device, dtype):
        check_input_settings(device, channels, dtype, samplerate)
        self._rate = samplerate
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def read(self, frames):
        self._count += 1
        if not self.PLUGGED:
            raise PortAudioError("Device unavailable [PaErrorCode -9985]")
        return np.full((frames, 1), self._count, np.float32), self._count == 2


@pytest.fixture
def sounddevice(monkeypatch):
    module = types.ModuleType("sounddevice")
    module.InputStream = InputStream
    module.PortAudioError = PortAudioError
    module.check_input_settings = check_input_settings
    module.query_devices = query_devices
    module._terminate = module._initialize = lambda: None
    monkeypatch.setitem(sys.modules, "sounddevice", module)


@pytest.mark.parametrize("device", [None, "mic", "1"])
def test_a_microphone_gives_pieces_and_says_what_is_lost(sounddevice, device):
    pieces = streams.microphone(16000, device)
    first = next(pieces)
    assert first.shape == (512,)
    assert (first == 1).all()
    with pytest.warns(DataWarning, match="sound was lost"):
        assert (next(pieces) == 2).all()


def test_a_microphone_that_refuses_the_rate_is_resampled(
    sounddevice, monkeypatch
):
    monkeypatch.setattr(InputStream, "RATES", (44100,))
    monkeypatch.setattr(InputStream, "OWN", 44100.0)
    tone = np.sin(2 * np.pi * 440 * np.arange(44100 * 2) / 44100)
    tone = tone.astype(np.float32)
    place = 0

    def read(self, frames):
        nonlocal place
        place += frames
        return tone[place - frames : place, np.newaxis], False

    monkeypatch.setattr(InputStream, "read", read)
    pieces = streams.microphone(16000)
    sound = np.concatenate([next(pieces) for _ in range(40)])
    assert 38 * 512 <= len(sound) <= 40 * 512
    wanted = np.sin(2 * np.pi * 440 * np.arange(len(sound)) / 16000)
    np.testing.assert_allclose(sound[500:], wanted[500:], atol=0.01)


def test_a_microphone_that_goes_away_is_waited_for(sounddevice, monkeypatch):
    said, slept = [], []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            monkeypatch.setattr(InputStream, "PLUGGED", True)

    monkeypatch.setattr(streams.time, "sleep", sleep)
    pieces = streams.microphone(16000, None, said.append)
    next(pieces)
    for _ in range(2):
        slept.clear()
        monkeypatch.setattr(InputStream, "PLUGGED", False)
        assert next(pieces).shape == (512,)
        assert len(slept) == 3
    assert [text.partition(" (")[0] for text in said] == [
        "the microphone went away",
        "the microphone is back",
    ] * 2


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
