"""TFDS builder of Speech Commands, in each of its tasks.

    builder = Builder(config="v0.02-12-official", data_dir=...)
    builder.download_and_prepare()
    train = builder.as_dataset("train")

From a folder that is extracted already, whole or a part of the data set:

    builder = Builder(config=configure("v0.02-12-official", source_dir=...))

The same files, by a runner of Apache Beam's (the extra ``beam``):

    config = tfds.download.DownloadConfig(beam_runner="DirectRunner")
    builder.download_and_prepare(download_config=config)

Besides train, validation and test there is a split ``noise``: the parts of the
background recordings that may be mixed in while training, in seconds.
"""

import dataclasses
import hashlib
import importlib.util
import os
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.data.clips import CLIP
from bifsmn_tf.data.speech_commands import extracted
from bifsmn_tf.data.speech_commands import protocol
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.errors import DataError

_URL = "http://download.tensorflow.org/data/"


@dataclasses.dataclass(kw_only=True)
class SpeechCommandsConfig(tfds.core.BuilderConfig):
    """A task, and what it is made from.

    Attributes:
        task: the name of a task in ``tasks.TASKS``.
        source_dir: an extracted folder; None downloads the archives.
        unknown_ratio: see ``protocol.plan``.
        seed: see ``protocol.plan``.
    """

    task: str = "v0.02-12-official"
    source_dir: str | None = None
    unknown_ratio: float = 1.0
    seed: int = 0


_CONFIGS = {
    task: SpeechCommandsConfig(name=task, task=task) for task in tasks.TASKS
}


def configure(
    task: str,
    *,
    source_dir: str | os.PathLike[str] | None = None,
    unknown_ratio: float = 1.0,
    seed: int = 0,
) -> SpeechCommandsConfig:
    """Returns a config with a name of its own for every setting.

    TFDS keeps prepared data in a folder of the config's name, so two settings
    must not share one.

    Args:
        task: the name of a task in ``tasks.TASKS``.
        source_dir: see :class:`SpeechCommandsConfig`.
        unknown_ratio: see ``protocol.plan``.
        seed: see ``protocol.plan``.

    Raises:
        DataError: There is no such task.
    """
    if task not in _CONFIGS:
        raise DataError(
            f"There is no task {task!r}. Choose one of: "
            f"{', '.join(tasks.TASKS)}."
        )
    # TFDS wants the very object for a config that it has by name.
    if (source_dir, unknown_ratio, seed) == (None, 1, 0):
        return _CONFIGS[task]
    name = task
    if unknown_ratio != 1:
        name += f"-unknown{unknown_ratio:g}"
    if seed:
        name += f"-seed{seed}"
    if source_dir is not None:
        source_dir = os.path.abspath(source_dir)
        name += "-" + hashlib.sha256(source_dir.encode()).hexdigest()[:8]
    return SpeechCommandsConfig(
        name=name,
        task=task,
        source_dir=source_dir,
        unknown_ratio=unknown_ratio,
        seed=seed,
    )


