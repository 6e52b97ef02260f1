"""Recipes of synthetic data sets: who says what, how and in what noise.

The plan of a recipe is a function of the recipe alone, so a clip is the same
whether it is made first, last, in parallel or after an interruption.
"""

import dataclasses
import functools
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from bifsmn_tf.data.clips import CLIP
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.clips import SILENCE
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.data.synthetic import noise
from bifsmn_tf.data.synthetic import texts
from bifsmn_tf.data.synthetic import voices
from bifsmn_tf.errors import DataError

# Clips that are made together, in this order: what espeak-ng says depends a
# little on what it said before, so this number is part of what they are.
SHARD = 256

_SLOWEST, _FASTEST = 80, 220
"""Words a minute: people take their time over a word on its own."""

LONGEST = 2.0
"""Seconds of a clip at most: a network of a stream looks back so far."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A synthetic data set.

    Attributes:
        words: the keywords, words or short phrases, in the order of the
            labels.
        others: what class "unknown" says; the words of Speech Commands that
            are not keywords if empty.
        look_alikes: how many texts that sound like each keyword class
            "unknown" says too.
        voices: which synthesizers speak, some of ``voices.KINDS``.
        seconds: of a clip, 1 to 2: what the longest phrase needs.
        clips_per_word: of each keyword in the train split; silence has as
            many.
        held_out: of each label in validation, and in test.
        unknown_ratio: clips of unknown words to train on, in units of
            ``clips_per_word``.
        seed: of all that is drawn.

    Raises:
        DataError: No data set can be made like that; the message says why.
    """

    words: tuple[str, ...] = KEYWORDS
    others: tuple[str, ...] = ()
    clips_per_word: int = 200
    held_out: int = 25
    unknown_ratio: float = 1.0
    seed: int = 0
    look_alikes: int = 0
    voices: tuple[str, ...] = ("espeak",)
    seconds: float = 1.0

    def __post_init__(self) -> None:
        for name in ("words", "others", "voices"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise DataError(
                    f"{name} has to be a list of words, not one string"
                )
            object.__setattr__(self, name, tuple(value))
        if not self.words:
            raise DataError("A synthetic data set needs one word at least.")
        if len({word.casefold() for word in self.words}) < len(self.words):
            raise DataError(f"A keyword is there twice: {self.words}")
        for word in (*self.words, *self.others):
            if not any(c.isalnum() for c in word):
                raise DataError(f"{word!r} is not a word that can be spoken.")
            if word in (UNKNOWN, SILENCE) and word in self.words:
                raise DataError(
                    f"{word!r} is the name of a class that is there anyway; "
                    "it cannot be a keyword."
                )
        if self.clips_per_word < 1 or self.held_out < 1:
            raise DataError("clips_per_word and held_out have to be positive.")
        strange = [v for v in self.voices if v not in voices.KINDS]
        if strange or not self.voices:
            raise DataError(
                f"voices are some of {', '.join(voices.KINDS)}, not "
                f"{', '.join(strange) or 'none'}"
            )
        if not 1 <= self.seconds <= LONGEST:
            raise DataError(
                f"a clip has 1 to {LONGEST:g} seconds, not {self.seconds:g}"
            )
        if self.look_alikes < 0:
            raise DataError("look_alikes has to be 0 or more.")
        if self.unknown_ratio <= 0:
            raise DataError("unknown_ratio has to be positive.")
        if not self.others:
            mine = {word.casefold() for word in self.words}
            rest = [w for w in tasks.WORDS["v0.02"] if w not in mine]
            object.__setattr__(self, "others", tuple(rest))
        both = sorted(set(self.words) & set(self.others))
        if both:
            raise DataError(
                f"Keywords cannot be unknown words too: {', '.join(both)}"
            )

    @property
    def samples(self) -> int:
        """The samples of a clip, at 16 kHz."""
        return round(self.seconds * CLIP)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The keywords, "unknown" and "silence"."""
        return (*self.words, UNKNOWN, SILENCE)

    def to_dict(self) -> dict[str, Any]:
        """Returns the recipe as plain values, for JSON."""
        return {
            **dataclasses.asdict(self),
            "words": list(self.words),
            "others": list(self.others),
            "voices": list(self.voices),
        }


@dataclasses.dataclass(frozen=True)
class Utterance:
    """One clip to be made.

    Attributes:
        split: "train", "validation" or "test".
        label: its class.
        text: what is said; "" for silence.
        voice: who says it; "" for silence.
        number: its place among those of its split and label.
        rate: words a minute.
        pitch: 0 to 100.
        range: of the pitch, 0 to 100.
        level: root mean square of the speech in dB below full scale.
        noise: the kind of noise behind it, "babble" among them; "" for none.
        snr: speech above noise in dB; for silence the level of the noise in dB
            below full scale.
        position: where in the second the speech lies, from 0 to 1.
        seed: of the noise.
        samples: of the clip, at 16 kHz.
        throat: see ``voices.throat``.
        careful: whether it is said syllable by syllable.
        uneven: how much the tempo changes, see ``Speakers.say``.
    """

    split: str
    label: str
    text: str
    voice: str
    number: int
    rate: int
    pitch: int
    range: int
    level: float
    noise: str
    snr: float
    position: float
    seed: int
    samples: int = CLIP
    throat: float = 1.0
    careful: bool = False
    uneven: float = 0.0

    @property
    def id(self) -> str:
        """A name of the clip."""
        name = (self.text or self.label).replace(" ", "_")
        return f"{self.split}/{name}/{self.number:05d}"


def _utterance(
    recipe: Recipe, split: str, label: str, text: str, number: int
) -> Utterance:
    crc = zlib.crc32(f"{split}/{label}".encode())
    rng = np.random.default_rng([recipe.seed, crc, number])
    voice, rate, pitch, range_, level, position, noisy, kind, snr = rng.random(
        9
    )
    kinds: tuple[str, ...] = noise.KINDS
    if label == SILENCE:
        noise_share, quietest, loudest = 0.9, -80, -15
    else:
        noise_share, quietest, loudest = 0.5, 5, 30
        kinds = (*kinds, "babble")
    who = voices.draw(split, recipe.voices, voice) if text else ""
    seed = int(rng.integers(2**32))
    return Utterance(
        split=split,
        label=label,
        text=text,
        voice=who,
        number=number,
        rate=int(_SLOWEST * (_FASTEST / _SLOWEST) ** rate),
        pitch=15 + int(70 * pitch),
        range=15 + int(70 * range_),
        level=-35 + 20 * level,
        noise=kinds[int(kind * len(kinds))] if noisy < noise_share else "",
        snr=quietest + (loudest - quietest) * snr,
        position=position,
        seed=seed,
        samples=recipe.samples,
        throat=voices.throat(who, rng.random()),
        **voices.manner(recipe.voices, seed),
    )


@functools.lru_cache(maxsize=1)
def plan(recipe: Recipe) -> tuple[Utterance, ...]:
    """Returns all clips of a recipe, split by split, label by label."""
    result: list[Utterance] = []
    similar = texts.similar(recipe.words, recipe.look_alikes)
    unknown_texts = list(dict.fromkeys((*recipe.others, *similar)))
    for split in SPLITS:
        train = split == "train"
        count = recipe.clips_per_word if train else recipe.held_out
        unknown = int(np.ceil(count * (recipe.unknown_ratio if train else 1)))
        for label in recipe.label_names:
            said: Sequence[str] = (label,)
            if label == UNKNOWN:
                said = unknown_texts
            elif label == SILENCE:
                said = ("",)
            result += [
                _utterance(recipe, split, label, said[i % len(said)], i)
                for i in range(unknown if label == UNKNOWN else count)
            ]
    return tuple(result)


def plan_babble(recipe: Recipe) -> list[Utterance]:
    """Returns what is said in a recipe's babble: other words, train voices."""
    return [
        _utterance(
            recipe, "train", "babble", recipe.others[i % len(recipe.others)], i
        )
        for i in range(60)
    ]
