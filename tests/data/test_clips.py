import dataclasses

import numpy as np
import pytest
import sounds

from bifsmn_tf.data import clip_cache
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.clips import check_speakers
from bifsmn_tf.data.clips import with_digital_silence
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError

DATASET = KeywordDataset(
    "mine",
    ("yes", "unknown", "silence"),
    {"train": sounds.clips(6), "test": sounds.clips(4, labels=2)},
    noise=(sounds.noise(20000), sounds.noise(30000)),
    notes=("a note",),
)


def assert_same(first: KeywordDataset, second: KeywordDataset) -> None:
    for field in ("name", "label_names", "notes"):
        assert getattr(first, field) == getattr(second, field)
    for one, other in zip(first.noise, second.noise, strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(first.splits) == list(second.splits)
    for split, clips in first.splits.items():
        other = second.splits[split]
        np.testing.assert_array_equal(clips.waveforms, other.waveforms)
        np.testing.assert_array_equal(clips.labels, other.labels)
        assert clips.files == other.files
        assert clips.speakers == other.speakers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"waveforms": np.zeros((2, 16000), "f4")}, "int16"),
        ({"labels": np.zeros(2, np.int64)}, "int32"),
        ({"labels": np.zeros(3, np.int32)}, "int32"),
        ({"files": ("a",)}, "1 files"),
        ({"speakers": ("a",) * 3}, "3 speakers"),
    ],
)
def test_clips_that_do_not_fit_together(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(sounds.clips(2), **change)


def test_take():
    clips = sounds.clips(5)
    taken = clips.take(np.array([3, 1]))
    assert taken.files == ("3.wav", "1.wav")
    np.testing.assert_array_equal(taken.waveforms[0], clips.waveforms[3])


def test_counts():
    assert DATASET.counts("test") == {"yes": 2, "unknown": 2, "silence": 0}


def test_some_silence_becomes_zeros():
    clips = sounds.clips(60)  # 20 of each label
    splits = {"train": clips, "test": clips}
    dataset = dataclasses.replace(DATASET, splits=splits)
    muted = with_digital_silence(dataset, 0.12)
    zeros = ~muted.splits["train"].waveforms.any(axis=1)
    assert zeros.sum() == 3
    assert set(clips.labels[zeros]) == {2}
    # Spread over all of the class.
    assert np.diff(np.flatnonzero(zeros)).min() >= 15
    for field in ("labels", "files", "speakers"):
        assert np.array_equal(
            getattr(muted.splits["train"], field), getattr(clips, field)
        )
    np.testing.assert_array_equal(
        muted.splits["train"].waveforms[~zeros], clips.waveforms[~zeros]
    )
    assert muted.splits["test"] is clips
    assert clips.waveforms.any(axis=1).all()
    assert with_digital_silence(dataset, 0) is dataset
    assert (
        not with_digital_silence(dataset, 1)
        .splits["train"]
        .waveforms[clips.labels == 2]
        .any()
    )


def test_digital_silence_needs_silence():
    words = dataclasses.replace(DATASET, label_names=("yes", "no", "up"))
    assert with_digital_silence(words, 0.5) is words
    tested = dataclasses.replace(
        DATASET, splits={"test": DATASET.splits["test"]}
    )
    assert with_digital_silence(tested, 0.5) is tested
    with pytest.raises(UserError, match="share"):
        with_digital_silence(DATASET, 1.5)


def test_nobody_speaks_twice():
    check_speakers({"train": {"a", ""}, "test": ("b", "")})
    with pytest.raises(DataError, match=r"1 speakers .* train .* test, 'b'"):
        check_speakers({"train": {"a", "b"}, "test": ("b", "")})


def test_cache_gives_back_what_was_put_in(tmp_path):
    read = []

    def make():
        read.append(1)
        return DATASET

    for _ in range(2):
        assert_same(clip_cache.through(tmp_path, ["key"], make), DATASET)
    assert len(read) == 1
    clip_cache.through(tmp_path, ["other"], make)
    assert len(read) == 2
    assert clip_cache.through(None, ["key"], make) is DATASET


def test_cache_that_was_interrupted_is_not_trusted(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("json.dumps", _once_then(stop))
        with pytest.raises(KeyboardInterrupt):
            clip_cache.through(tmp_path, ["key"], lambda: DATASET)
    assert list(tmp_path.iterdir()) == []
    assert_same(clip_cache.through(tmp_path, ["key"], lambda: DATASET), DATASET)


def _once_then(then):
    """Lets the first call, which makes the key, pass."""
    import json

    calls = []
    real = json.dumps

    def call(*arguments, **options):
        calls.append(1)
        return (real if len(calls) == 1 else then)(*arguments, **options)

    return call


def test_listing_changes_with_a_file(tmp_path):
    sounds.write(tmp_path / "a" / "b.wav", 100)
    before = clip_cache.listing(tmp_path)
    assert before == clip_cache.listing(tmp_path)
    sounds.write(tmp_path / "a" / "c.wav", 100)
    assert clip_cache.listing(tmp_path) != before
    (tmp_path / "a" / "c.wav").unlink()
    sounds.write(tmp_path / "a" / "b.wav", 200)
    assert clip_cache.listing(tmp_path) != before
