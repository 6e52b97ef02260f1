"""Streams that are strung together from clips of a data set.

Keywords, and other words if they are wanted, stand in background noise one
after the other, with a pause and a level that are drawn for each. The same
settings and seed give the same samples.

When a word is spoken inside its clip is told from its energy: it lasts from the
first to the last 10 ms that are within 20 dB of the loudest ones.
"""

import dataclasses
import zlib
from collections.abc import Iterator

import numpy as np

from bifsmn_tf.audio.files import SAMPLE_RATE
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.data.clips import SILENCE
from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation.streams.labels import Word
from bifsmn_tf.evaluation.streams.recordings import Recording
from bifsmn_tf.model_file.detection import keywords_of

_PURPOSE = zlib.crc32(b"streams")

_WORDS_PER_RECORDING = 40

_FADE = round(0.05 * SAMPLE_RATE)
"""Samples in which a piece of noise passes into the next, and a clip begins."""

_FRAME = round(0.01 * SAMPLE_RATE)
_LOUD_RANGE = 20.0


@dataclasses.dataclass(frozen=True)
class Composition:
    """How words are strung together.

    Attributes:
        words: how many keywords there are, as many of each as can be.
        others: how many words of the class "unknown" are among them.
        pause: seconds from the end of a clip to the next, the least and the
            most.
        gain: of a clip in dB, the least and the most.
        noise: level of the background in dB below full scale (its root mean
            square), such as -60.
        seed: of all that is drawn.

    Raises:
        UserError: A setting is impossible.
    """

    words: int = 320
    others: int = 0
    pause: tuple[float, float] = (1.0, 2.5)
    gain: tuple[float, float] = (-6.0, 0.0)
    noise: float = -60.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.words < 1 or self.others < 0:
            raise UserError(
                f"words have to be at least 1 and others 0, not {self.words} "
                f"and {self.others}"
            )
        for name in ("pause", "gain"):
            low, high = getattr(self, name)
            if not -np.inf < low <= high < np.inf:
                raise UserError(
                    f"{name} is a least and a most, not {low},{high}"
                )
        if self.pause[0] < 0:
            raise UserError(f"pause is not negative, unlike {self.pause[0]}")
        if self.noise > 0:
            raise UserError(
                f"noise is in dB below full scale, not {self.noise}"
            )


def compose(
    dataset: KeywordDataset, split: str, composition: Composition
) -> list[Recording]:
    """Strings clips of a split together.

    Args:
        dataset: whose silence, if it has any, is the background; else that is
            white noise.
        split: of the data set.
        composition: how.

    Raises:
        DataError: The split has no keyword, or no other words if some are
            wanted.
    """
    composer = _Composer(dataset, split, composition)
    source = f"{dataset.name}, {split}"
    return [
        Recording(
            f"{source}, {number}", source, to_int16(sound), words, dense=True
        )
        for number, (sound, words) in enumerate(composer.recordings())
    ]


class _Composer:
    def __init__(
        self, dataset: KeywordDataset, split: str, composition: Composition
    ) -> None:
        self._settings = composition
        self._rng = np.random.default_rng([composition.seed, _PURPOSE])
        self._names = dataset.label_names
        self._clips = dataset.splits[split]
        keywords = keywords_of(dataset.label_names)
        self._drawn = [*self._evenly(keywords, composition.words)]
        if not self._drawn:
            raise DataError(f"{dataset.name} has no keyword in {split}")
        if composition.others:
            others = [*self._evenly([UNKNOWN], composition.others)]
            if not others:
                raise DataError(f"{dataset.name} has no {UNKNOWN} in {split}")
            self._drawn += others
        self._rng.shuffle(self._drawn)
        silence = self._clips.waveforms[self._of(SILENCE)]
        self._background = [
            clip / np.sqrt(np.mean(clip**2))
            for clip in map(to_float, silence)
            if clip.any()
        ]

    def _of(self, label: str) -> np.ndarray:
        if label not in self._names:
            return np.empty(0, np.intp)
        number = self._names.index(label)
        return np.flatnonzero(self._clips.labels == number)

    def _evenly(self, labels: list[str], count: int) -> Iterator[int]:
        """Draws clips of labels in turn, none twice before all were drawn."""
        decks = {x: self._rng.permutation(self._of(x)) for x in labels}
        there = [x for x in labels if len(decks[x])]
        for i in range(count if there else 0):
            deck = decks[there[i % len(there)]]
            yield int(deck[i // len(there) % len(deck)])

    def recordings(self) -> Iterator[tuple[FloatArray, tuple[Word, ...]]]:
        for start in range(0, len(self._drawn), _WORDS_PER_RECORDING):
            yield self._string(
                self._drawn[start : start + _WORDS_PER_RECORDING]
            )

    def _string(self, drawn: list[int]) -> tuple[FloatArray, tuple[Word, ...]]:
        rng, settings = self._rng, self._settings
        pauses = rng.uniform(*settings.pause, size=len(drawn) + 1)
        levels = 10 ** (rng.uniform(*settings.gain, size=len(drawn)) / 20)
        size = self._clips.waveforms.shape[1]
        gaps = np.round(pauses * SAMPLE_RATE).astype(int)
        sound = self._noise(int(gaps.sum()) + size * len(drawn))
        words = []
        start = 0
        for i, gap, level in zip(drawn, gaps, levels, strict=False):
            start += int(gap)
            clip = to_float(self._clips.waveforms[i])
            sound[start : start + size] += np.float32(level) * _faded(clip)
            label = self._names[self._clips.labels[i]]
            first, last = spoken(clip)
            words.append(
                Word(
                    (start + first) / SAMPLE_RATE,
                    (start + last) / SAMPLE_RATE,
                    label,
                )
            )
            start += size
        return sound, tuple(words)

    def _noise(self, length: int) -> FloatArray:
        """Returns background of the wanted level."""
        rng = self._rng
        level = 10 ** (self._settings.noise / 20)
        if not self._background:
            white = level * rng.standard_normal(length)
            return white.astype(np.float32)
        size = len(self._background[0])
        step = size - _FADE
        ramp = np.sqrt(np.linspace(0, 1, _FADE))
        window = np.ones(size)
        window[:_FADE], window[-_FADE:] = ramp, ramp[::-1]
        bed = np.zeros(length + size)
        for start in range(0, length, step):
            piece = self._background[rng.integers(len(self._background))]
            bed[start : start + size] += window * piece
        return (level * bed[:length]).astype(np.float32)


def _faded(clip: FloatArray) -> FloatArray:
    """Returns a clip whose own noise comes and goes without a click."""
    ramp = np.linspace(0, 1, _FADE, dtype=np.float32)
    clip = clip.copy()
    clip[:_FADE] *= ramp
    clip[-_FADE:] *= ramp[::-1]
    return clip


def spoken(clip: FloatArray) -> tuple[int, int]:
    """Returns between which samples of a clip its word is spoken.

    Args:
        clip: float32 (samples,), of 16 kHz.

    Returns:
        The first sample and that behind the last one; all of a clip of zeros.
    """
    frames = len(clip) // _FRAME
    energy = np.square(
        clip[: frames * _FRAME].reshape(frames, _FRAME), dtype=float
    )
    level = energy.mean(axis=1)
    loud = np.flatnonzero(level >= level.max() * 10 ** (-_LOUD_RANGE / 10))
    return int(loud[0]) * _FRAME, (int(loud[-1]) + 1) * _FRAME
