"""Recordings to listen to, and the words in them.

    recordings = folder("MY_RECORDINGS")      long ones, with labels beside them
    recordings = trials("alexa")              one word in each

A recording without any label holds no keyword: whatever is detected in it is
false.
"""

import dataclasses
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bifsmn_tf.audio import files
from bifsmn_tf.audio.resampling import resampled
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.evaluation.streams import labels
from bifsmn_tf.evaluation.streams.labels import Word

EXTENSIONS = (*files.EXTENSIONS, ".ogg", ".opus", ".mp3")

TRIAL_SILENCE = 1.0
"""Seconds of digital silence before and behind a trial."""


@dataclasses.dataclass(frozen=True)
class Recording:
    """Sound and the words in it.

    Attributes:
        name: of the recording, for messages and reports.
        source: what it belongs to, such as its folder.
        sound: files that are laid end to end, or samples, int16 (samples,), at
            16 kHz.
        words: by the time at which they begin; none lasts longer than the
            recording, whatever is said here.
        trial: whether it is one word alone, of which nothing else is known
            than that it is in there somewhere.
        dense: whether words were put into it close together, so that what is
            false in an hour of it says little.
    """

    name: str
    source: str
    sound: tuple[Path, ...] | Int16Array
    words: tuple[Word, ...] = ()
    trial: bool = False
    dense: bool = False

    @property
    def seconds(self) -> float:
        """How long it is, as far as its files say."""
        if not isinstance(self.sound, tuple):
            return len(self.sound) / files.SAMPLE_RATE
        silence = 2 * TRIAL_SILENCE if self.trial else 0.0
        return sum(map(files.duration, self.sound)) + silence

    def samples(self, rate: int) -> FloatArray:
        """Reads the sound.

        Args:
            rate: samples a second that are wanted.

        Returns:
            float32 in [-1, 1], (samples,).

        Raises:
            UnreadableError: A file cannot be used.
        """
        if isinstance(self.sound, tuple):
            parts = [files.read(path, rate) for path in self.sound]
            sound = to_float(np.concatenate(parts))
        else:
            sound = resampled(to_float(self.sound), files.SAMPLE_RATE, rate)
        if self.trial:
            sound = np.pad(sound, round(TRIAL_SILENCE * rate))
        return sound


def folder(
    place: str | os.PathLike[str], join: bool = False
) -> list[Recording]:
    """Reads a folder of recordings and their labels.

    Args:
        place: the folder, with recordings in it or in folders below. Labels
            are a label track beside each (``one.txt`` beside ``one.wav``), or
            one CSV in the folder, of file, start, end and word.
        join: lay recordings end to end, by name, as one.

    Raises:
        DataError: There is no such folder, nothing in it, or a bad label; the
            message names the file and the line.

    Warns:
        DataWarning: of label tracks that belong to no recording.
    """
    root = Path(place)
    sounds = _sounds(root)
    tracks = sorted(path for path in root.rglob("*.txt") if path.is_file())
    tables = sorted(path for path in root.glob("*.csv") if path.is_file())
    if len(tables) > 1:
        raise DataError(
            f"{root} has several CSV files, {tables[0].name} and "
            f"{tables[1].name}: keep the one with the labels"
        )
    words: dict[Path, list[Word]] = {path: [] for path in sounds}
    by_stem = {path.with_suffix(""): path for path in sounds}
    strange = []
    for track in tracks:
        sound = by_stem.get(track.with_suffix(""))
        if sound is None:
            strange.append(track.name)
        else:
            words[sound] += labels.read_track(track)
    if strange:
        warnings.warn(
            f"{root}: {len(strange)} text files are beside no recording of "
            f"that name and say nothing of words: {', '.join(strange[:3])}",
            DataWarning,
            stacklevel=2,
        )
    for table in tables:
        named = {path.relative_to(root).as_posix(): path for path in sounds}
        for name, found in labels.read_table(table, sorted(named)).items():
            words[named[name]] += found
    made = [
        Recording(
            path.relative_to(root).as_posix(),
            root.resolve().name,
            (path,),
            tuple(sorted(words[path])),
        )
        for path in sounds
    ]
    return [_joined(made)] if join else made


def _joined(recordings: Sequence[Recording]) -> Recording:
    """Lays recordings of files end to end."""
    words: list[Word] = []
    paths: list[Path] = []
    start = 0.0
    for recording in recordings:
        assert isinstance(recording.sound, tuple)
        words += [word.later(start) for word in recording.words]
        paths += recording.sound
        for path in recording.sound:
            # What a file of an other kind than WAV says need not be so.
            start += len(files.read(path)) / files.SAMPLE_RATE
    source = recordings[0].source
    return Recording(source, source, tuple(paths), tuple(words))


def trials(
    place: str | os.PathLike[str], word: str | None = None
) -> list[Recording]:
    """Reads a folder of recordings in each of which one word is spoken.

    A second of digital silence is put before and behind each, and a detection
    anywhere in it is a hit.

    Args:
        place: the folder.
        word: by default the folder's name.

    Raises:
        DataError: There is no such folder, or nothing in it.
    """
    root = Path(place)
    label = word or root.resolve().name
    found = []
    for path in _sounds(root):
        found.append(
            Recording(
                path.relative_to(root).as_posix(),
                root.resolve().name,
                (path,),
                (Word(0.0, math.inf, label),),
                trial=True,
            )
        )
    return found


def _sounds(root: Path) -> list[Path]:
    if not root.is_dir():
        raise DataError(f"there is no folder {root}")
    found = [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in EXTENSIONS
        and not path.name.startswith(".")
        and path.is_file()
    ]
    if not found:
        kinds = ", ".join(EXTENSIONS)
        raise DataError(f"there are no recordings in {root}: {kinds}")
    return found
