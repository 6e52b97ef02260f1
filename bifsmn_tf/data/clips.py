"""Recordings in memory: the form that every data set is handed on in."""

import dataclasses
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.files import SAMPLE_RATE
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError

SPLITS = ("train", "validation", "test")

CLIP = SAMPLE_RATE
"""Samples of a clip: one second at 16 kHz."""

Row = tuple[str, str, str, Int16Array]
"""A clip: its label, its file, its speaker, and its samples, (16000,)."""

KEYWORDS = (
    "yes",
    "no",
    "up",
    "down",
    "left",
    "right",
    "on",
    "off",
    "stop",
    "go",
)
UNKNOWN = "unknown"
SILENCE = "silence"


@dataclasses.dataclass(frozen=True)
class Clips:
    """The clips of one split.

    Attributes:
        waveforms: int16 (n, samples), 16 kHz; one second each, but of phrases
            that take longer.
        labels: int32 (n,), indices into the data set's ``label_names``.
        files: where each clip comes from, relative to the data set; a piece of
            a background recording is ``<file>#<first sample>``.
        speakers: who speaks, as the data set names them; "" if nobody does or
            it is not known.

    Raises:
        ValueError: The parts do not fit together, or have another type.
    """

    waveforms: Int16Array
    labels: npt.NDArray[np.int32]
    files: tuple[str, ...]
    speakers: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.waveforms)
        if self.waveforms.ndim != 2 or self.waveforms.dtype != np.int16:
            raise ValueError(
                "waveforms have to be int16 (n, samples), not "
                f"{self.waveforms.dtype} {self.waveforms.shape}"
            )
        if self.labels.shape != (n,) or self.labels.dtype != np.int32:
            raise ValueError(
                f"labels have to be int32 ({n},), not "
                f"{self.labels.dtype} {self.labels.shape}"
            )
        if len(self.files) != n or len(self.speakers) != n:
            raise ValueError(
                f"{n} waveforms, but {len(self.files)} files and "
                f"{len(self.speakers)} speakers"
            )

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Row],
        label_names: Sequence[str],
        most: int,
        samples: int = CLIP,
    ) -> "Clips":
        """Makes a split of rows.

        They are put in the order of label and file, which is then the same
        however the data set was read.

        Args:
            rows: of the split.
            label_names: the classes.
            most: how many rows there are at most.
            samples: of a clip.
        """
        index = {label: i for i, label in enumerate(label_names)}
        waveforms = np.empty((most, samples), np.int16)
        keys: list[tuple[int, str, str]] = []
        for label, file, speaker, waveform in rows:
            waveforms[len(keys)] = waveform
            keys.append((index[label], file, speaker))
        order = sorted(range(len(keys)), key=keys.__getitem__)
        if order != list(range(most)):
            waveforms = waveforms[order]
        return cls(
            waveforms,
            np.array([keys[i][0] for i in order], np.int32),
            tuple(keys[i][1] for i in order),
            tuple(keys[i][2] for i in order),
        )

    def __len__(self) -> int:
        return len(self.waveforms)

    def take(self, indices: npt.NDArray[np.integer]) -> "Clips":
        """Returns the clips at ``indices``, (n,), in that order."""
        return Clips(
            self.waveforms[indices],
            self.labels[indices],
            tuple(self.files[i] for i in indices),
            tuple(self.speakers[i] for i in indices),
        )


@dataclasses.dataclass(frozen=True)
class KeywordDataset:
    """A data set of keywords.

    Attributes:
        name: what ``load`` was asked for, such as
            "speech_commands/v0.02-12-official".
        label_names: the classes; keywords first, then "unknown" and "silence"
            if the data set has them.
        splits: "train", "validation" and "test", or those asked for.
        noise: background recordings to mix in while training, float32 in
            [-1, 1], only the parts of them that belong to the train split.
            May be empty.
        notes: what a reader of results has to know, such as missing words.
    """

    name: str
    label_names: tuple[str, ...]
    splits: dict[str, Clips]
    noise: tuple[FloatArray, ...] = ()
    notes: tuple[str, ...] = ()

    def counts(self, split: str) -> dict[str, int]:
        """Returns how many clips of each label ``split`` has."""
        counts = np.bincount(
            self.splits[split].labels, minlength=len(self.label_names)
        )
        return dict(zip(self.label_names, counts.tolist(), strict=True))


def with_digital_silence(
    dataset: KeywordDataset, share: float
) -> KeywordDataset:
    """Returns the data set with some silence to train on that is zeros.

    A room is never as quiet as a muted microphone, which a network that was
    trained on rooms only may take for a word.

    Args:
        dataset: any; without clips of silence to train on it stays as it is.
        share: how many of these clips become zeros, in [0, 1], evenly spread.

    Raises:
        UserError: ``share`` lies elsewhere.
    """
    if not 0 <= share <= 1:
        raise UserError(
            f"the share of digital silence has to lie in [0, 1], not {share}"
        )
    train = dataset.splits.get("train")
    if train is None or SILENCE not in dataset.label_names:
        return dataset
    label = dataset.label_names.index(SILENCE)
    silent = np.flatnonzero(train.labels == label)
    count = int(np.ceil(share * len(silent)))
    if not count:
        return dataset
    waveforms = train.waveforms.copy()
    waveforms[silent[np.arange(count) * len(silent) // count]] = 0
    muted = dataclasses.replace(train, waveforms=waveforms)
    return dataclasses.replace(
        dataset, splits=dataset.splits | {"train": muted}
    )


def relabel(
    dataset: KeywordDataset, label_names: Sequence[str]
) -> KeywordDataset:
    """Returns the data set with labels that are indices into ``label_names``.

    Raises:
        DataError: The data set has a label that is none of them.
    """
    if tuple(label_names) == dataset.label_names:
        return dataset
    strange = [n for n in dataset.label_names if n not in label_names]
    if strange:
        raise DataError(
            f"{dataset.name} has labels that the model does not know: "
            f"{', '.join(strange)}. Its labels are {', '.join(label_names)}."
        )
    new = np.array(
        [list(label_names).index(n) for n in dataset.label_names], np.int32
    )
    return dataclasses.replace(
        dataset,
        label_names=tuple(label_names),
        splits={
            split: dataclasses.replace(clips, labels=new[clips.labels])
            for split, clips in dataset.splits.items()
        },
    )


def check_speakers(
    speakers: Mapping[str, Collection[str]],
) -> None:
    """Makes sure that nobody speaks in two splits.

    Args:
        speakers: those of each split; "" counts as nobody.

    Raises:
        DataError: Somebody does, so that a test would be passed by knowing
            the voice.
    """
    names = list(speakers)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            both = (set(speakers[first]) & set(speakers[second])) - {""}
            if both:
                raise DataError(
                    f"{len(both)} speakers are in {first} as well as in "
                    f"{second}, {min(both)!r} for one. Correct the lists of "
                    "the splits, or remove them to split by the hash of the "
                    "speaker."
                )
