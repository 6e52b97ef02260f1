"""Reads Speech Commands from a folder in the layout of its archive."""

import os
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf.audio import files as audio
from bifsmn_tf.audio.log_mel import fit_length
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data.clips import CLIP
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.speech_commands import protocol
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.errors import DataError

# The loudest official recording has 0.33. In a copy that was turned down, all
# of them together, the loudest lies below this.
LEAST_NOISE_LEVEL = 0.03


def is_extracted(folder: str | os.PathLike[str]) -> bool:
    """Says whether ``folder`` has a folder of one of the words in it."""
    return any((Path(folder) / word).is_dir() for word in tasks.WORDS["v0.02"])


def word_files(folder: str | os.PathLike[str]) -> dict[str, list[str]]:
    """Returns the sorted names of the .wav files in each word's folder.

    Folders of the test archive that begin with "_" are among them, that of the
    background noise is not.
    """
    return {
        entry.name: sorted(
            path.name for path in entry.iterdir() if path.suffix == ".wav"
        )
        for entry in sorted(Path(folder).iterdir())
        if entry.is_dir()
        and entry.name != protocol.NOISE_FOLDER
        and not entry.name.startswith(".")
    }


def split_lists(folder: str | os.PathLike[str]) -> dict[str, frozenset[str]]:
    """Returns the files that the data set's lists name; {} without lists.

    Raises:
        DataError: One of the two lists is missing.
    """
    paths = {
        split: Path(folder) / name for split, name in protocol.LISTS.items()
    }
    there = [path for path in paths.values() if path.is_file()]
    if not there:
        return {}
    if len(there) < len(paths):
        raise DataError(
            f"{folder} has {there[0].name}, but not the other list of "
            f"{' and '.join(protocol.LISTS.values())}. Restore it, or remove "
            "both to split by the hash of the speaker."
        )
    return {
        split: frozenset(path.read_text(encoding="utf-8").split())
        for split, path in paths.items()
    }


def read_noise(
    folder: str | os.PathLike[str],
) -> tuple[dict[str, Int16Array], list[str]]:
    """Reads the background recordings of a folder.

    Returns:
        The recordings, int16 at 16 kHz, by name; and what is wrong with them,
        in sentences: some cannot be read, or all of them are too quiet.
    """
    place = Path(folder) / protocol.NOISE_FOLDER
    if not place.is_dir():
        return {}, []
    paths = [
        path
        for path in sorted(place.iterdir())
        if path.suffix.lower() in audio.EXTENSIONS
        and not path.name.startswith(".")
    ]
    noise = {}
    bad = []
    for path, sound in zip(paths, audio.read_many(paths), strict=True):
        if isinstance(sound, audio.UnreadableError):
            bad.append(f"{protocol.NOISE_FOLDER}/{path.name} {sound.reason}")
        else:
            noise[path.name] = sound
    notes = [left_out(bad, folder)] if bad else []
    return noise, notes + noise_level_notes(noise)


def noise_level_notes(noise: Mapping[str, Int16Array]) -> list[str]:
    """Returns a note if background recordings seem to have been turned down.

    Silence that is cut from attenuated recordings teaches a network that only
    next to nothing is silence.

    Args:
        noise: the recordings by name, int16 (samples,).
    """
    if not noise:
        return []
    loudest = max(
        float(np.sqrt(np.mean(np.square(to_float(sound)))))
        for sound in noise.values()
    )
    if loudest >= LEAST_NOISE_LEVEL:
        return []
    return [
        f"The loudest background recording has a level of {loudest:.4f} of "
        "full scale (root mean square), where Speech Commands' own reach "
        "0.33. They seem to have been turned down: scale them back, or "
        "silence will be recognised badly."
    ]


def left_out(bad: Sequence[str], folder: str | os.PathLike[str]) -> str:
    """Returns the sentence on files that cannot be used."""
    shown = "; ".join(bad[:10]) + ("; ..." if len(bad) > 10 else "")
    files = "1 file" if len(bad) == 1 else f"{len(bad)} files"
    return f"{files} of {folder} left out: {shown}"


def training_noise(
    noise: Mapping[str, Int16Array],
) -> tuple[FloatArray, ...]:
    """Returns the parts to mix in while training, float32 in [-1, 1)."""
    low, high = protocol.NOISE_PARTS["train"]
    parts = [
        sound[int(len(sound) * low) : int(len(sound) * high)]
        for _, sound in sorted(noise.items())
    ]
    return tuple(to_float(part) for part in parts if len(part) >= CLIP)


