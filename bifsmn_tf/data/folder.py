"""Reads a folder of somebody's own recordings as a data set.

    recordings/
        hello/            any name: a keyword
            one.wav       WAV or FLAC, any rate, any number of channels
        lights off/
        _unknown_/        other words, or speech in general
        _silence_/        no speech
        _background_noise_/   mixed in while training

The split is found in the folder, if it has the folders train, validation and
test above those of the labels. Else a hash decides: of the speaker where names
are of the form ``<speaker>_nohash_<n>``, as in Speech Commands, of the name of
the file otherwise. It does not change when recordings are added.

A keyword's recording of more than a second is cut to its loudest second, one
of less is put in the middle of one. Long recordings of ``_unknown_`` and
``_silence_`` are cut into seconds. Without ``_silence_``, silence is cut from
the background noise.
"""

import collections
import dataclasses
import os
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bifsmn_tf.audio import files as audio
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.data.clips import CLIP
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.clips import SILENCE
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.clips import Row
from bifsmn_tf.data.clips import check_speakers
from bifsmn_tf.data.clips import relabel
from bifsmn_tf.data.speech_commands import extracted
from bifsmn_tf.data.speech_commands import protocol
from bifsmn_tf.errors import DataError
from bifsmn_tf.model_file.detection import OTHER_WORD
from bifsmn_tf.model_file.detection import keywords_of

_ENOUGH = 100
"""Recordings of a word that make it a class."""

ALIASES = {"_unknown_": UNKNOWN, "_silence_": SILENCE}


def _sound_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in audio.EXTENSIONS
        and not path.name.startswith(".")
        and not path.is_dir()
    ]


def _label_folders(folder: Path) -> dict[str, Path]:
    return {
        path.name: path
        for path in sorted(folder.iterdir())
        if path.is_dir()
        and not path.name.startswith(".")
        and path.name != protocol.NOISE_FOLDER
    }


def has_splits(folder: str | os.PathLike[str]) -> bool:
    """Says whether a folder is divided into splits, with labels below."""
    return any(
        (Path(folder) / split).is_dir()
        and not _sound_files(Path(folder) / split)
        and _label_folders(Path(folder) / split)
        for split in SPLITS
    )


