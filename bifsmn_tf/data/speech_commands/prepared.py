"""Reads Speech Commands as TFDS has prepared it."""

import collections
import os

import numpy as np
import tensorflow_datasets as tfds

import bifsmn_tf._keras  # noqa: F401  (Keras 2, before TFDS imports TensorFlow)
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.speech_commands.speech_commands_dataset_builder import (
    Builder,
)
from bifsmn_tf.data.speech_commands.speech_commands_dataset_builder import (
    configure,
)


def prepare(
    task: str,
    data_dir: str | os.PathLike[str] | None,
    *,
    seed: int = 0,
    unknown_ratio: float = 1.0,
) -> Builder:
    """Downloads and prepares a task, if that is not done yet.

    Args:
        task: the name of one of ``tasks.TASKS``.
        data_dir: TFDS's; None for its default.
        seed: see ``protocol.plan``.
        unknown_ratio: see ``protocol.plan``.

    Returns:
        The builder, whose data are prepared.

    Raises:
        DataError: The recordings are not usable.
    """
    builder = Builder(
        config=configure(task, seed=seed, unknown_ratio=unknown_ratio),
        data_dir=None if data_dir is None else os.fspath(data_dir),
    )
    builder.download_and_prepare()
    return builder


def read(builder: Builder) -> KeywordDataset:
    """Reads what a builder has prepared into memory."""
    label_names = tuple(builder.info.features["label"].names)
    splits = {}
    for split in SPLITS:
        rows = (
            (
                label_names[example["label"]],
                example["file"].decode(),
                example["speaker"].decode(),
                example["audio"],
            )
            for example in tfds.as_numpy(builder.as_dataset(split))
        )
        splits[split] = Clips.from_rows(
            rows, label_names, builder.info.splits[split].num_examples
        )
    seconds: dict[str, list[tuple[str, Int16Array]]] = collections.defaultdict(
        list
    )
    for example in tfds.as_numpy(builder.as_dataset("noise")):
        file = example["file"].decode()
        seconds[file.partition("#")[0]].append((file, example["audio"]))
    noise = tuple(
        to_float(np.concatenate([piece for _, piece in sorted(pieces)]))
        for _, pieces in sorted(seconds.items())
    )
    return KeywordDataset(
        f"speech_commands/{builder.task.name}",
        label_names,
        splits,
        noise,
        tuple((builder.info.metadata or {}).get("notes", ())),
    )
