import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import sounds
from sounds import archive
from sounds import write

from bifsmn_tf import pretrained
from bifsmn_tf.data import datasets
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.datasets import load
from bifsmn_tf.data.speech_commands import extracted
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import DataWarning

OFFICIAL = "speech_commands/v0.02-12-official"

pytestmark = pytest.mark.filterwarnings("ignore::bifsmn_tf.errors.DataWarning")


@pytest.fixture
def speech_commands(tmp_path):
    return archive(tmp_path / "speech", ("yes", "no", "bed"))


@pytest.fixture
def recordings(tmp_path):
    for label in ("hello", "_unknown_"):
        for i in range(40):
            write(tmp_path / "own" / label / f"{i}.wav", 100)
    return tmp_path / "own"


def test_names_are_known():
    assert OFFICIAL in datasets.names()
    assert {"synthetic", "folder"} < set(datasets.names())


@pytest.mark.parametrize(
    "name", ["speech_commands", "speech_commands/v9", "mnist", "folder/x"]
)
def test_unknown_name(name):
    with pytest.raises(DataError, match=f"(?s){name}.*{OFFICIAL}.*folder"):
        load(name)


def test_only_the_splits_asked_for(speech_commands):
    assert list(load(OFFICIAL, speech_commands).splits) == list(SPLITS)
    dataset = load(OFFICIAL, speech_commands, splits=("test",))
    assert list(dataset.splits) == ["test"]
    with pytest.raises(DataError, match="'dev' is not one of train"):
        load(OFFICIAL, speech_commands, splits=("dev",))


def test_folder_above_the_extracted_one(tmp_path):
    archive(tmp_path / "speech_commands_v0.02", ("yes", "no", "bed"))
    assert load(OFFICIAL, tmp_path).label_names[:2] == ("yes", "no")


def test_a_folder_that_is_not_there_is_not_downloaded_into(tmp_path):
    with pytest.raises(DataError, match="no folder .*typo"):
        load(OFFICIAL, tmp_path / "typo")


def test_notes_are_warned_of(speech_commands):
    with pytest.warns(DataWarning, match=f"{OFFICIAL}: .*missing: up"):
        load(OFFICIAL, speech_commands)


@pytest.mark.parametrize("kind", ["speech_commands", "recordings"])
def test_cache_follows_the_recordings(kind, tmp_path, request):
    place = request.getfixturevalue(kind)
    name = OFFICIAL if kind == "speech_commands" else "folder"
    word = "yes" if kind == "speech_commands" else "hello"
    cache = tmp_path / "cache"
    first = load(name, place, cache_dir=cache)
    second = load(name, place, cache_dir=cache)
    assert len(list(cache.iterdir())) == 1
    for split in SPLITS:
        np.testing.assert_array_equal(
            first.splits[split].waveforms, second.splits[split].waveforms
        )
    for i in range(40):
        write(place / word / f"new{i:05d}_nohash_0.wav", 100)
    third = load(name, place, cache_dir=cache)
    assert len(third.splits["train"]) > len(first.splits["train"])


def test_cache_knows_the_settings(speech_commands, tmp_path):
    counts = [
        load(
            OFFICIAL,
            speech_commands,
            cache_dir=tmp_path / "cache",
            unknown_ratio=ratio,
        ).counts("train")["unknown"]
        for ratio in (1, 0.5)
    ]
    assert counts == [4, 2]


def test_real_recordings_are_read_once(speech, speech_cache, monkeypatch):
    monkeypatch.setattr(
        extracted, "load", lambda *_, **__: pytest.fail("read again")
    )
    dataset = load(OFFICIAL, speech, cache_dir=speech_cache)
    assert len(dataset.splits["train"]) == 8860


def test_labels_of_a_model(speech_commands):
    labels = ("silence", "unknown", "no", "up", "yes")
    dataset = load(OFFICIAL, speech_commands, label_names=labels)
    plain = load(OFFICIAL, speech_commands)
    assert dataset.label_names == labels
    assert dataset.counts("test") == {**plain.counts("test"), "up": 0}
    with pytest.raises(DataError, match=r"does not know: yes, no\."):
        load(
            OFFICIAL, speech_commands, label_names=("hey", "unknown", "silence")
        )


def test_folder(recordings):
    dataset = load("folder", recordings)
    assert dataset.label_names == ("hello", "unknown")
    with pytest.raises(DataError, match="data_dir"):
        load("folder")
    with pytest.raises(DataError, match="no folder"):
        load("folder", recordings / "nowhere")


def test_a_split_without_clips(recordings):
    for path in sorted(recordings.rglob("*.wav"))[1:]:
        path.unlink()
    with pytest.raises(DataError, match="has no clip for .*, only for "):
        load("folder", recordings)
    dataset = load("folder", recordings, splits=("test",), everything_as="test")
    assert len(dataset.splits["test"]) == 1


def test_unknown_option(recordings):
    with pytest.raises(TypeError, match="unknown_ratio"):
        load("folder", recordings, unknown_ratio=2)


def test_trivial_accuracies_of_the_first_version():
    """Its test split has 2,567 keywords and 4,268 other words."""
    counts = (2567, 4268, (2567 + 4268) // 10)
    labels = np.repeat(np.arange(3, dtype=np.int32), counts)
    clips = dataclasses.replace(
        sounds.clips(1),
        waveforms=np.zeros((len(labels), 1), np.int16),
        labels=labels,
        files=("",) * len(labels),
        speakers=("",) * len(labels),
    )
    dataset = KeywordDataset(
        "speech_commands/v0.01-12-bifsmn",
        ("yes", "unknown", "silence"),
        {"test": clips},
    )
    answers = datasets.trivial_accuracies(dataset, "test")
    assert round(answers["always unknown"], 3) == 0.568
    assert round(answers["perfect on unknown and silence"], 3) == 0.659


def test_trivial_accuracies_are_those_of_the_bifsmn_protocol():
    for name in ("folder", OFFICIAL):
        dataset = KeywordDataset(name, ("yes",), {"test": sounds.clips(1)})
        assert datasets.trivial_accuracies(dataset, "test") == {}


def test_evaluate_prints_trivial_accuracies(speech_commands, tmp_path):
    """Two of six test clips are unknown, none is silence."""
    result = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "bifsmn_tf.evaluate"),
            f"--model={pretrained.find('bifsmn_s-sc12')}",
            "--dataset=speech_commands/v0.02-12-bifsmn",
            f"--data_dir={speech_commands}",
            f"--cache_dir={tmp_path / 'cache'}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "always unknown: 33.33 %" in result.stdout
    assert "perfect on unknown and silence: 33.33 %" in result.stdout