def cut(example: protocol.Example, sound: Int16Array) -> Int16Array:
    """Cuts the clip of an example from its recording.

    Args:
        example: says where, and how loud it becomes.
        sound: int16 (samples,) at 16 kHz.

    Returns:
        int16 (16000,), padded with zeros if the recording ends before.
    """
    piece = sound[example.start : example.start + CLIP]
    if example.level != 1:
        piece = np.rint(piece * example.level).astype(np.int16)
    return fit_length(piece, CLIP)


def read_examples(
    examples: Iterable[protocol.Example],
    folder: str | os.PathLike[str],
    noise: Mapping[str, Int16Array],
    bad: list[str],
) -> Iterator[tuple[int, protocol.Example, Int16Array]]:
    """Reads the clips of examples, a portion of the files at a time.

    Args:
        examples: of one split.
        folder: where their files are.
        noise: the background recordings by name.
        bad: gets what is wrong with the files that are skipped.

    Yields:
        The place of each example in ``examples``, the example, and its clip,
        int16 (16000,).
    """
    background = f"{protocol.NOISE_FOLDER}/"
    examples = list(examples)
    # In portions, so that the files of a whole data set need not be in memory.
    for first in range(0, len(examples), 4096):
        portion = examples[first : first + 4096]
        files = sorted(
            {
                e.file
                for e in portion
                if e.file and not e.file.startswith(background)
            }
        )
        read = audio.read_many([Path(folder) / file for file in files])
        sounds = dict(zip(files, read, strict=True))
        for number, example in enumerate(portion, first):
            sound: Int16Array | audio.UnreadableError
            if not example.file:
                sound = np.zeros(0, np.int16)
            elif example.file.startswith(background):
                sound = noise[example.file[len(background) :]]
            else:
                sound = sounds[example.file]
            if isinstance(sound, audio.UnreadableError):
                bad.append(f"{example.file} {sound.reason}")
            else:
                yield number, example, cut(example, sound)


def record(
    number: int, example: protocol.Example, clip: Int16Array
) -> tuple[str, dict[str, Any]]:
    """Returns what TFDS writes of an example, and the key that orders it.

    Args:
        number: its place in its split; two clips of silence may be alike.
        example: what the clip is.
        clip: int16 (16000,).
    """
    return (
        f"{example.id}/{number}",
        {
            "audio": clip,
            "label": example.label,
            "speaker": example.speaker,
            "file": example.id,
        },
    )


def test_archive(
    folder: str | os.PathLike[str], task: tasks.Task
) -> Path | None:
    """Returns the extracted test archive in or beside ``folder``, if any."""
    if not task.has_archive:
        return None
    name = f"speech_commands_test_set_{task.version}"
    for place in (Path(folder) / name, Path(folder).resolve().parent / name):
        if is_extracted(place):
            return place
    return None


def load(
    task: tasks.Task,
    folder: str | os.PathLike[str],
    *,
    seed: int = 0,
    unknown_ratio: float = 1.0,
) -> KeywordDataset:
    """Reads a task from an extracted folder, whole or a part of it.

    Args:
        task: one of ``tasks.TASKS``.
        folder: holds a folder a word, ``_background_noise_`` and the two lists.
            The 12-class test archive is used if it is extracted in it or
            beside it, as ``speech_commands_test_set_v0.02`` for one.
        seed: see ``protocol.plan``.
        unknown_ratio: see ``protocol.plan``.

    Returns:
        All three splits. The class list follows the words that are there, and
        ``notes`` names those that are missing and the files that are left out.

    Raises:
        DataError: No keyword is there, one of the two lists is missing, or
            somebody speaks in two splits.
    """
    noise, noise_notes = read_noise(folder)
    archive = test_archive(folder, task)
    chosen = protocol.plan(
        task,
        word_files(folder),
        {name: len(sound) for name, sound in noise.items()},
        lists=split_lists(folder),
        archive=word_files(archive) if archive else None,
        seed=seed,
        unknown_ratio=unknown_ratio,
    )
    index = {label: i for i, label in enumerate(chosen.label_names)}
    bad: list[str] = []
    splits = {}
    for split, examples in chosen.splits.items():
        place = archive if archive and split == "test" else folder
        ordered = sorted(examples, key=lambda e: (index[e.label], e.id))
        rows = (
            (e.label, e.id, e.speaker, clip)
            for _, e, clip in read_examples(ordered, place, noise, bad)
        )
        splits[split] = Clips.from_rows(rows, chosen.label_names, len(ordered))
    notes = [*chosen.notes, *noise_notes]
    if bad:
        notes.append(left_out(bad, folder))
    return KeywordDataset(
        f"speech_commands/{task.name}",
        chosen.label_names,
        splits,
        training_noise(noise),
        tuple(notes),
    )
