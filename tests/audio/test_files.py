import pickle
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile
from sounds import write

from bifsmn_tf.audio import files as audio
from bifsmn_tf.audio.files import UnreadableError
from bifsmn_tf.audio.mending import Mender
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.errors import UserError


def tone(rate: int, seconds: float = 1.0, frequency: float = 440) -> np.ndarray:
    time = np.arange(int(rate * seconds)) / rate
    return 0.5 * np.sin(2 * np.pi * frequency * time)


def test_16_bits_come_back_as_they_are(tmp_path):
    sound = np.arange(-8000, 8000, dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", sound, 16000)
    np.testing.assert_array_equal(audio.read(tmp_path / "a.wav"), sound)


@pytest.mark.parametrize(
    ("name", "rate", "subtype"),
    [
        ("a.wav", 8000, "PCM_16"),
        ("a.wav", 44100, "PCM_24"),
        ("a.wav", 48000, "FLOAT"),
        ("a.wav", 16000, "FLOAT"),
        ("a.wav", 16000, "PCM_24"),
        ("a.flac", 44100, "PCM_16"),
        ("a.wav", 8000, "ULAW"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels(tmp_path, name, rate, subtype, channels):
    sound = np.stack([tone(rate)] * channels, axis=1)
    soundfile.write(tmp_path / name, sound, rate, subtype=subtype)
    result = audio.read(tmp_path / name)
    assert result.dtype == np.int16
    assert abs(len(result) - 16000) <= 1
    middle = slice(2000, 14000)
    np.testing.assert_allclose(
        to_float(result)[middle], tone(16000)[middle], atol=0.02
    )


def test_channels_are_averaged(tmp_path):
    sound = np.stack([tone(16000), -tone(16000)], axis=1)
    soundfile.write(tmp_path / "a.wav", sound, 16000, subtype="FLOAT")
    assert not audio.read(tmp_path / "a.wav").any()


def break_off(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


BAD = {
    "empty": (lambda p: p.write_bytes(b""), "is empty"),
    "text": (lambda p: p.write_text("hello"), "[Ff]ormat"),
    "header only": (lambda p: p.write_bytes(p.read_bytes()[:20]), ".+"),
    "no samples": (
        lambda p: soundfile.write(p, np.zeros(0), 16000),
        "no samples",
    ),
    "missing": (lambda p: p.unlink(), "No such file"),
    "not numbers": (
        lambda p: soundfile.write(
            p, np.full((9, 2), np.nan), 16000, subtype="FLOAT"
        ),
        "not numbers",
    ),
}


def in_pieces(path):
    return list(audio.stream(path, 16000))


@pytest.mark.parametrize("read", [audio.read, in_pieces])
@pytest.mark.parametrize("kind", BAD)
def test_bad_files_say_why(tmp_path, kind, read):
    path = write(tmp_path / "a.wav")
    spoil, why = BAD[kind]
    spoil(path)
    with pytest.raises(UnreadableError, match=why) as caught:
        read(path)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert isinstance(caught.value, DataError)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)


@pytest.mark.parametrize("read", [audio.read, in_pieces])
@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_file_that_breaks_off(tmp_path, name, read):
    path = write(tmp_path / name)
    break_off(path)
    with pytest.raises(UnreadableError):
        read(path)


@pytest.mark.parametrize("rate", [500, 1_000_000])
def test_rates_that_no_recording_has(tmp_path, rate):
    path = write(tmp_path / "a.wav", rate=rate)
    with pytest.raises(UnreadableError, match="sample rate of"):
        audio.read(path)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_pieces_are_those_of_the_whole(tmp_path, rate, channels):
    path = write(tmp_path / "a.wav", rate // 2, rate, channels)
    pieces = in_pieces(path)
    assert len(pieces) > 10
    sound = np.concatenate(pieces)
    assert sound.dtype == np.float32
    np.testing.assert_array_equal(to_int16(sound), audio.read(path))


def test_pieces_take_no_more_memory_than_one(tmp_path):
    path = write(tmp_path / "a.wav", samples=60 * 44100, rate=44100)
    tracemalloc.start()
    for _ in audio.stream(path, 16000):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The file has 5 MB, and 4 in floats at 16 kHz.
    assert most < 500_000


@pytest.mark.parametrize("read", [audio.read, in_pieces])
def test_without_soundfile(tmp_path, monkeypatch, read):
    path = write(tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UserError, match="pip install soundfile"):
        read(path)


def test_a_recording_from_a_pipe_does_not_know_its_length(tmp_path):
    path = write(tmp_path / "a.wav", samples=8000)
    whole = audio.read(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff" * 4
    path.write_bytes(data)
    np.testing.assert_array_equal(audio.read(path), whole)


def test_a_flac_recording_from_a_pipe_is_refused(tmp_path):
    path = write(tmp_path / "a.flac", samples=8000)
    data = bytearray(path.read_bytes())
    # The last 36 bits of a word of 64, in the block that comes first.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(UnreadableError, match="does not tell its length"):
        audio.read(path)


def test_chunks_before_the_samples(tmp_path):
    path = write(tmp_path / "a.wav", samples=100)
    data = path.read_bytes()
    at = data.index(b"data")
    path.write_bytes(data[:at] + b"LIST\x03\0\0\0abc\0" + data[at:])
    assert len(audio.read(path)) == 100


def test_many_keeps_the_places(tmp_path):
    good = write(tmp_path / "a.wav")
    bad = tmp_path / "b.wav"
    bad.write_text("hello")
    results = audio.read_many([bad, good, bad])
    assert isinstance(results[0], UnreadableError)
    np.testing.assert_array_equal(results[1], audio.read(good))
    assert isinstance(results[2], UnreadableError)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_mp3_of_few_bits_is_decoded_as_it_is_whole(tmp_path, rate, capfd):
    """Frames of few bits use those of frames before: no seeking."""
    rng = np.random.default_rng(0)
    sound = 0.3 * tone(rate, 3.0) * (1 + np.sin(np.arange(3 * rate) / 900))
    sound = sound + 0.1 * rng.normal(size=len(sound))
    path = tmp_path / "sound.mp3"
    soundfile.write(
        path,
        sound,
        rate,
        bitrate_mode="CONSTANT",
        compression_level=0.9,
    )
    whole, _ = soundfile.read(path, dtype="float32")
    pieces = np.concatenate(list(audio.stream(path, rate)))
    np.testing.assert_allclose(pieces, whole, atol=1e-6)
    assert capfd.readouterr().err == ""


def test_pieces_that_are_no_sound_are_mended(tmp_path):
    """Two pieces of a stream are silent; the rest is as if nothing was."""
    good = 0.1 * np.random.default_rng(0).normal(size=8000).astype(np.float32)
    bad = good.copy()
    bad[1000], bad[5000] = np.nan, 1e30
    for name, sound in (("good", good), ("bad", bad)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, sound, 16000, subtype="FLOAT")
    mend = Mender()
    with pytest.warns(DataWarning, match="samples that are not numbers"):
        pieces = list(audio.stream(tmp_path / "bad.wav", 16000, mend=mend))
    whole = in_pieces(tmp_path / "good.wav")
    assert mend.count == 2
    for number, (piece, wanted) in enumerate(zip(pieces, whole, strict=True)):
        if number in (1000 // 512, 5000 // 512):
            wanted = np.zeros_like(wanted)
        np.testing.assert_array_equal(piece, wanted)
