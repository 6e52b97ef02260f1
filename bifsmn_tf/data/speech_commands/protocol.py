"""Plans of the tasks on Speech Commands: which clip is in which split, as what.

Nothing here reads a sound. From the names of the files that there are, ``plan``
says what every split consists of, so that the TFDS builder and the reader of
an extracted folder cannot differ.
"""

import dataclasses
import hashlib
import os
import re
import zlib
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bifsmn_tf.data.clips import CLIP
from bifsmn_tf.data.clips import SILENCE
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.data.clips import check_speakers
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.errors import DataError

NOISE_FOLDER = "_background_noise_"

NOT_COMPARABLE = (
    "Results are not comparable with results on the whole data set."
)
"""Ends the notes on a part of the words."""

LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}

# The parts of each background recording that a split's silence is cut from.
NOISE_PARTS = {
    "train": (0.0, 0.8),
    "validation": (0.8, 0.9),
    "test": (0.9, 1.0),
}


@dataclasses.dataclass(frozen=True)
class Example:
    """One clip of a split.

    Attributes:
        label: its class.
        file: ``<folder>/<name>`` inside the archive; "" for zeros, which
            ``start`` then only numbers.
        speaker: the hash in the name of the file; "" for silence.
        start: the first sample to take.
        level: what the samples are multiplied by.
    """

    label: str
    file: str
    speaker: str = ""
    start: int = 0
    level: float = 1.0

    @property
    def id(self) -> str:
        """A name of the clip; of a piece, with the sample it starts at."""
        whole = self.file and not self.file.startswith(f"{NOISE_FOLDER}/")
        return self.file if whole else f"{self.file}#{self.start}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a task consists of, given the files that there are.

    Attributes:
        label_names: keywords, then "unknown" and "silence", as far as present.
        splits: the examples of each split.
        notes: what is missing from the task, in sentences.
    """

    label_names: tuple[str, ...]
    splits: dict[str, tuple[Example, ...]]
    notes: tuple[str, ...]


def speaker_of(name: str) -> str:
    """Returns the speaker in a file's name, ``<speaker>_nohash_<n>.wav``.

    A name that is not of this form has the speaker "".
    """
    match = re.search(r"([^/\\]+)_nohash_", name)
    return match.group(1) if match else ""


def hashed_split(
    name: str, validation: float = 10.0, test: float = 10.0
) -> str:
    """Returns the split of a file by the data set's published rule.

    The SHA-1 of the name up to ``_nohash_`` decides, so that all recordings of
    a speaker stay together, and stay where they are when others are added.

    Args:
        name: of the file; folders before it do not matter.
        validation: percentage of the speakers for validation.
        test: percentage of the speakers for testing.

    Returns:
        "train", "validation" or "test".
    """
    base = re.split(r"[/\\]", name)[-1]
    speaker = re.sub(r"_nohash_.*$", "", base)
    modulus = 2**27
    digest = int(hashlib.sha1(os.fsencode(speaker)).hexdigest(), 16)
    percentage = digest % modulus * (100.0 / (modulus - 1))
    if percentage < validation:
        return "validation"
    return "test" if percentage < validation + test else "train"


def _words_by_split(
    files: Mapping[str, Sequence[str]],
    lists: Mapping[str, Collection[str]],
) -> dict[str, dict[str, list[str]]]:
    """Sorts the names in ``files`` into splits: split -> word -> names."""
    split_of = {
        file: split for split, listed in lists.items() for file in listed
    }
    result: dict[str, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for word, names in files.items():
        for name in sorted(names):
            split = (
                split_of.get(f"{word}/{name}", "train")
                if lists
                else hashed_split(name)
            )
            result[split].setdefault(word, []).append(name)
    return result


def _rng(seed: int, *purpose: str) -> np.random.Generator:
    return np.random.default_rng(
        [seed, *(zlib.crc32(os.fsencode(word)) for word in purpose)]
    )


def _balanced(
    by_word: Mapping[str, Sequence[str]], count: int, rng: np.random.Generator
) -> list[tuple[str, str]]:
    """Takes ``count`` files, as equally many of each word as there are."""
    ranked = []
    for word in sorted(by_word):
        names = by_word[word]
        order = rng.permutation(len(names))
        # The k-th of every word comes before the k+1-st of any; among equals
        # chance decides, so that no word comes first by its name.
        ranked += [
            (rank, rng.random(), word, names[i]) for rank, i in enumerate(order)
        ]
    return [(word, name) for _, _, word, name in sorted(ranked)[:count]]


def held_out(folder: Path) -> set[str]:
    """Returns the recordings that lists in a folder keep from training.

    Args:
        folder: such as an extracted archive; without lists it keeps none.
    """
    lists = [folder / name for name in LISTS.values()]
    return {
        name
        for path in lists
        if path.is_file()
        for name in path.read_text("utf-8").split()
    }


def silence(
    noise: Mapping[str, int], split: str, count: int, seed: int
) -> list[Example]:
    """Cuts clips of silence from a split's part of the background recordings.

    The recordings take turns. The level is uniform in [0, 1], as in the data
    set's own training code: a room is rarely as loud as a running tap.

    Args:
        noise: the recordings and their lengths in samples.
        split: whose part to cut from, see ``NOISE_PARTS``.
        count: how many clips.
        seed: of where they are cut and how loud they are.

    Returns:
        ``count`` examples.

    Raises:
        DataError: No recording is long enough.
    """
    low, high = NOISE_PARTS[split]
    ranges = {
        file: (int(length * low), int(length * high) - CLIP + 1)
        for file, length in sorted(noise.items())
    }
    turns = [file for file, (start, end) in ranges.items() if start < end]
    if not turns:
        raise DataError(
            f"No background recording is long enough to cut {split} silence "
            "from: that takes recordings of ten seconds or more."
        )
    rng = _rng(seed, split, SILENCE)
    result = []
    for turn, file in enumerate(turns):
        share = len(range(turn, count, len(turns)))
        start, end = ranges[file]
        # No piece twice, unless the recording is too short for that.
        starts = start + rng.choice(
            end - start, share, replace=share > end - start
        )
        result += [
            Example(
                SILENCE,
                f"{NOISE_FOLDER}/{file}",
                start=int(at),
                level=float(rng.random()),
            )
            for at in starts
        ]
    return result


def plan(
    task: tasks.Task,
    files: Mapping[str, Sequence[str]],
    noise: Mapping[str, int],
    *,
    lists: Mapping[str, Collection[str]] | None = None,
    archive: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
    unknown_ratio: float = 1.0,
) -> Plan:
    """Decides what the splits of ``task`` consist of.

    Args:
        task: one of ``tasks.TASKS``.
        files: the names of the files of each word, ``{"yes":
            ["a_nohash_0.wav", ...]}``; what is no word of the task's version
            is left aside.
        noise: the background recordings and their lengths in samples.
        lists: the data set's own lists, ``{"validation": {"yes/a.wav", ...},
            "test": ...}``; without them the hash of the speaker decides.
        archive: files of the 12-class test archive by folder, among them
            ``_unknown_`` and ``_silence_``; they become the test split.
        seed: of what is drawn: which other words, which pieces of noise.
        unknown_ratio: how many unknown clips to train on, in units of the
            mean keyword. Validation and test keep 1. ``official`` only.

    Returns:
        The plan. The same arguments give the same plan on every machine.

    Raises:
        DataError: No keyword is there, or somebody speaks in two splits; or
            ``unknown_ratio`` is not positive, or given for another protocol.
    """
    if unknown_ratio <= 0:
        raise DataError(
            f"unknown_ratio has to be positive, not {unknown_ratio}."
        )
    if unknown_ratio != 1 and not task.has_archive:
        raise DataError(
            f"{task.name} says itself what is unknown: leave unknown_ratio "
            "at 1."
        )
    files = {w: files[w] for w in tasks.WORDS[task.version] if files.get(w)}
    keywords = tuple(word for word in task.keywords if word in files)
    if not keywords:
        raise DataError(
            f"None of the words of {task.name} is there "
            f"({', '.join(task.keywords)}). The folder has to hold one folder "
            "a word, as the official archive does."
        )
    by_split = _words_by_split(files, lists or {})
    check_speakers(
        {
            split: {
                speaker_of(name) for names in words.values() for name in names
            }
            for split, words in by_split.items()
        }
    )
    notes = _missing(task, files)
    has_unknown = task.others and len(files) > len(keywords)
    has_silence = task.others and (task.protocol == "bifsmn" or bool(noise))
    if task.others and not has_unknown:
        notes.append("There is no other word, so no class unknown.")
    if task.others and not has_silence:
        notes.append(
            f"There is no {NOISE_FOLDER}, so no class silence and no noise to "
            "mix in."
        )
    splits = {}
    for split, words in by_split.items():
        examples = [
            Example(word, f"{word}/{name}", speaker_of(name))
            for word in keywords
            for name in words.get(word, ())
        ]
        others = {w: n for w, n in words.items() if w not in task.keywords}
        mean_keyword = len(examples) / len(keywords)
        if has_unknown:
            count = sum(map(len, others.values()))
            if task.protocol == "official":
                ratio = unknown_ratio if split == "train" else 1.0
                wanted = int(np.ceil(mean_keyword * ratio))
                if count < wanted:
                    notes.append(
                        f"There are {count} clips of other words for {split}, "
                        f"where {wanted} were wanted."
                    )
                count = min(count, wanted)
            chosen = _balanced(others, count, _rng(seed, split, UNKNOWN))
            examples += [
                Example(UNKNOWN, f"{word}/{name}", speaker_of(name))
                for word, name in sorted(chosen)
            ]
        if has_silence and task.protocol == "official":
            examples += silence(noise, split, int(np.ceil(mean_keyword)), seed)
        elif has_silence:
            spoken = sum(map(len, words.values()))
            examples += [
                Example(SILENCE, "", start=i) for i in range(spoken // 10)
            ]
        splits[split] = tuple(examples)
    if archive and task.has_archive:
        splits["test"] = _archived(archive, keywords, has_unknown, has_silence)
        known = {example.speaker for example in splits["test"]} - {""}
        for split in ("train", "validation"):
            splits[split] = tuple(
                e for e in splits[split] if e.speaker not in known
            )
    label_names = (
        *keywords,
        *([UNKNOWN] if has_unknown else []),
        *([SILENCE] if has_silence else []),
    )
    return Plan(label_names, splits, tuple(notes))


def _missing(task: tasks.Task, files: Mapping[str, Sequence[str]]) -> list[str]:
    missing = [word for word in task.keywords if word not in files]
    notes = []
    if missing:
        notes.append(
            f"{len(task.keywords) - len(missing)} of the "
            f"{len(task.keywords)} keywords of {task.name} are there; missing: "
            f"{', '.join(missing)}."
        )
    others = [
        word
        for word in tasks.WORDS[task.version]
        if word not in task.keywords and word not in files
    ]
    if task.others and others:
        notes.append(f"Words missing from unknown: {', '.join(others)}.")
    if notes:
        notes[-1] += f" {NOT_COMPARABLE}"
    return notes


def _archived(
    archive: Mapping[str, Sequence[str]],
    keywords: Sequence[str],
    has_unknown: bool,
    has_silence: bool,
) -> tuple[Example, ...]:
    folders = {word: word for word in keywords}
    if has_unknown:
        folders["_unknown_"] = UNKNOWN
    if has_silence:
        folders["_silence_"] = SILENCE
    missing = [folder for folder in folders if not archive.get(folder)]
    if missing:
        raise DataError(
            f"The test archive lacks the folders {', '.join(missing)}."
        )
    return tuple(
        Example(label, f"{folder}/{name}", speaker_of(name))
        for folder, label in folders.items()
        for name in sorted(archive[folder])
    )
