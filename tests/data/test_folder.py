import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sounds import noise
from sounds import speakers_of
from sounds import write

from bifsmn_tf.audio import files as audio
from bifsmn_tf.data import datasets
from bifsmn_tf.data import folder
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.errors import DataError
from bifsmn_tf.model_file.detection import keywords_of


@pytest.fixture
def root(tmp_path):
    """Two keywords of 40 files each, other words and noise."""
    for label in ("hello", "stop", "_unknown_"):
        for i in range(40):
            write(tmp_path / label / f"{label}-{i}.wav", 12000)
    write(tmp_path / "_background_noise_" / "room.wav", 15 * 16000)
    return tmp_path


def files(dataset):
    return {
        file: split
        for split, clips in dataset.splits.items()
        for file in clips.files
        if not file.startswith("_background")
    }


def test_labels_and_counts(root):
    dataset = folder.load(root)
    assert dataset.name == "folder"
    assert dataset.label_names == ("stop", "hello", "unknown", "silence")
    assert dataset.notes == ()
    total = {
        label: sum(dataset.counts(split)[label] for split in SPLITS)
        for label in ("stop", "hello", "unknown")
    }
    assert total == {"stop": 40, "hello": 40, "unknown": 40}
    for split in SPLITS:
        counts = dataset.counts(split)
        assert counts["silence"] == -(-(counts["stop"] + counts["hello"]) // 2)
    assert [len(sound) for sound in dataset.noise] == [12 * 16000]


def test_split_does_not_change_when_files_are_added(root):
    before = files(folder.load(root))
    assert set(before.values()) == set(SPLITS)
    for i in range(40, 60):
        write(root / "hello" / f"hello-{i}.wav", 100)
    after = files(folder.load(root))
    assert {file: after[file] for file in before} == before


def test_speakers_stay_together(tmp_path):
    for split in SPLITS:
        for speaker in speakers_of(split, 3):
            for word in ("hello", "stop"):
                for i in range(2):
                    name = f"{speaker}_nohash_{i}.wav"
                    write(tmp_path / word / name, 100)
    dataset = folder.load(tmp_path)
    for split in SPLITS:
        clips = dataset.splits[split]
        assert set(clips.speakers) == set(speakers_of(split, 3))
        assert len(clips) == 12


def test_folders_of_splits(tmp_path):
    for split, count in (("train", 5), ("validation", 2), ("test", 3)):
        for i in range(count):
            write(tmp_path / split / "hello" / f"{i}.wav", 100)
            write(tmp_path / split / "_unknown_" / f"{i}.wav", 100)
    dataset = folder.load(tmp_path)
    assert dataset.label_names == ("hello", "unknown")
    assert [len(dataset.splits[s]) for s in SPLITS] == [10, 4, 6]
    assert dataset.splits["test"].files[0] == "test/hello/0.wav"


def test_a_speaker_in_two_given_splits_is_noted(tmp_path):
    for split in SPLITS:
        write(tmp_path / split / "hello" / "anna_nohash_0.wav", 100)
    dataset = folder.load(tmp_path)
    assert any("'anna'" in note for note in dataset.notes)


def test_train_may_be_a_keyword(tmp_path):
    for word in ("train", "bus"):
        for i in range(40):
            write(tmp_path / word / f"{i}.wav", 100)
    assert not folder.has_splits(tmp_path)
    assert folder.load(tmp_path).label_names == ("bus", "train")


def test_everything_in_one_split(root):
    dataset = folder.load(root, everything_as="test")
    assert list(dataset.splits) == ["test"]
    assert len(files(dataset)) == 120
    with pytest.raises(DataError, match="'all', not one of"):
        folder.load(root, everything_as="all")


def test_any_rate_format_and_channels(tmp_path):
    write(tmp_path / "hello" / "a.wav", 8000, rate=8000, channels=2)
    write(tmp_path / "hello" / "b.flac", 44100, rate=44100)
    write(tmp_path / "hello" / "c.WAV", 24000, rate=48000)
    write(tmp_path / "hello" / "d.wav", 16000)
    (tmp_path / "hello" / "notes.txt").write_text("not a recording")
    (tmp_path / "hello" / ".d.wav").write_text("hidden")
    clips = folder.load(tmp_path, everything_as="train").splits["train"]
    assert clips.files == tuple(f"hello/{n}" for n in _names("abcd"))
    assert clips.waveforms.shape == (4, 16000)
    np.testing.assert_array_equal(
        clips.waveforms[3], audio.read(tmp_path / "hello" / "d.wav")
    )


def _names(stems):
    return [s + {"b": ".flac", "c": ".WAV"}.get(s, ".wav") for s in stems]


def test_bad_files_are_named_counted_and_left_out(tmp_path):
    place = tmp_path / "hello"
    for name in ("good.wav", "broken.wav", "broken.flac"):
        write(place / name)
    for name in ("broken.wav", "broken.flac"):
        data = (place / name).read_bytes()
        (place / name).write_bytes(data[: len(data) // 2])
    (place / "empty.wav").write_bytes(b"")
    (place / "text.wav").write_text("this is not a sound")
    soundfile.write(place / "nothing.wav", np.zeros(0), 16000)
    (place / "folder.wav").mkdir()
    dataset = folder.load(tmp_path, everything_as="train")
    assert dataset.splits["train"].files == ("hello/good.wav",)
    note = dataset.notes[0]
    assert note.startswith("5 files of ")
    for name in (
        "broken.wav breaks off, 16022 bytes are missing",
        "broken.flac ",
        "empty.wav is empty",
        "nothing.wav has no samples",
        "text.wav ",
    ):
        assert f"hello/{name}" in note


def test_a_short_recording_lies_in_the_middle(tmp_path):
    path = write(tmp_path / "hello" / "a.wav", 4000)
    clip = folder.load(tmp_path, everything_as="test").splits["test"]
    np.testing.assert_array_equal(
        clip.waveforms[0, 6000:10000], audio.read(path)
    )
    assert not clip.waveforms[0, :6000].any()


def test_a_long_recording_is_cut_to_its_loudest_second(tmp_path):
    sound = noise(5 * 16000, level=0.001)
    sound[40000:50000] += noise(10000, level=0.2)
    (tmp_path / "hello").mkdir()
    soundfile.write(tmp_path / "hello" / "a.wav", sound, 16000)
    clips = folder.load(tmp_path, everything_as="test").splits["test"]
    (file,) = clips.files
    start = int(file.partition("#")[2])
    assert 34000 <= start <= 40000
    whole = audio.read(tmp_path / "hello" / "a.wav")
    np.testing.assert_array_equal(
        clips.waveforms[0], whole[start : start + 16000]
    )


def test_long_recordings_of_others_are_cut_into_seconds(tmp_path):
    write(tmp_path / "hello" / "a.wav")
    write(tmp_path / "_unknown_" / "talk.wav", 5 * 16000 + 99)
    write(tmp_path / "_silence_" / "room.wav", 24000)
    dataset = folder.load(tmp_path, everything_as="train")
    assert dataset.counts("train") == {"hello": 1, "unknown": 5, "silence": 1}
    talk = audio.read(tmp_path / "_unknown_" / "talk.wav")
    clips = dataset.splits["train"]
    np.testing.assert_array_equal(
        clips.waveforms[1:6].ravel(), talk[: 5 * 16000]
    )


def test_short_noise_gives_no_silence(tmp_path):
    for i in range(40):
        write(tmp_path / "hello" / f"{i}.wav", 100)
    write(tmp_path / "_background_noise_" / "a.wav", 32000)
    dataset = folder.load(tmp_path)
    assert dataset.label_names == ("hello",)
    assert any("ten seconds" in note for note in dataset.notes)


def test_missing_classes_are_noted(tmp_path):
    write(tmp_path / "hello" / "a.wav")
    dataset = folder.load(tmp_path, everything_as="train")
    assert dataset.label_names == ("hello",)
    notes = " ".join(dataset.notes)
    assert "_unknown_" in notes
    assert "_silence_" in notes


LABELS = ("yes", "hello", "stop", "unknown", "silence")


def test_labels_of_a_model(root):
    dataset = folder.load(root, label_names=LABELS, everything_as="test")
    assert dataset.label_names == LABELS
    counts = dataset.counts("test")
    assert counts["yes"] == 0
    assert counts["hello"] == counts["stop"] == counts["unknown"] == 40
    assert counts["silence"] == 40


def test_both_names_of_unknown_and_silence(tmp_path):
    write(tmp_path / "unknown" / "a.wav")
    write(tmp_path / "_unknown_" / "b.wav")
    write(tmp_path / "_silence_" / "c.wav")
    dataset = folder.load(tmp_path, label_names=LABELS, everything_as="test")
    counts = dataset.counts("test")
    assert (counts["unknown"], counts["silence"]) == (2, 1)


def test_labels_that_the_model_does_not_know(root):
    with pytest.raises(
        DataError, match=r"no label for: stop, unknown\. .*are yes, hello\."
    ):
        folder.load(root, label_names=("yes", "hello"))


def test_a_model_without_silence_gets_none(root):
    labels = ("hello", "stop", "unknown")
    dataset = folder.load(root, label_names=labels, everything_as="test")
    assert dataset.label_names == labels
    assert len(dataset.splits["test"]) == 120


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match="no folder .*nowhere.*one folder a"):
        folder.load(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["empty", "flat", "bad", "other"])
def test_nothing_usable(tmp_path, kind):
    if kind == "flat":
        write(tmp_path / "a.wav", 100)
    if kind == "bad":
        (tmp_path / "hello").mkdir()
        (tmp_path / "hello" / "a.wav").write_text("no sound")
    if kind == "other":
        (tmp_path / "hello").mkdir()
        (tmp_path / "hello" / "a.txt").write_text("no sound")
    with pytest.raises(DataError) as caught:
        folder.load(tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "one folder a label" in message
    assert ("a.wav" in message) == (kind == "bad")


def test_other_words_are_classes_between_keywords_and_unknown(tmp_path):
    words = {"yes": 100, "no": 99, "robin": 120, "go": 101, "_unknown_": 100}
    for word, count in words.items():
        for i in range(count):
            write(tmp_path / word / f"s{i:03d}_nohash_0.wav", i + 1)
    held_out = ["go/s000_nohash_0.wav"]
    (tmp_path / "testing_list.txt").write_text("\n".join(held_out))
    dataset = datasets.load(
        "synthetic", words=("hey Robin",), clips_per_word=40, held_out=2
    )
    before = dataset.splits["train"]
    found = folder.with_other_words(dataset, tmp_path)
    assert found.label_names == (
        "hey Robin",
        *("_go", "_yes"),
        *("unknown", "silence"),
    )
    assert keywords_of(found.label_names) == ["hey Robin"]
    said = {
        split: [Path(file).parent.name for file in clips.files]
        for split, clips in dataset.splits.items()
    }
    counts = found.counts("train")
    assert counts["_go"] == 100 + said["train"].count("go") > 100
    assert counts["_yes"] == 100 + said["train"].count("yes")
    assert counts["hey Robin"] == 40
    train = found.splits["train"]
    assert held_out[0] not in train.files
    np.testing.assert_array_equal(
        train.waveforms[: len(before)], before.waveforms
    )
    for split, clips in dataset.splits.items():
        after = [found.label_names[i] for i in found.splits[split].labels]
        for i, label in enumerate(clips.labels):
            expected = dataset.label_names[label]
            if said[split][i] in ("go", "yes"):
                expected = f"_{said[split][i]}"
            assert after[i] == expected


def test_other_words_that_are_too_few(tmp_path):
    dataset = datasets.load("synthetic", words=("go",), clips_per_word=1)
    with pytest.raises(DataError, match="other_words: there is no folder"):
        folder.with_other_words(dataset, tmp_path / "none")
    alone = dataclasses.replace(dataset, label_names=("go", "silence", "a"))
    with pytest.raises(DataError, match="beside a class 'unknown'"):
        folder.with_other_words(alone, tmp_path)
    write(tmp_path / "yes" / "one.wav", 1)
    with pytest.raises(DataError, match="no word in .* has 100 recordings"):
        folder.with_other_words(dataset, tmp_path)
