"""Reads the examples of Speech Commands in an Apache Beam pipeline.

TFDS takes such a pipeline in the place of a generator, and writes the same
files. Each worker reads recordings itself, so the folder stands on a disk that
all of them see, and this package is installed on each.
"""

import os
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.metrics import MetricsFilter
from apache_beam.metrics.metric import MetricResults

from bifsmn_tf.data.speech_commands import extracted
from bifsmn_tf.data.speech_commands import protocol

_PORTION = 256
"""Files that a worker is given at a time: some seconds of its work."""

_LEFT_OUT = "bifsmn_tf.left_out"


def read(
    split: str,
    examples: Sequence[protocol.Example],
    folder: str | os.PathLike[str],
    noise_folder: str | os.PathLike[str],
) -> beam.PTransform:
    """Returns what makes the records of a split, as TFDS wants them.

    Args:
        split: its name.
        examples: what it consists of.
        folder: where their files are.
        noise_folder: the folder that has the background recordings in it.
    """
    portions = [
        (first, tuple(examples[first : first + _PORTION]))
        for first in range(0, len(examples), _PORTION)
    ]
    return (
        beam.Create(portions)
        | beam.Reshuffle()
        | beam.ParDo(_Read(split, os.fspath(folder), os.fspath(noise_folder)))
    )


def left_out(result: Any) -> dict[str, list[str]]:
    """Returns what is wrong with files that workers skipped, by split.

    Args:
        result: of a pipeline that has run.
    """
    wanted = MetricsFilter().with_namespace(_LEFT_OUT)
    found = result.metrics().query(wanted)[MetricResults.STRINGSETS]
    return {each.key.metric.name: sorted(each.result) for each in found}


class _Read(beam.DoFn):
    def __init__(self, split: str, folder: str, noise_folder: str) -> None:
        super().__init__()
        self._folder = folder
        self._noise_folder = noise_folder
        self._left_out = Metrics.string_set(_LEFT_OUT, split)

    def setup(self) -> None:
        self._noise, _ = extracted.read_noise(self._noise_folder)

    def process(
        self, portion: tuple[int, tuple[protocol.Example, ...]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        first, examples = portion
        bad: list[str] = []
        for number, example, clip in extracted.read_examples(
            examples, self._folder, self._noise, bad
        ):
            yield extracted.record(first + number, example, clip)
        for reason in bad:
            self._left_out.add(reason)
