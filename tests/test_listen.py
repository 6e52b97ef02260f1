"""The command that listens, to recordings and pipes."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile
import soxr
from sounds import noise

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.audio import files
from bifsmn_tf.pretrained import DEFAULT


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


def test_a_recording_of_one_word_is_heard_to_its_end(speech, tmp_path):
    found = []
    for path in sorted((speech / "yes").glob("*.wav"))[:20]:
        done = listen(f"--input={path}", "--smoothing=0")
        found += words(done)
    assert found.count(b"yes") >= 16


def test_json_is_an_object_a_line(recording, tmp_path):
    path = tmp_path / "recording.wav"
    soundfile.write(path, recording, 16000)
    done = listen(f"--input={path}", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [detection["label"] for detection in found] == [
        "yes",
        "left",
        "stop",
    ]
    own = KeywordSpotter(DEFAULT).detection.thresholds
    for detection in found:
        assert own[detection["label"]] <= detection["probability"] <= 1
    times = [detection["time"] for detection in found]
    assert times == sorted(times)


def test_a_terminal_shows_what_is_heard(recording):
    # What is printed goes to a file, what is shown to a terminal.
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "bifsmn_tf.listen", "--input=-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    shown = []

    def read():
        # A terminal that nobody writes to any more ends in an error.
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 4096):
                shown.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    printed, _ = done.communicate(recording.tobytes())
    reader.join()
    os.close(ours)
    assert [line.split()[2] for line in printed.splitlines()] == [
        b"yes",
        b"left",
        b"stop",
    ]
    text = b"".join(shown).decode()
    assert "dB" in text
    assert "of a core" in text


def test_a_pipe_of_another_rate_and_channels(recording):
    high = soxr.resample(recording, 16000, 48000)
    sound = np.stack([high, high], axis=1).astype("<i2").tobytes()
    done = listen("--input=-", "--rate=48000", "--channels=2", sound=sound)
    assert words(done) == [b"yes", b"left", b"stop"]


def test_where_nothing_is_there_is_said(tmp_path):
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0), 16000)
    assert path.stat().st_size == 44
    for done in (listen(f"--input={path}"), listen("--input=-", sound=b"")):
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.startswith(b"error: ")
        assert b"no samples" in last or b"without any sound" in last
        assert b"keywords" not in last


def test_a_closed_input_is_one_line():
    line = f"exec {sys.executable} -m bifsmn_tf.listen --input=- <&-"
    done = subprocess.run(["sh", "-c", line], capture_output=True)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == b"error: --input: the standard input is closed"


def test_an_input_without_a_name_is_one_line():
    done = listen("--input=")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(b"error: --input: names nothing; give a sound file")


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
        ("--threshold=yes:0.5", b"error: --threshold is a number, or a number"),
        ("--threshold=six=0.5", b"the model has no keyword six"),
        ("--hold=-1", b"error: --hold is not negative"),
        ("--rate=5", b"error: a sample rate of 5 Hz"),
        ("--channels=0", b"error: --channels: 1 to 32, not 0"),
        ("--smoothing=nan", b"error: --smoothing is nan"),
        ("--hold=inf", b"error: --hold is inf"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(flag, message):
    done = listen(flag, "--input=-")
    assert done.returncode == 1
    assert message in done.stderr
    assert b"Traceback" not in done.stderr


def test_thresholds_are_told_and_set_by_keyword(tmp_path):
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise(8000), 16000)
    model = "--model=bifsmn-sc12"
    told = listen(f"--input={path}", model).stderr
    assert b"yes, no, up, down, left, right, on, off, stop, go; from" in told
    assert b"from a probability of 0.8 on" in told
    chosen = listen(f"--input={path}").stderr
    assert b"chosen for 2 false an hour" in chosen
    done = listen(f"--input={path}", model, "--threshold=no=0.95,stop=0.99")
    assert done.returncode == 0
    assert b"yes (0.8), no (0.95)" in done.stderr
    assert b"stop (0.99)" in done.stderr
    assert b"from the probability in brackets on" in done.stderr


def test_a_piece_that_is_no_sound_is_left_out(recording, tmp_path):
    """And what is heard before and after is as if nothing had been."""
    sound = recording.astype(np.float32) / 32768
    spoiled = sound.copy()
    spoiled[100] = np.nan
    spoiled[-100] = np.inf
    done = []
    for name, samples in (("good", sound), ("bad", spoiled)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, 16000, subtype="FLOAT")
        done.append(listen(f"--input={path}", "--model=bifsmn_s-sc12"))
    assert words(done[0]) == words(done[1])
    said = done[1].stderr.decode()
    assert said.count("note: the sound has samples that are not numbers") == 1
    assert "keywords, 2 pieces of sound left out" in said
    assert "left out" not in done[0].stderr.decode()
