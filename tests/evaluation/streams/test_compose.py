"""Words strung together: how many, how far apart, how loud."""

import dataclasses

import numpy as np
import pytest
from sounds import noise

from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation.streams.compose import Composition
from bifsmn_tf.evaluation.streams.compose import compose
from bifsmn_tf.evaluation.streams.compose import spoken

NAMES = ("yes", "no", "unknown", "silence")


def dataset(per_label=(3, 3, 2, 4)):
    """Words that last from 0.3 to 0.6 s; noise as silence."""
    rows, labels = [], []
    for label, count in enumerate(per_label):
        for i in range(count):
            clip = np.zeros(16000)
            if NAMES[label] == "silence":
                clip = noise(16000, i, level=0.003)
            else:
                clip[4800:9600] = 0.5
            rows.append(clip)
            labels.append(label)
    clips = Clips(
        (32767 * np.reshape(rows, (-1, 16000))).astype(np.int16),
        np.array(labels, np.int32),
        tuple(str(i) for i in range(len(rows))),
        ("",) * len(rows),
    )
    return KeywordDataset("made up", NAMES, {"test": clips})


def level(sound):
    sound = sound / 32768
    return 10 * np.log10(np.mean(sound**2))


def test_words_stand_as_far_apart_and_as_loud_as_is_asked_for():
    composition = Composition(
        words=90, others=10, pause=(0.5, 1.0), gain=(-12, -6), noise=-50
    )
    recordings = compose(dataset(), "test", composition)
    assert [len(x.words) for x in recordings] == [40, 40, 20]
    words = [word.label for x in recordings for word in x.words]
    assert [words.count(x) for x in NAMES] == [45, 45, 10, 0]
    assert all(x.dense for x in recordings)
    for recording in recordings:
        assert len(recording.sound) == round(16000 * recording.seconds)
        ends = 0.0
        for word in recording.words:
            assert word.end - word.start == pytest.approx(0.3, abs=1e-6)
            # A pause, and what is quiet in the clips.
            before = 0.3 if ends == 0 else 0.7
            pause = word.start - ends - before
            assert pause == pytest.approx(0.75, abs=0.251)
            ends = word.end
            first, last = round(16000 * word.start), round(16000 * word.end)
            inside = recording.sound[first + 800 : last - 800]
            assert -12.1 <= level(inside) - level(np.full(9, 16384)) <= -5.9
            quiet = recording.sound[first - 8000 : first - 800]
            assert level(quiet) == pytest.approx(-50, abs=1.5)


def test_the_same_seed_gives_the_same_samples():
    one, same, other = (
        compose(dataset(), "test", Composition(words=5, seed=seed))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.sound, same.sound)
    assert one.words == same.words != other.words


def test_without_silence_the_background_is_white():
    recording = compose(
        dataset((1, 0, 0, 0)), "test", Composition(words=2, noise=-40)
    )[0]
    assert [word.label for word in recording.words] == ["yes", "yes"]
    assert level(recording.sound[:8000]) == pytest.approx(-40, abs=0.5)


def test_where_a_word_is_in_its_clip():
    clip = noise(16000, level=0.001)
    clip[3200:8000] += 0.1
    assert spoken(clip) == (3200, 8000)
    assert spoken(np.zeros(16000, np.float32)) == (0, 16000)


@pytest.mark.parametrize(
    "change",
    [
        {"words": 0},
        {"others": -1},
        {"pause": (2.0, 1.0)},
        {"pause": (-1.0, 1.0)},
        {"gain": (0.0, np.nan)},
        {"noise": 3.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(change):
    with pytest.raises(UserError):
        dataclasses.replace(Composition(), **change)


def test_a_split_without_words_is_refused():
    with pytest.raises(DataError, match="no keyword in test"):
        compose(dataset((0, 0, 1, 1)), "test", Composition())
    with pytest.raises(DataError, match="no unknown in test"):
        compose(dataset((1, 1, 0, 1)), "test", Composition(others=1))
