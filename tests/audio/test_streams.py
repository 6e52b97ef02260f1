"""Streams of sound from files and pipes."""

import io

import numpy as np
import pytest
import soundfile

from bifsmn_tf.audio import streams as sound_input
from bifsmn_tf.errors import UserError


def tone(rate, seconds=0.5):
    time = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_recording_of_any_rate_and_channels(rate, tmp_path):
    path = tmp_path / "tone.wav"
    stereo = np.stack([tone(rate), np.zeros_like(tone(rate))], axis=1)
    soundfile.write(path, stereo, rate)
    pieces = list(sound_input.recording(16000, str(path)))
    assert len(pieces) > 10
    sound = np.concatenate(pieces)
    assert sound.dtype == np.float32
    assert abs(len(sound) - 8000) <= 1
    inside = slice(1000, 7000)
    np.testing.assert_allclose(
        sound[inside], tone(16000)[inside] / 2, atol=0.01
    )


def test_no_sound_file_is_refused(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("no sound")
    with pytest.raises(UserError, match="text.wav"):
        list(sound_input.recording(16000, str(path)))


def test_a_pipe_gives_every_whole_sample():
    samples = np.arange(-1500, 1500, dtype="<i2")
    file = io.BytesIO(samples.tobytes() + b"x")
    sound = np.concatenate(list(sound_input.pipe(16000, file)))
    np.testing.assert_array_equal(sound, samples / np.float32(32768))
