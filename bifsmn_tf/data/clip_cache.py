"""Keeps a data set that was read once in a form that maps into memory."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf import whole_file
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset

# Change it when a data set comes to be read otherwise.
_FORMAT = 1


def listing(folder: str | os.PathLike[str]) -> list[tuple[str, int, int]]:
    """Lists path, size and time of change (ns) of each file of ``folder``.

    The paths are relative to it; folders below it are searched too, those that
    symbolic links lead to once.
    """
    result = []
    places = [os.fspath(folder)]
    seen = set()
    while places:
        place = places.pop()
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_symlink() and not os.path.exists(entry.path):
                    # To nothing, or to itself.
                    continue
                if entry.is_dir():
                    places.append(entry.path)
                elif entry.is_file():
                    status = entry.stat()
                    path = os.path.relpath(entry.path, folder)
                    result.append((path, status.st_size, status.st_mtime_ns))
    return sorted(result)


def through(
    cache_dir: str | os.PathLike[str] | None,
    key: Sequence[Any],
    read: Callable[[], KeywordDataset],
) -> KeywordDataset:
    """Returns what ``read`` returns, from the cache if it is there.

    Args:
        cache_dir: where data sets are kept, each in a folder named by a hash
            of its key; None for no cache.
        key: all that the data set depends on, as JSON takes it.
        read: makes the data set.

    Returns:
        The data set, its waveforms mapped, not read, if they are cached.
    """
    if cache_dir is None:
        return read()
    text = json.dumps([_FORMAT, key], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    folder = Path(cache_dir) / f"clips-{digest}"
    if not folder.is_dir():
        dataset = read()
        # Under another name until it is whole, so that a folder that bears
        # the right one can be trusted.
        partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
        try:
            _save(dataset, partial)
            try:
                partial.rename(folder)
            except OSError:
                # Another process was faster.
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return _load(folder)


def _save(dataset: KeywordDataset, folder: Path) -> None:
    folder.mkdir(parents=True)
    for split, clips in dataset.splits.items():
        whole_file.write_array(
            folder / f"{split}-waveforms.npy", clips.waveforms
        )
        whole_file.write_array(folder / f"{split}-labels.npy", clips.labels)
    for i, noise in enumerate(dataset.noise):
        whole_file.write_array(folder / f"noise-{i}.npy", noise)
    description = {
        "name": dataset.name,
        "label_names": dataset.label_names,
        "notes": dataset.notes,
        "noise": len(dataset.noise),
        "splits": {
            split: {"files": clips.files, "speakers": clips.speakers}
            for split, clips in dataset.splits.items()
        },
    }
    whole_file.write_text(folder / "description.json", json.dumps(description))


def _load(folder: Path) -> KeywordDataset:
    description = json.loads(
        (folder / "description.json").read_text(encoding="utf-8")
    )
    splits = {
        split: Clips(
            np.load(folder / f"{split}-waveforms.npy", mmap_mode="r"),
            np.load(folder / f"{split}-labels.npy"),
            tuple(names["files"]),
            tuple(names["speakers"]),
        )
        for split, names in description["splits"].items()
    }
    return KeywordDataset(
        description["name"],
        tuple(description["label_names"]),
        splits,
        tuple(
            np.load(folder / f"noise-{i}.npy")
            for i in range(description["noise"])
        ),
        tuple(description["notes"]),
    )
