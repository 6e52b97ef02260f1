"""Recordings of one's own, and training with them."""

import numpy as np
import pytest
import soundfile
from commands import run_apart

from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.folder import with_recordings
from bifsmn_tf.errors import DataError

RATE = 16000


@pytest.fixture
def take(tmp_path):
    """A recording of a session: words of given loudness, with pauses."""

    def make(*levels, name="take.wav"):
        rng = np.random.default_rng(0)
        time = np.arange(RATE // 2) / RATE
        word = np.sin(2 * np.pi * 300 * time)
        quiet = 0.0005 * rng.standard_normal(RATE)
        parts = [quiet]
        for level in levels:
            parts += [level * word, quiet]
        path = tmp_path / name
        soundfile.write(path, np.concatenate(parts), RATE, subtype="FLOAT")
        return path

    return make


def record(folder, take, *flags):
    return run_apart("record", f"--output={folder}", f"--input={take}", *flags)


def test_records_trims_names_and_goes_on(tmp_path, take):
    folder = tmp_path / "own"
    # The second is too quiet, the third clipped: both are asked for again.
    sound = take(0.3, 0.01, 1.2, 0.4)
    done = record(folder, sound, "--words=hey robin,stop", "--count=1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("say: stop (1 of 1)") == 3
    assert "too quiet" in done.stderr and "too loud" in done.stderr
    written = sorted(p.relative_to(folder) for p in folder.rglob("*.wav"))
    assert list(map(str, written)) == ["hey robin/0001.wav", "stop/0001.wav"]
    data, rate = soundfile.read(folder / "stop/0001.wav")
    assert rate == RATE and 0.7 < len(data) / rate < 0.9

    more = record(folder, take(0.3), "--words=stop", "--count=3")
    assert more.returncode == 1
    assert "'stop' has 2 of 3. Call it again to go on" in more.stderr
    assert (folder / "stop/0002.wav").is_file()
    done = record(folder, take(0.3), "--words=stop", "--count=2")
    assert done.returncode == 0
    assert "has 2 recordings of each word" in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--words=../x"], "words are words"),
        (["--words=.."], "words are words"),
        (["--words=."], "words are words"),
        (["--words=a\x1b[31m"], "words are words"),
        (["--words=stop", "--longest=0"], "longest has to be positive"),
        (["--words=stop", "--count=0"], "count has to be at least 1"),
    ],
)
def test_bad_flags_are_one_line(tmp_path, take, flags, message):
    done = record(tmp_path / "own", take(0.3), *flags)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert not (tmp_path / "own").exists()


def test_names_that_look_like_numbers_and_counts_without_end(tmp_path, take):
    folder = tmp_path / "own"
    (folder / "stop").mkdir(parents=True)
    (folder / "stop" / "\u00b2.wav").write_bytes(b"")
    done = record(folder, take(0.3), "--words=stop", f"--count={10**12}")
    assert done.returncode == 1
    assert f"'stop' has 1 of {10**12}" in done.stderr
    assert (folder / "stop" / "0001.wav").is_file()


@pytest.fixture
def dataset():
    labels = np.array([0] * 100 + [1] * 50, np.int32)
    clips = Clips(
        np.zeros((150, 24000), np.int16),
        labels,
        tuple(map(str, range(150))),
        ("",) * 150,
    )
    return KeywordDataset("x", ("stop", "unknown"), {"train": clips}, ())


def test_a_few_recordings_weigh_as_much_as_a_share(tmp_path, dataset):
    for number, value in enumerate((3000, 6000)):
        path = tmp_path / "stop" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.full(RATE // 2, value, np.int16), RATE)
    added = with_recordings(dataset, tmp_path, 0.2).splits["train"]
    assert len(added) == 150 + 20
    own = added.waveforms[150:]
    assert own.shape == (20, 24000)
    assert np.all(added.labels[150:] == 0)
    assert sorted(own.max(axis=1).tolist()) == [3000] * 10 + [6000] * 10
    loud = np.flatnonzero(own[0])
    # In the middle.
    assert abs(loud[0] - (24000 - loud[-1])) < 10


def test_a_long_phrase_is_heard_whole(tmp_path, dataset):
    path = tmp_path / "stop" / "long.wav"
    path.parent.mkdir()
    soundfile.write(path, np.full(22000, 5000, np.int16), RATE)
    added = with_recordings(dataset, tmp_path, 0.0).splits["train"]
    assert np.count_nonzero(added.waveforms[-1]) == 22000


def test_recordings_of_other_words_are_refused(tmp_path, dataset):
    (tmp_path / "go").mkdir()
    soundfile.write(tmp_path / "go/1.wav", np.ones(RATE) * 0.1, RATE)
    with pytest.raises(DataError, match="go"):
        with_recordings(dataset, tmp_path, 0.2)
