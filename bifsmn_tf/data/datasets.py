"""One door to every data set.

    dataset = load("speech_commands/v0.02-12-official", "/data/speech")
    dataset = load("synthetic", cache_dir=".cache")
    dataset = load("folder", "/data/recordings")

Whatever it is, what comes back is a ``KeywordDataset``: clips in memory by
split, the class list, noise to mix in, and notes on what a reader of results
has to know. The notes are warned of as well.
"""

import dataclasses
import functools
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bifsmn_tf.data import clip_cache
from bifsmn_tf.data import folder
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.clips import SILENCE
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.clips import relabel
from bifsmn_tf.data.speech_commands import extracted
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import DataWarning

__all__ = [
    "KEYWORDS",
    "SILENCE",
    "SPLITS",
    "UNKNOWN",
    "Clips",
    "DataError",
    "DataWarning",
    "KeywordDataset",
    "load",
    "names",
    "trivial_accuracies",
]


def names() -> tuple[str, ...]:
    """Returns what ``load`` knows by name."""
    speech_commands = (f"speech_commands/{task}" for task in tasks.TASKS)
    return (*speech_commands, "synthetic", "folder")


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    splits: Sequence[str] = SPLITS,
    cache_dir: str | os.PathLike[str] | None = None,
    label_names: Sequence[str] | None = None,
    seed: int = 0,
    **options: Any,
) -> KeywordDataset:
    """Loads a data set into memory.

    Args:
        name: one of :func:`names`.
        data_dir: for ``folder``, the recordings. For Speech Commands, a folder
            in the layout of the official archive, or else the ``data_dir`` of
            TFDS, into which the archives are downloaded. Not for ``synthetic``.
        splits: which to return.
        cache_dir: where what was read or generated is kept, so that the next
            time is quick; None keeps nothing.
        label_names: the classes of a trained model, for labels that are
            indices into these. None leaves the data set's own.
        seed: of what is drawn: silence, unknown words, voices.
        **options: of Speech Commands, ``unknown_ratio`` (see
            ``protocol.plan``); of ``synthetic``, those of
            ``synthetic.recipe.Recipe``; of ``folder``, ``everything_as`` (see
            ``folder.load``).

    Returns:
        The data set. Its order depends on the arguments and the recordings
        only.

    Raises:
        DataError: There is no such data set, it is not usable, has none of a
            split, or has labels that ``label_names`` lacks.
        TypeError: The data set has no such option.

    Warns:
        DataWarning: each of the data set's notes.
    """
    kind, _, config = name.partition("/")
    for split in splits:
        if split not in SPLITS:
            raise DataError(f"{split!r} is not one of {', '.join(SPLITS)}")
    if kind == "speech_commands" and config in tasks.TASKS:
        dataset = _speech_commands(config, data_dir, cache_dir, seed, **options)
    elif kind == "folder" and not config:
        dataset = _folder(data_dir, cache_dir, label_names, seed, **options)
    elif kind == "synthetic" and not config:
        dataset = _synthetic(data_dir, cache_dir, seed, **options)
    else:
        raise DataError(
            f"There is no data set {name!r}. Choose one of: "
            f"{', '.join(names())}."
        )
    if label_names is not None:
        dataset = relabel(dataset, label_names)
    for note in dataset.notes:
        warnings.warn(f"{name}: {note}", DataWarning, stacklevel=2)
    for split in splits:
        if not len(dataset.splits.get(split, ())):
            there = [s for s in SPLITS if len(dataset.splits.get(s, ()))]
            raise DataError(
                f"{name} in {data_dir} has no clip for {split}, only for "
                f"{', '.join(there)}. Add recordings, or divide them "
                "yourself into folders train, validation and test."
            )
    return dataclasses.replace(
        dataset, splits={split: dataset.splits[split] for split in splits}
    )


def trivial_accuracies(dataset: KeywordDataset, split: str) -> dict[str, float]:
    """Returns what answers that need no recognition of keywords score.

    ``evaluate`` prints it beside every accuracy under the ``bifsmn`` protocol,
    where more than half of the clips are unknown words.

    Args:
        dataset: any.
        split: which of its splits.

    Returns:
        Shares in [0, 1] by answer: "always unknown", and "perfect on unknown
        and silence" alone, with every keyword wrong. Nothing for a data set of
        another protocol.
    """
    task = tasks.TASKS.get(dataset.name.partition("/")[2])
    if task is None or task.protocol != "bifsmn":
        return {}
    counts = dataset.counts(split)
    total = sum(counts.values())
    unknown = counts.get(UNKNOWN, 0)
    silence = counts.get(SILENCE, 0)
    return {
        "always unknown": unknown / total,
        "perfect on unknown and silence": (unknown + silence) / total,
    }


def _speech_commands(
    config: str,
    data_dir: str | os.PathLike[str] | None,
    cache_dir: str | os.PathLike[str] | None,
    seed: int,
    unknown_ratio: float = 1.0,
) -> KeywordDataset:
    task = tasks.TASKS[config]
    settings = {"seed": seed, "unknown_ratio": unknown_ratio}
    if data_dir is not None:
        if not Path(data_dir).is_dir():
            raise DataError(
                f"There is no folder {data_dir}. Give one in the layout of "
                "the official archive, or make one to download it into."
            )
        below = Path(data_dir) / f"speech_commands_{task.version}"
        for place in (Path(data_dir), below):
            if extracted.is_extracted(place):
                return clip_cache.through(
                    cache_dir,
                    [
                        config,
                        settings,
                        *_identity(place),
                        *_identity(extracted.test_archive(place, task)),
                    ],
                    functools.partial(
                        extracted.load,
                        task,
                        place,
                        seed=seed,
                        unknown_ratio=unknown_ratio,
                    ),
                )
    # tensorflow_datasets takes a second to import, which a folder needs not.
    from bifsmn_tf.data.speech_commands import prepared

    builder = prepared.prepare(
        config, data_dir, seed=seed, unknown_ratio=unknown_ratio
    )
    return clip_cache.through(
        cache_dir,
        [config, settings, *_identity(builder.data_dir)],
        lambda: prepared.read(builder),
    )


def _folder(
    data_dir: str | os.PathLike[str] | None,
    cache_dir: str | os.PathLike[str] | None,
    label_names: Sequence[str] | None,
    seed: int,
    everything_as: str | None = None,
) -> KeywordDataset:
    if data_dir is None:
        raise DataError(
            "The data set folder needs to know which: give its data_dir."
        )
    settings = {
        "label_names": label_names and list(label_names),
        "everything_as": everything_as,
        "seed": seed,
    }

    def read() -> KeywordDataset:
        return folder.load(
            data_dir,
            label_names=label_names,
            everything_as=everything_as,
            seed=seed,
        )

    if not Path(data_dir).is_dir():
        return read()
    return clip_cache.through(
        cache_dir, ["folder", settings, *_identity(data_dir)], read
    )


def _synthetic(
    data_dir: str | os.PathLike[str] | None,
    cache_dir: str | os.PathLike[str] | None,
    seed: int,
    **options: Any,
) -> KeywordDataset:
    from bifsmn_tf.data.synthetic import generate
    from bifsmn_tf.data.synthetic import recipe

    del data_dir
    progress = options.pop("progress", True)
    return generate.dataset(
        recipe.Recipe(seed=seed, **options), cache_dir, progress=progress
    )


def _identity(place: str | os.PathLike[str] | None) -> list[Any]:
    """Returns what tells a folder's contents from what they were before."""
    if place is None:
        return []
    return [os.path.abspath(place), clip_cache.listing(place)]