def loudest(sound: Int16Array, samples: int = CLIP) -> tuple[int, Int16Array]:
    """Returns where the part with the most energy starts, and that part.

    Args:
        sound: int16 (samples,) at 16 kHz.
        samples: how long the part is; a second by default.

    Returns:
        The first sample and int16 (samples,). A shorter sound is returned in
        the middle of zeros.
    """
    spare = samples - len(sound)
    if spare >= 0:
        return 0, np.pad(sound, (spare // 2, spare - spare // 2))
    energy = np.cumsum(np.square(sound, dtype=np.float64))
    energy = np.concatenate([[0.0], energy])
    start = int(np.argmax(energy[samples:] - energy[:-samples]))
    return start, sound[start : start + samples]


def pieces(
    sound: Int16Array, samples: int = CLIP
) -> list[tuple[int, Int16Array]]:
    """Cuts a sound into pieces, each with the sample that it starts at.

    Args:
        sound: int16 (samples,) at 16 kHz; less than two pieces give one.
        samples: how long a piece is; a second by default.
    """
    if len(sound) < 2 * samples:
        return [loudest(sound, samples)]
    return [
        (start, sound[start : start + samples])
        for start in range(0, len(sound) - samples + 1, samples)
    ]


def ordered_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Returns labels in the order of a class list.

    The ten keywords of Speech Commands come first, in their usual order, then
    other words by the alphabet, then unknown and silence.
    """
    first = [word for word in KEYWORDS if word in labels]
    last = [word for word in (UNKNOWN, SILENCE) if word in labels]
    rest = sorted(set(labels) - set(first) - set(last))
    return (*first, *rest, *last)


def load(
    folder: str | os.PathLike[str],
    *,
    label_names: Sequence[str] | None = None,
    everything_as: str | None = None,
    seed: int = 0,
    samples: int = CLIP,
) -> KeywordDataset:
    """Reads a folder of recordings.

    Args:
        folder: laid out as the module says.
        label_names: the classes of a trained model. Labels then are indices
            into these, and a folder that is none of them is an error. None
            takes the folders for the classes.
        everything_as: a split that all recordings go into, say "test" to try
            a model on recordings that it was not trained on. None divides
            them.
        seed: of the silence that is cut from background noise.
        samples: of a clip; silence is cut for clips of a second alone.

    Returns:
        The splits that have recordings in them. Files that cannot be used are
        left out and named in ``notes``.

    Raises:
        DataError: There is no such folder or nothing usable in it, a folder
            is none of ``label_names``, or ``everything_as`` no split.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(
            f"There is no folder {root}. It has to hold one folder a label "
            "with .wav or .flac files in it."
        )
    if everything_as is not None and everything_as not in SPLITS:
        raise DataError(
            f"everything_as is {everything_as!r}, not one of "
            f"{', '.join(SPLITS)}"
        )
    divided = has_splits(root)
    found = _find(root, divided)
    if not found:
        raise DataError(_nothing(root))
    labels = ordered_labels(sorted({label for _, label, _ in found}))
    for label in labels:
        # Such as bytes that are not UTF-8, or what a terminal would obey.
        if not label.isprintable():
            raise DataError(
                f"{root / label}: a label is printable text in UTF-8: rename "
                "the folder"
            )
    if label_names is not None:
        _check_labels(root, labels, label_names)

    parts, bad = _read(root, found, everything_as, samples)
    if not parts:
        raise DataError(_nothing(root, bad))

    notes = []
    if bad:
        notes.append(extracted.left_out(bad, root))
    noise, noise_notes = extracted.read_noise(root)
    notes += noise_notes
    if SILENCE not in labels and noise and samples == CLIP:
        wanted = label_names is None or SILENCE in label_names
        if wanted:
            try:
                cut = {
                    split: _silence(rows, noise, split, seed)
                    for split, rows in parts.items()
                }
            except DataError as error:
                notes.append(str(error))
            else:
                labels = (*labels, SILENCE)
                for split, rows in cut.items():
                    parts[split] += rows
    for label, meaning in ((UNKNOWN, "other words"), (SILENCE, "no speech")):
        if label not in labels and label_names is None:
            notes.append(
                f"There is no folder _{label}_, so no class for {meaning}: "
                "the network will have to take everything for a keyword."
            )
    if divided:
        try:
            check_speakers(
                {
                    split: {speaker for _, _, speaker, _ in rows}
                    for split, rows in parts.items()
                }
            )
        except DataError as error:
            notes.append(str(error))

    names = tuple(label_names) if label_names is not None else labels
    splits = {
        split: Clips.from_rows(parts[split], names, len(parts[split]), samples)
        for split in SPLITS
        if split in parts
    }
    return KeywordDataset(
        "folder",
        names,
        splits,
        extracted.training_noise(noise),
        tuple(notes),
    )


def _find(root: Path, divided: bool) -> list[tuple[str | None, str, Path]]:
    """Returns (split or None, label, path) of each file in the folders."""
    tops: list[tuple[str | None, Path]] = (
        [(split, root / split) for split in SPLITS if (root / split).is_dir()]
        if divided
        else [(None, root)]
    )
    return [
        (split, ALIASES.get(name, name), path)
        for split, top in tops
        for name, place in _label_folders(top).items()
        for path in _sound_files(place)
    ]


def _read(
    root: Path,
    found: Sequence[tuple[str | None, str, Path]],
    everything_as: str | None,
    samples: int,
) -> tuple[dict[str, list[Row]], list[str]]:
    """Cuts the files that were found into clips.

    Returns:
        The rows of each split, and what is wrong with files that are left out.
    """
    sounds = audio.read_many([path for _, _, path in found])
    parts: dict[str, list[Row]] = collections.defaultdict(list)
    bad = []
    for (given, label, path), sound in zip(found, sounds, strict=True):
        name = path.relative_to(root).as_posix()
        if isinstance(sound, audio.UnreadableError):
            bad.append(f"{name} {sound.reason}")
            continue
        split = everything_as or given or protocol.hashed_split(path.stem)
        speaker = protocol.speaker_of(path.name)
        cut = (
            pieces(sound, samples)
            if label in (UNKNOWN, SILENCE)
            else [loudest(sound, samples)]
        )
        for start, piece in cut:
            file = f"{name}#{start}" if len(sound) > samples else name
            parts[split].append((label, file, speaker, piece))
    return parts, bad


def _check_labels(
    root: Path, labels: Sequence[str], label_names: Sequence[str]
) -> None:
    strange = [label for label in labels if label not in label_names]
    if strange:
        raise DataError(
            f"{root} has folders that the model has no label for: "
            f"{', '.join(strange)}. Its labels are {', '.join(label_names)}. "
            "Rename the folders, or move words that it should not react to "
            "into _unknown_."
        )


def _nothing(root: Path, bad: Sequence[str] = ()) -> str:
    why = (
        f"None of its files can be used: {'; '.join(bad[:5])}. " if bad else ""
    )
    return (
        f"{root} has no recording that can be used. {why}Put .wav or .flac "
        "files into one folder a label, such as "
        f"{root / 'hello' / 'first.wav'}."
    )


def _silence(
    rows: Sequence[Row],
    noise: Mapping[str, Int16Array],
    split: str,
    seed: int,
) -> list[Row]:
    """Cuts as much silence for a split as it has of a keyword on average."""
    spoken = collections.Counter(
        label for label, *_ in rows if label != UNKNOWN
    )
    count = -(-sum(spoken.values()) // max(1, len(spoken)))
    lengths = {name: len(sound) for name, sound in noise.items()}
    return [
        (SILENCE, e.id, "", extracted.cut(e, noise[Path(e.file).name]))
        for e in protocol.silence(lengths, split, count, seed)
    ]


def with_recordings(
    dataset: KeywordDataset, folder: str | os.PathLike[str], share: float
) -> KeywordDataset:
    """Adds one's own recordings of its words to the split to train on.

    Args:
        dataset: any with a split to train on.
        folder: one folder for each word, as :func:`load` reads it; some of
            the data set's words may be missing.
        share: recordings of a word are repeated until they are this share of
            the data set's clips of it, or more.

    Raises:
        DataError: There is no such folder, or a word that the data set lacks.
    """
    train = dataset.splits["train"]
    own = load(
        folder,
        label_names=dataset.label_names,
        everything_as="train",
        samples=train.waveforms.shape[1],
    ).splits["train"]
    chosen = [np.arange(len(train))]
    for label in np.unique(own.labels):
        there = np.flatnonzero(own.labels == label)
        wanted = share * np.count_nonzero(train.labels == label)
        times = max(1, round(wanted / len(there)))
        chosen.append(len(train) + np.tile(there, times))
    places = np.concatenate(chosen)
    files = (*train.files, *own.files)
    speakers = (*train.speakers, *own.speakers)
    added = Clips(
        np.concatenate([train.waveforms, own.waveforms])[places],
        np.concatenate([train.labels, own.labels])[places],
        tuple(files[i] for i in places),
        tuple(speakers[i] for i in places),
    )
    return dataclasses.replace(
        dataset, splits={**dataset.splits, "train": added}
    )


def with_other_words(
    dataset: KeywordDataset, folder: str | os.PathLike[str]
) -> KeywordDataset:
    """Adds words of other people, each as a class, to the split to train on.

    Words that a keyword has in it are left out, as are those with less than
    a hundred recordings, and what lists of Speech Commands count to other
    splits than training. Where synthetic voices say such a word as an unknown
    one it goes to the word's class: else voices would tell classes apart.

    Args:
        dataset: any with a split to train on.
        folder: one folder for each word.

    Returns:
        The data set, its labels with the words' between keywords and unknown;
        they begin with ``detection.OTHER_WORD``.

    Raises:
        DataError: There is no such folder, or no word with so many; or the
            data set has no class of unknown words.
    """
    if UNKNOWN not in dataset.label_names:
        raise DataError(
            f"other_words stand beside a class {UNKNOWN!r}, which "
            f"{dataset.name} has not: its classes are "
            f"{', '.join(dataset.label_names)}"
        )
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"other_words: there is no folder {root}")
    spoken = {
        part.casefold()
        for keyword in keywords_of(dataset.label_names)
        for part in keyword.split()
    }
    held_out = protocol.held_out(root)
    found = {
        word: [
            path
            for path in _sound_files(place)
            if path.relative_to(root).as_posix() not in held_out
        ]
        for word, place in _label_folders(root).items()
        if word.casefold() not in spoken and word not in ALIASES
    }
    found = {word: f for word, f in found.items() if len(f) >= _ENOUGH}
    if not found:
        raise DataError(
            f"other_words: no word in {root} has {_ENOUGH} recordings"
        )
    samples = dataset.splits["train"].waveforms.shape[1]
    rows: list[Row] = []
    for word, paths in found.items():
        for path, sound in zip(paths, audio.read_many(paths), strict=True):
            if isinstance(sound, audio.UnreadableError):
                raise sound
            name = path.relative_to(root).as_posix()
            _, piece = loudest(sound, samples)
            speaker = protocol.speaker_of(path.name)
            rows.append((OTHER_WORD + word, name, speaker, piece))
    own = keywords_of(dataset.label_names)
    rest = [name for name in dataset.label_names if name not in own]
    names = (*own, *(OTHER_WORD + word for word in found), *rest)
    dataset = _said_too(relabel(dataset, names), found)
    added = Clips.from_rows(rows, names, len(rows), samples)
    train = dataset.splits["train"]
    both = Clips(
        np.concatenate([train.waveforms, added.waveforms]),
        np.concatenate([train.labels, added.labels]),
        (*train.files, *added.files),
        (*train.speakers, *added.speakers),
    )
    return dataclasses.replace(
        dataset, splits={**dataset.splits, "train": both}
    )


def _said_too(
    dataset: KeywordDataset, words: Collection[str]
) -> KeywordDataset:
    """Gives unknown clips of these words, as synthetic speech has, their class.

    Args:
        dataset: with the words' classes.
        words: without what their labels begin with.
    """
    names = dataset.label_names
    class_of = {word: names.index(OTHER_WORD + word) for word in words}
    splits = {}
    for split, clips in dataset.splits.items():
        labels = clips.labels.copy()
        for i in np.flatnonzero(labels == names.index(UNKNOWN)):
            said = Path(clips.files[i]).parent.name
            labels[i] = class_of.get(said, labels[i])
        splits[split] = dataclasses.replace(clips, labels=labels)
    return dataclasses.replace(dataset, splits=splits)
