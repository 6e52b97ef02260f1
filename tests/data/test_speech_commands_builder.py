import atexit
import functools
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dill", reason="TFDS's builder test needs dill")
import tensorflow_datasets as tfds
from sounds import archive
from sounds import speakers_of
from sounds import write

from bifsmn_tf.data import datasets
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.speech_commands import extracted
from bifsmn_tf.data.speech_commands import prepared
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.data.speech_commands.speech_commands_dataset_builder import (
    Builder,
)
from bifsmn_tf.data.speech_commands.speech_commands_dataset_builder import (
    configure,
)
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import DataWarning

SPEAKERS = {"train": 3, "validation": 2, "test": 2}


@functools.cache
def downloads() -> Path:
    """A folder of what both archives extract to, with every word of V0.02."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    archive(
        folder / "words", tasks.WORDS["v0.02"], speakers=SPEAKERS, samples=80
    )
    for word in (*KEYWORDS, "_unknown_", "_silence_"):
        for speaker in speakers_of("test", 2):
            write(folder / "test" / word / f"{speaker}_nohash_0.wav", 160)
    return folder


class _BuilderTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    DL_EXTRACT_RESULT = {"words": "words", "test": "test"}

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = os.fspath(downloads())
        super().setUpClass()


class OfficialTest(_BuilderTest):
    """Twelve classes of three, two and two clips; 9 s of 2 noises."""

    BUILDER_CONFIG_NAMES_TO_TEST = ["v0.02-12-official"]
    SPLITS = {"train": 36, "validation": 24, "test": 24, "noise": 18}


class ReferenceTest(_BuilderTest):
    """Ten keywords, 25 other words, a tenth of silence."""

    BUILDER_CONFIG_NAMES_TO_TEST = ["v0.02-12-bifsmn"]
    SPLITS = {"train": 115, "validation": 77, "test": 77, "noise": 18}
    # All silence of this protocol is zeros, and of equal names.
    OVERLAPPING_SPLITS = ["train", "validation", "test"]


class AllWordsTest(_BuilderTest):
    """No other class; the archive does not apply."""

    BUILDER_CONFIG_NAMES_TO_TEST = ["v0.02-35-official"]
    SPLITS = {"train": 105, "validation": 70, "test": 70, "noise": 18}


# The base class is no test of its own.
del _BuilderTest


@pytest.fixture
def source(tmp_path) -> Path:
    return archive(tmp_path / "speech", ("yes", "no", "bed"))


def prepare(source: Path, data_dir: Path, **settings) -> Builder:
    config = configure("v0.02-12-official", source_dir=source, **settings)
    builder = Builder(config=config, data_dir=os.fspath(data_dir))
    builder.download_and_prepare()
    return builder


def test_what_tfds_prepares_is_what_the_folder_holds(source, tmp_path):
    task = tasks.TASKS["v0.02-12-official"]
    through_tfds = prepared.read(prepare(source, tmp_path / "tfds"))
    directly = extracted.load(task, source)
    assert through_tfds.label_names == directly.label_names
    assert through_tfds.notes == directly.notes
    for split, clips in directly.splits.items():
        other = through_tfds.splits[split]
        assert clips.files == other.files
        assert clips.speakers == other.speakers
        np.testing.assert_array_equal(clips.labels, other.labels)
        np.testing.assert_array_equal(clips.waveforms, other.waveforms)
    for sound, other in zip(directly.noise, through_tfds.noise, strict=True):
        np.testing.assert_array_equal(sound[: len(other)], other)


def test_prepared_data_keeps_labels_and_notes(source, tmp_path):
    prepare(source, tmp_path / "tfds")
    again = prepare(source, tmp_path / "tfds")
    names = again.info.features["label"].names
    assert names == ["yes", "no", "unknown", "silence"]
    assert "missing: up" in again.info.metadata["notes"][0]


def test_bad_files_are_noted(source, tmp_path):
    bad = source / "yes" / f"{speakers_of('train', 1)[0]}_nohash_0.wav"
    bad.write_bytes(b"")
    builder = prepare(source, tmp_path / "tfds")
    assert any(
        f"yes/{bad.name} is empty" in note
        for note in builder.info.metadata["notes"]
    )


def test_every_setting_has_a_name_of_its_own(tmp_path):
    settings = [
        {},
        {"seed": 1},
        {"unknown_ratio": 2.0},
        {"unknown_ratio": 2.5},
        {"source_dir": tmp_path},
        {"source_dir": tmp_path / "other"},
    ]
    names = [configure("v0.02-12-official", **s).name for s in settings]
    assert names[0] == "v0.02-12-official"
    assert len(set(names)) == len(names)
    with pytest.raises(DataError, match="no task 'v0.03'"):
        configure("v0.03")


def test_beam_that_is_not_installed_is_named(source, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    builder = Builder(
        config=configure("v0.02-12-official", source_dir=source),
        data_dir=os.fspath(tmp_path / "tfds"),
    )
    config = tfds.download.DownloadConfig(beam_runner="DirectRunner")
    with pytest.raises(DataError, match=r"bifsmn_tf\[beam\]"):
        builder.download_and_prepare(download_config=config)


def test_known_archives_are_checked():
    known = {Path(url).name: info for url, info in Builder.url_infos.items()}
    assert known["speech_commands_v0.02.tar.gz"].size == 2428923189
    assert "speech_commands_test_set_v0.02.tar.gz" in known


def test_load_downloads_into_an_empty_folder(tmp_path, monkeypatch):
    asked = []

    def download(_, urls):
        asked.append(urls)
        return {key: downloads() / key for key in urls}

    monkeypatch.setattr(
        tfds.download.DownloadManager, "download_and_extract", download
    )
    (tmp_path / "tfds").mkdir()
    for _ in range(2):
        dataset = datasets.load(
            "speech_commands/v0.02-12-official",
            tmp_path / "tfds",
            cache_dir=tmp_path / "cache",
        )
    assert asked == [
        {
            "words": "http://download.tensorflow.org/data/"
            "speech_commands_v0.02.tar.gz",
            "test": "http://download.tensorflow.org/data/"
            "speech_commands_test_set_v0.02.tar.gz",
        }
    ]
    assert dataset.label_names == (*KEYWORDS, "unknown", "silence")
    assert dataset.counts("test") == dict.fromkeys(dataset.label_names, 2)
    assert len(dataset.noise) == 2


def test_load_of_a_part_warns(source):
    with (
        pytest.warns(DataWarning, match="Words missing from unknown: zero"),
        pytest.warns(DataWarning, match="missing: up"),
    ):
        datasets.load("speech_commands/v0.02-12-official", source)
