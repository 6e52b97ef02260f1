"""Speech that goes on, by synthetic voices: sentences without a keyword.

Some of them hold a word that sounds like a keyword. They are laid end to end
with pauses. Shards that are on disk are not made again.
"""

import dataclasses
import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tqdm

from bifsmn_tf.audio import files as audio
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.synthetic import generate
from bifsmn_tf.data.synthetic import noise
from bifsmn_tf.data.synthetic import speakers
from bifsmn_tf.data.synthetic import texts
from bifsmn_tf.data.synthetic import voices
from bifsmn_tf.data.synthetic.recipe import Utterance
from bifsmn_tf.data.synthetic.speakers import Speakers
from bifsmn_tf.data.workers import Workers
from bifsmn_tf.errors import DataError

_FORMAT = 3
_PURPOSE = zlib.crc32(b"sentences")

SHARD = 64
"""Sentences that are made together."""

_SECONDS = 3.9
"""What a sentence takes with its pause, roughly."""

_PAUSE = 0.8
"""Seconds of silence behind a sentence, at most."""

_SIMILAR = 0.4
"""The share of sentences with a similar word in them."""


@dataclasses.dataclass(frozen=True)
class Sentences:
    """What is spoken.

    Attributes:
        minutes: how much, roughly.
        phrases: the keywords, none of whose words is said.
        similar: texts that sound like keywords, some of which are.
        split: whose voices speak.
        seed: of all that is drawn.
        kinds: which synthesizers speak, some of ``voices.KINDS``.

    Raises:
        DataError: There would be nothing.
    """

    minutes: float
    phrases: tuple[str, ...]
    similar: tuple[str, ...] = ()
    split: str = "train"
    seed: int = 0
    kinds: tuple[str, ...] = ("espeak",)

    def __post_init__(self) -> None:
        if not 0 < self.minutes <= 6000:
            raise DataError(
                f"sentences of {self.minutes} minutes cannot be spoken"
            )
        if self.split not in SPLITS:
            raise DataError(f"{self.split!r} is none of {', '.join(SPLITS)}")

    @property
    def shards(self) -> int:
        """How many shards they are made in."""
        return -(-round(self.minutes * 60 / _SECONDS) // SHARD)

    def utterances(self, shard: int) -> list[Utterance]:
        """Plans the sentences of a shard, a function of its number alone."""
        crc = zlib.crc32(self.split.encode())
        rng = np.random.default_rng([self.seed, _PURPOSE, crc, shard])
        result = []
        for i, text in enumerate(texts.sentences(SHARD, self.phrases, rng)):
            if self.similar and rng.random() < _SIMILAR:
                words = text.split()
                drawn = self.similar[int(rng.integers(len(self.similar)))]
                words.insert(int(rng.integers(len(words))), drawn)
                text = " ".join(words)
            rate, pitch, range_, level = rng.random(4)
            who = voices.draw(self.split, self.kinds, rng.random())
            seed = int(rng.integers(2**32))
            result.append(
                Utterance(
                    split=self.split,
                    label="sentence",
                    text=text,
                    voice=who,
                    number=shard * SHARD + i,
                    rate=110 + int(130 * rate),
                    pitch=15 + int(70 * pitch),
                    range=15 + int(70 * range_),
                    level=-35 + 20 * level,
                    noise="",
                    snr=0.0,
                    position=0.0,
                    seed=seed,
                    throat=voices.throat(who, rng.random()),
                    **voices.manner(self.kinds, seed),
                )
            )
        return result

    def digest(self) -> str:
        """Returns a hash of all that they depend on."""
        key: list[Any] = [_FORMAT, SHARD, dataclasses.asdict(self)]
        key += [voices.VARIANTS, voices.ACCENTS, voices.FLITE, voices.PIPER]
        text = json.dumps(key, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_shard(recipe: Sentences, shard: int) -> Int16Array:
    """Speaks the sentences of a shard, int16 (samples,) at 16 kHz."""
    parts = []
    with Speakers() as speaker:
        for utterance in recipe.utterances(shard):
            sound = generate.say(speaker, utterance, utterance.rate)
            rng = np.random.default_rng(utterance.seed)
            pause = int(rng.random() * _PAUSE * audio.SAMPLE_RATE)
            parts.append(noise.at_level(sound, 10 ** (utterance.level / 20)))
            parts.append(np.zeros(pause, np.float32))
    return to_int16(np.clip(np.concatenate(parts), -1, 1))


def spoken(
    recipe: Sentences,
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Int16Array:
    """Speaks sentences, in parallel, or reads them from the cache.

    Args:
        recipe: what to speak.
        cache_dir: where finished shards are kept; None keeps none.
        workers: processes; None for one a processor.
        progress: whether to show a progress bar.

    Returns:
        int16 (samples,) at 16 kHz.

    Raises:
        UserError: espeak-ng or wordfreq is missing, or a process died.
    """
    speakers.require(recipe.kinds)
    texts.vocabulary()
    kept: list[Path | None] = [None] * recipe.shards
    if cache_dir is not None:
        folder = Path(cache_dir) / f"sentences-{recipe.digest()}"
        kept = [folder / f"shard-{i:04d}.npy" for i in range(recipe.shards)]
    missing = [
        i for i, path in enumerate(kept) if path is None or not path.exists()
    ]
    parts = {
        i: generate.load(path)
        for i, path in enumerate(kept)
        if path is not None and i not in missing
    }
    if missing:
        with (
            Workers(recipe, count=workers) as pool,
            tqdm.tqdm(
                total=len(missing) * SHARD,
                desc="synthetic sentences",
                unit="sentence",
                disable=None if progress else True,
                leave=False,
            ) as bar,
        ):
            for i, sound in zip(
                missing, pool.map(make_shard, missing), strict=True
            ):
                parts[i] = sound
                path = kept[i]
                if path is not None:
                    generate.save(sound, path)
                bar.update(SHARD)
    return np.concatenate([parts[i] for i in range(recipe.shards)])


def renderings(
    said: Sequence[str], split: str, count: int, seed: int = 0
) -> list[tuple[str, Int16Array]]:
    """Lets several voices say texts, each on its own.

    Args:
        said: the texts.
        split: whose voices.
        count: how many voices for each text.
        seed: of which ones.

    Returns:
        Text and sound, int16 (samples,), text by text.
    """
    known = voices.voices(split)
    rng = np.random.default_rng([seed, _PURPOSE])
    result = []
    with Speakers() as speaker:
        for text in said:
            for number in rng.choice(len(known), count, replace=False):
                sound = speaker.say(
                    text, known[int(number)], rate=160, pitch=50, range_=50
                )
                loud = noise.at_level(generate.trimmed(sound), 0.05)
                result.append((text, to_int16(np.clip(loud, -1, 1))))
    return result
