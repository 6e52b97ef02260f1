"""What synthetic voices say that is no keyword: sentences, similar words.

Words come from the package wordfreq, as often as they are used; how they sound
says espeak-ng, which has phonemes for any word.
"""

import functools
import importlib.util
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from bifsmn_tf.data.synthetic import espeak
from bifsmn_tf.data.synthetic.careful import IPA
from bifsmn_tf.errors import UserError

_VOCABULARY = 12_000
"""Words that sentences are made of, the most frequent ones of English."""

_SEARCHED = 30_000
"""Words among which similar ones are looked for."""

_WORDS = (3, 14)
"""Words of a sentence, the fewest and the most."""

_NEAREST = 1.0
"""The least distance of a similar text: who says less than that apart may well
mean the phrase."""

_SHORTEST = 4
"""Phonemes that a phrase has to have."""

Phonemes = tuple[str, ...]


@functools.cache
def vocabulary(size: int = _VOCABULARY) -> tuple[str, ...]:
    """Returns frequent English words of letters alone, the commonest first.

    Args:
        size: how many.

    Raises:
        UserError: The package wordfreq is missing.
    """
    if importlib.util.find_spec("wordfreq") is None:
        raise UserError(
            "sentences need the package wordfreq: pip install "
            "'bifsmn_tf[train]'"
        )
    import wordfreq

    words = wordfreq.top_n_list("en", size + size // 4)
    return tuple(w for w in words if w.isascii() and w.isalpha())[:size]


def sentences(
    count: int, avoided: Collection[str], rng: np.random.Generator
) -> list[str]:
    """Makes up sentences: words in no order, as often as people use them.

    Args:
        count: how many.
        avoided: phrases; no word of them is said.
        rng: draws what is said.

    Returns:
        Texts of 3 to 14 words, some with a comma inside.
    """
    said = {word for phrase in avoided for word in phrase.lower().split()}
    words = np.array([w for w in vocabulary() if w not in said])
    # Zipf's law, flattened: rarer words bring more sounds.
    share = 1 / np.sqrt(np.arange(1, len(words) + 1))
    share /= share.sum()
    result = []
    for _ in range(count):
        n = int(rng.integers(_WORDS[0], _WORDS[1] + 1))
        drawn = [str(word) for word in rng.choice(words, n, p=share)]
        if n > 6 and rng.random() < 0.5:
            drawn[n // 2] += ","
        result.append(" ".join(drawn) + (".?!"[int(rng.integers(3))]))
    return result


def distance(one: Phonemes, other: Phonemes) -> float:
    """Returns how many phonemes two pronunciations differ in.

    An edit distance: a phoneme more or less costs 1, one instead of another 1,
    or 0.5 if both are vowels or differ in length alone.

    Args:
        one: symbols of the IPA.
        other: likewise.
    """
    before = [float(j) for j in range(len(other) + 1)]
    for i, a in enumerate(one, 1):
        row = [float(i)]
        for j, b in enumerate(other, 1):
            row.append(
                min(
                    before[j] + 1,
                    row[j - 1] + 1,
                    before[j - 1] + _substitution(a, b),
                )
            )
        before = row
    return before[-1]


def _substitution(one: str, other: str) -> float:
    if one == other:
        return 0.0
    vowels = one[0] in IPA.vowels and other[0] in IPA.vowels
    return 0.5 if vowels or one.rstrip("ː") == other.rstrip("ː") else 1.0


def look_alikes(
    phrases: Sequence[str], count: int
) -> dict[str, list[tuple[str, float]]]:
    """Finds what sounds like phrases and is none of them.

    For one word these are the words with the smallest distance to it; in a
    longer phrase each word in turn is replaced by such a one. What holds a
    phrase whole, as *computers* does, is left out.

    Args:
        phrases: the keywords.
        count: how many for each.

    Returns:
        By phrase, other texts with their distance, the nearest first.

    Raises:
        UserError: espeak-ng or wordfreq is missing.
    """
    with espeak.Speaker() as speaker:
        spoken: dict[Phonemes, str] = {}
        for word in vocabulary(_SEARCHED):
            spoken.setdefault(speaker.phonemes(word), word)
        whole = [speaker.phonemes(phrase) for phrase in phrases]
        return {
            phrase: _similar(phrase, whole, spoken, speaker, count)
            for phrase in phrases
        }


@functools.lru_cache(maxsize=4)
def similar(phrases: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Returns what :func:`look_alikes` finds for all phrases, by the alphabet.

    Args:
        phrases: the keywords.
        count: how many for each; 0 for none.
    """
    if not count:
        return ()
    found = look_alikes(phrases, count)
    return tuple(sorted({text for near in found.values() for text, _ in near}))


def _similar(
    phrase: str,
    phrases: Collection[Phonemes],
    spoken: Mapping[Phonemes, str],
    speaker: espeak.Speaker,
    count: int,
) -> list[tuple[str, float]]:
    parts = phrase.lower().split()
    sounds = [speaker.phonemes(part) for part in parts]
    found: dict[str, float] = {}
    for place, sound in enumerate(sounds):
        for other, word in spoken.items():
            # What differs in length alone by so much cannot be near.
            if abs(len(other) - len(sound)) > max(2, len(sound) // 2):
                continue
            apart = distance(sound, other)
            said = sum([*sounds[:place], other, *sounds[place + 1 :]], ())
            if apart < _NEAREST or any(_holds(said, p) for p in phrases):
                continue
            text = " ".join((*parts[:place], word, *parts[place + 1 :]))
            found[text] = min(apart, found.get(text, apart))
    nearest = sorted(found.items(), key=lambda item: (item[1], item[0]))
    return nearest[:count]


def check_phrases(phrases: Sequence[str]) -> None:
    """Checks that phrases can be told from speech, and from one another.

    Args:
        phrases: the keywords.

    Raises:
        UserError: One is not spoken, too short, or in another one; the message
            names it.
    """
    with espeak.Speaker() as speaker:
        spoken = {phrase: speaker.phonemes(phrase) for phrase in phrases}
    for phrase, sound in spoken.items():
        if not sound:
            raise UserError(f"words: {phrase!r} cannot be spoken")
        if len(sound) < _SHORTEST:
            raise UserError(
                f"words: {phrase!r} is too short to be told from speech that "
                f"goes on ({len(sound)} phonemes): take a longer phrase, such "
                f"as 'hey {phrase}'"
            )
        for other, its in spoken.items():
            if other != phrase and _holds(its, sound):
                raise UserError(
                    f"words: who says {other!r} says {phrase!r}, too: leave "
                    "one of them out"
                )


def _holds(said: Phonemes, phrase: Phonemes) -> bool:
    n = len(phrase)
    return any(said[i : i + n] == phrase for i in range(len(said) - n + 1))
