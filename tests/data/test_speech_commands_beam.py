"""Speech Commands prepared by Apache Beam's direct runner."""

import os

import pytest

pytest.importorskip(
    "apache_beam", reason="Apache Beam is not there: pip install '.[beam]'"
)
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions
from sounds import archive
from sounds import speakers_of

from bifsmn_tf.data.speech_commands import by_beam
from bifsmn_tf.data.speech_commands.speech_commands_dataset_builder import (
    Builder,
)
from bifsmn_tf.data.speech_commands.speech_commands_dataset_builder import (
    configure,
)
from bifsmn_tf.errors import DataError

# Beam's own, and those of what it imports.
pytestmark = pytest.mark.filterwarnings("default")


def prepare(source, data_dir, config=None):
    builder = Builder(
        config=configure("v0.02-12-official", source_dir=source),
        data_dir=os.fspath(data_dir),
    )
    builder.download_and_prepare(download_config=config)
    return builder


def files(builder):
    """The data of a builder, by name."""
    found = {
        path.name: path.read_bytes()
        for path in builder.data_path.iterdir()
        if ".tfrecord" in path.name
    }
    assert found
    return found


@pytest.mark.parametrize("mode", ["in_memory", "multi_processing"])
def test_beam_writes_the_same_files(tmp_path, monkeypatch, mode):
    """With several portions, silence from noises, and a bad file."""
    monkeypatch.setattr(by_beam, "_PORTION", 3)
    source = archive(tmp_path / "speech", ("yes", "no", "bed"))
    bad = source / "yes" / f"{speakers_of('train', 1)[0]}_nohash_0.wav"
    bad.write_bytes(b"")
    alone = prepare(source, tmp_path / "alone")
    options = PipelineOptions(
        [f"--direct_running_mode={mode}", "--direct_num_workers=2"]
    )
    config = tfds.download.DownloadConfig(
        beam_runner="DirectRunner", beam_options=options
    )
    together = prepare(source, tmp_path / "together", config)
    assert files(together) == files(alone)
    notes = together.info.metadata["notes"]
    assert notes == alone.info.metadata["notes"]
    assert any(f"yes/{bad.name} is empty" in note for note in notes)
    assert together.info.splits["train"].num_examples == (
        alone.info.splits["train"].num_examples
    )


def test_clips_that_a_runner_loses_are_noticed(tmp_path, monkeypatch):
    source = archive(tmp_path / "speech", ("yes", "no", "bed"))
    read = by_beam.read
    monkeypatch.setattr(
        by_beam,
        "read",
        lambda split, examples, *folders: read(split, examples[1:], *folders),
    )
    config = tfds.download.DownloadConfig(beam_runner="DirectRunner")
    with pytest.raises(DataError, match="has lost 1 of 16 clips of train"):
        prepare(source, tmp_path / "tfds", config)
    assert not list((tmp_path / "tfds").rglob("*.tfrecord*"))
