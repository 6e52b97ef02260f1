"""How people speak to a machine that did not hear them: syllable by syllable.

Vowels that are reduced in fluent speech are full, flaps are stops, and there is
a gap between syllables: *com-pu-ter*. Synthesizers do not speak so by
themselves, and who was only ever spoken to fluently misses those people.
"""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Alphabet:
    """Symbols of phonemes.

    Attributes:
        vowels: what vowels begin with, behind the stress.
        stress: what stands before a stressed vowel.
        glides: what may follow another consonant at the head of a syllable.
        full: the sounds of which one stands for a reduced one.
        gaps: what may separate syllables.
    """

    vowels: frozenset[str]
    stress: str
    glides: frozenset[str]
    full: Mapping[str, tuple[str, ...]]
    gaps: tuple[str, ...]


IPA = Alphabet(
    frozenset("aeiouyæɑɐɒɔəɚɛɜɪʊʌᵻ"),
    "ˈˌ",
    frozenset("jwlrɹ"),
    {"ə": ("ʌ", "ɒ", "æ"), "ɐ": ("ʌ", "æ"), "ᵻ": ("ɪ", "ɛ"), "ɾ": ("t",)},
    (" ",),
)
"""The International Phonetic Alphabet, as Piper's voices read it."""

ESPEAK = Alphabet(
    frozenset("@aAeEiIoOuUV03"),
    "',",
    frozenset("jwlr"),
    {"@": ("V", "0", "a"), "a#": ("V", "a"), "t#": ("t",)},
    ("_", "_:"),
)
"""The mnemonics of espeak-ng's English."""


def syllables(
    word: Sequence[str], alphabet: Alphabet
) -> tuple[tuple[str, ...], ...]:
    """Divides a word.

    A syllable begins with one consonant, or with one and a glide.

    Args:
        word: symbols, a stress with the vowel that it belongs to.
        alphabet: theirs.

    Returns:
        The symbols of each syllable; together they are the word.
    """
    is_vowel = [
        symbol.lstrip(alphabet.stress)[:1] in alphabet.vowels for symbol in word
    ]
    cuts = []
    for i, vowel in enumerate(is_vowel):
        # A diphthong is one vowel, however many symbols it has.
        if not vowel or not any(is_vowel[:i]) or is_vowel[i - 1]:
            continue
        start = i - 1
        if word[start] in alphabet.glides and not is_vowel[start - 1]:
            start -= 1
        cuts.append(start)
    edges = [0, *cuts, len(word)]
    return tuple(
        tuple(word[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True)
    )


def carefully(
    word: Sequence[str], alphabet: Alphabet, rng: np.random.Generator
) -> tuple[str, ...]:
    """Returns a word as who takes care says it.

    Args:
        word: symbols, a stress with the vowel that it belongs to.
        alphabet: theirs.
        rng: draws which full vowels, and whether there are gaps.
    """
    gaps = ("", *alphabet.gaps)
    gap = gaps[int(rng.integers(len(gaps)))]
    said: list[str] = []
    for syllable in syllables(word, alphabet):
        if said and gap:
            said.append(gap)
        for symbol in syllable:
            plain = symbol.lstrip(alphabet.stress)
            full = alphabet.full.get(plain, (plain,))
            stress = symbol[: len(symbol) - len(plain)]
            said.append(stress + full[int(rng.integers(len(full)))])
    return tuple(said)
