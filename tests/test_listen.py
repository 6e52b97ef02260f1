"""The command that listens, to recordings and pipes."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
import soxr
from sounds import noise

from bifsmn_tf.audio import files


def listen(*flags, sound=b""):
    return subprocess.run(
        [sys.executable, "-m", "bifsmn_tf.listen", *map(str, flags)],
        input=sound,
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def recording(speech):
    """Three keywords, a second of silence before each and after the last."""
    words = ("yes", "left", "stop")
    paths = [sorted((speech / word).glob("*.wav"))[0] for word in words]
    pause = np.zeros(16000, np.int16)
    parts = [pause]
    for path in paths:
        parts += [files.read(path), pause]
    return np.concatenate(parts)


def words(done):
    assert done.returncode == 0, done.stderr
    return [line.split()[2] for line in done.stdout.splitlines()]


def test_a_recording_and_a_pipe_give_the_same(recording, tmp_path):
    path = tmp_path / "recording.wav"
    soundfile.write(path, recording, 16000)
    of_file = listen(f"--input={path}")
    of_pipe = listen("--input=-", sound=recording.tobytes())
    assert words(of_file) == [b"yes", b"left", b"stop"]
    assert of_file.stdout == of_pipe.stdout


def test_a_recording_of_another_rate(recording, tmp_path):
    path = tmp_path / "recording.wav"
    high = soxr.resample(recording, 16000, 44100)
    soundfile.write(path, np.stack([high, high], axis=1), 44100)
    assert words(listen(f"--input={path}")) == [b"yes", b"left", b"stop"]


@pytest.mark.parametrize("cut", [False, True])
def test_a_file_that_cannot_be_used_is_one_line(tmp_path, cut):
    path = tmp_path / "recording.flac"
    if cut:
        soundfile.write(path, noise(64000), 16000)
        path.write_bytes(path.read_bytes()[:-5000])
    done = listen(f"--input={path}")
    assert done.returncode == 1
    assert f"error: {path}: ".encode() in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--model=none.tflite", b"error: there is no file none.tflite"),
        ("--delta=3", b"error: the model has no delta 3"),
        ("--threshold=2", b"error: --threshold is in (0, 1], not 2"),
        ("--hold=-1", b"error: --hold is not negative"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(flag, message):
    done = listen(flag, "--input=-")
    assert done.returncode == 1
    assert message in done.stderr
    assert b"Traceback" not in done.stderr