class Builder(tfds.core.GeneratorBasedBuilder):
    """Speech Commands V0.01 and V0.02 in the tasks of ``tasks.TASKS``."""

    # TFDS has a `speech_commands` of its own, which is another thing.
    name = "bifsmn_speech_commands"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {
        "1.0.0": "12, 20 and all words; protocols official and bifsmn."
    }
    # TFDS finds this out by itself, but with a package it does not require.
    code_path = tfds.core.Path(__file__)
    BUILDER_CONFIGS = list(_CONFIGS.values())
    builder_config: SpeechCommandsConfig
    _by_beam = False

    @property
    def task(self) -> tasks.Task:
        """The task of this builder's config."""
        return tasks.TASKS[self.builder_config.task]

    def _generate_splits(
        self,
        dl_manager: tfds.download.DownloadManager,
        download_config: tfds.download.DownloadConfig,
    ) -> Sequence[tfds.core.SplitInfo]:
        """Writes the splits, by Beam if a runner is named; TFDS calls it.

        Raises:
            DataError: Apache Beam is not installed, or has lost clips. TFDS
                then leaves nothing behind.
        """
        self._by_beam = bool(
            download_config.beam_runner or download_config.beam_options
        )
        if self._by_beam and not importlib.util.find_spec("apache_beam"):
            raise DataError(
                "Apache Beam is not installed. Install the extra: "
                "pip install 'bifsmn_tf[beam]'."
            )
        infos = super()._generate_splits(dl_manager, download_config)
        for info in infos if self._by_beam else ():
            # Its runners have been seen to lose some without a word.
            missing = self._expected.get(info.name, 0) - info.num_examples
            if missing > 0:
                raise DataError(
                    f"Apache Beam has lost {missing} of "
                    f"{self._expected[info.name]} clips of {info.name}. "
                    "Prepare the data again, or by another runner."
                )
        return infos

    def _label_names(self) -> list[str]:
        if self.builder_config.source_dir is None:
            others = ["unknown", "silence"] if self.task.others else []
            return [*self.task.keywords, *others]
        return list(self._plan(self.builder_config.source_dir)[0].label_names)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    # As bytes: what tfds.features.Audio writes, a list of
                    # integers, takes ten times as long.
                    "audio": tfds.features.Tensor(
                        shape=(CLIP,),
                        dtype=np.int16,
                        encoding=tfds.features.Encoding.BYTES,
                        doc="One second at 16 kHz.",
                    ),
                    "label": tfds.features.ClassLabel(
                        names=self._label_names()
                    ),
                    "speaker": tfds.features.Text(),
                    "file": tfds.features.Text(),
                }
            ),
            supervised_keys=("audio", "label"),
            homepage="https://arxiv.org/abs/1804.03209",
            metadata=tfds.core.MetadataDict(),
        )

    def _plan(
        self,
        folder: str | os.PathLike[str],
        archive: str | os.PathLike[str] | None = None,
    ) -> tuple[protocol.Plan, dict[str, Int16Array], list[str]]:
        """Returns the plan, the background recordings and notes on them."""
        noise, notes = extracted.read_noise(folder)
        plan = protocol.plan(
            self.task,
            extracted.word_files(folder),
            {name: len(sound) for name, sound in noise.items()},
            lists=extracted.split_lists(folder),
            archive=extracted.word_files(archive) if archive else None,
            seed=self.builder_config.seed,
            unknown_ratio=self.builder_config.unknown_ratio,
        )
        return plan, noise, notes

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Any]:
        """Splits by the data set's own lists, or by the speaker's hash.

        The test split of the official 12-class tasks is the data set's own
        test archive.
        """
        source = self.builder_config.source_dir
        if source is not None:
            folders = {"words": source}
            archive = extracted.test_archive(source, self.task)
            if archive:
                folders["test"] = os.fspath(archive)
        else:
            version = self.task.version
            urls = {"words": f"{_URL}speech_commands_{version}.tar.gz"}
            if self.task.has_archive:
                urls["test"] = (
                    f"{_URL}speech_commands_test_set_{version}.tar.gz"
                )
            downloaded = dl_manager.download_and_extract(urls)
            folders = {key: os.fspath(downloaded[key]) for key in urls}
        plan, noise, notes = self._plan(folders["words"], folders.get("test"))
        bad: list[str] = []
        self.info.metadata["notes"] = [*plan.notes, *notes]
        self._folders = {
            split: folders.get(split, folders["words"]) for split in plan.splits
        }
        self._expected = {k: len(v) for k, v in plan.splits.items()}
        generators: dict[str, Any] = {}
        for split, examples in plan.splits.items():
            folder = self._folders[split]
            if self._by_beam:
                from bifsmn_tf.data.speech_commands import by_beam

                generators[split] = by_beam.read(
                    split, examples, folder, folders["words"]
                )
            else:
                generators[split] = self._generate_examples(
                    examples, folder, noise, bad
                )
        generators["noise"] = self._generate_noise(noise)
        return generators

    def _generate_examples(
        self,
        examples: tuple[protocol.Example, ...],
        folder: str,
        noise: dict[str, Int16Array],
        bad: list[str],
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        found = extracted.read_examples(examples, folder, noise, bad)
        for number, example, clip in found:
            yield extracted.record(number, example, clip)
        if bad:
            self._note_left_out(bad, folder)
            bad.clear()

    def _note_left_out(self, bad: Sequence[str], folder: str) -> None:
        notes = self.info.metadata["notes"]
        notes.append(extracted.left_out(bad, folder))

    def _process_pipeline_result(self, pipeline_result: Any) -> None:
        """Notes what Beam's workers left out; TFDS calls it."""
        from bifsmn_tf.data.speech_commands import by_beam

        for split, bad in by_beam.left_out(pipeline_result).items():
            self._expected[split] -= len(bad)
            self._note_left_out(bad, self._folders[split])

    def _generate_noise(
        self, noise: dict[str, Int16Array]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, part in enumerate(extracted.training_noise(noise)):
            sound = to_int16(part)
            for start in range(0, len(sound) - CLIP + 1, CLIP):
                file = f"{protocol.NOISE_FOLDER}/{number:02d}#{start:08d}"
                yield (
                    file,
                    {
                        "audio": sound[start : start + CLIP],
                        "label": -1,
                        "speaker": "",
                        "file": file,
                    },
                )
