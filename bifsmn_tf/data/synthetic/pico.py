"""SVOX Pico: five speakers, two of whom grew up with English.

The others read English phonemes with what their own language has for them,
which is how many people speak it. Needs the package ttspico.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from xml.sax import saxutils

import numpy as np

from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.data.synthetic.careful import IPA
from bifsmn_tf.data.synthetic.careful import syllables
from bifsmn_tf.errors import UserError

SAMPLE_RATE = 16000

ENGLISH = ("en-US", "en-GB")
"""The languages whose speakers read words as they are written."""

_TEMPO = {"de-DE": 1.5, "fr-FR": 1.3, "es-ES": 1.5}
"""How much faster those have to speak who speak more slowly than the others."""

_VOLUME = 70
"""Per cent; at its own volume en-US is clipped."""

_XSAMPA = {
    **{"iː": "i:", "i": "i:", "ɪ": "I", "ᵻ": "I", "eɪ": "eI", "ɛ": "E"},
    **{"e": "E", "æ": "{", "aɪ": "aI", "aʊ": "aU", "a": "{", "ɑː": "A:"},
    **{"ɑ": "A:", "ɒ": "Q", "ɔː": "O:", "ɔɪ": "OI", "ɔ": "O:", "oː": "O:"},
    **{"oʊ": "oU", "əʊ": "@U", "o": "O:", "uː": "u:", "u": "u:", "ʊ": "U"},
    **{"ʌ": "V", "ɐ": "@", "ə": "@", "ɚ": "@ r", "ɜː": "3:", "ɜ": "3:"},
    **{"tʃ": "tS", "dʒ": "dZ", "ʃ": "S", "ʒ": "Z", "θ": "T", "ð": "D"},
    **{"ŋ": "N", "n̩": "@ n", "ɹ": "r", "ɾ": "t", "ʔ": "t", "ɡ": "g"},
    **{"x": "k"},
    **{letter: letter for letter in "pbtdkgfvszhmnljwr"},
}
"""X-SAMPA for the International Phonetic Alphabet; r is that of English."""

_SOUNDS: Mapping[str, Mapping[str, str]] = {
    "en-US": {"r": "r\\\\", "Q": "A:", "@U": "oU"},
    "en-GB": {"r": "r\\\\", "oU": "@U"},
    "de-DE": {
        **{"r": "R", "T": "s", "D": "z", "{": "E", "A:": "a:", "V": "a"},
        **{"Q": "O", "O:": "o:", "3:": "9 R", "w": "v", "@U": "oU"},
    },
    "fr-FR": {
        **{"r": "R", "T": "s", "D": "z", "h": "", "i:": "i", "I": "i"},
        **{"{": "a", "A:": "a", "V": "9", "Q": "O", "O:": "o", "U": "u"},
        **{"u:": "u", "3:": "9 R", "eI": "e j", "aI": "a j", "aU": "a w"},
        **{"OI": "o j", "oU": "o", "@U": "o"},
    },
    "es-ES": {
        **{"i:": "i", "I": "i", "A:": "a", "{": "a", "V": "a", "U": "u"},
        **{"u:": "u", "E": "e", "Q": "o", "O:": "o", "3:": "e r", "@": "e"},
        **{"eI": "e i^", "aI": "a i^", "aU": "a u^", "OI": "o i^"},
        **{"oU": "o", "@U": "o", "j": "i^", "w": "u^", "N": "n", "h": "x"},
        **{"S": "tS", "Z": "tS", "dZ": "tS", "v": "b", "z": "s"},
    },
}
"""By language, the nearest that it has behind the symbols that it lacks.

Italian is left out: behind some last consonants that it does not know, its
speaker falls silent for half a second.
"""

LANGUAGES = tuple(_SOUNDS)


def phonemes(word: Sequence[str], language: str) -> str:
    """Returns a word for a speaker of a language, in X-SAMPA.

    Args:
        word: symbols of the IPA, a stress with the vowel that it belongs to;
            those that English does not have are left out.
        language: one of :data:`LANGUAGES`.
    """
    own = _SOUNDS[language]
    said = []
    for syllable in syllables(word, IPA):
        stress = any(symbol.startswith("ˈ") for symbol in syllable)
        plain = "".join(symbol.lstrip(IPA.stress) for symbol in syllable)
        sounds = " ".join(symbols(plain)).split()
        said.append('"' * stress + "".join(own.get(s, s) for s in sounds))
    return "".join(said).replace(" ", "")


def symbols(text: str) -> list[str]:
    """Returns a text of the IPA in X-SAMPA, symbol by symbol."""
    found = []
    while text:
        length = 2 if text[:2] in _XSAMPA else 1
        found.append(_XSAMPA.get(text[:length], ""))
        text = text[length:]
    return found


class Pico:
    """Speaks with any of the voices, each loaded when it first does."""

    def __init__(self) -> None:
        self._engines: dict[str, Any] = {}

    def say(
        self,
        text: str,
        language: str,
        speed: float,
        words: Sequence[Sequence[str]] | None = None,
    ) -> Int16Array:
        """Speaks a text.

        Args:
            text: in English.
            language: one of :data:`LANGUAGES`.
            speed: 1 is an ordinary one.
            words: how it is pronounced, symbols of the IPA word by word; by
                default as the voice reads the text, which has to be of
                :data:`ENGLISH` then.

        Returns:
            int16 (samples,) at :data:`SAMPLE_RATE`.

        Raises:
            UserError: The text is not spoken.
        """
        import ttspico

        if language not in self._engines:
            self._engines[language] = ttspico.TtsEngine(language)
        if words is None:
            marked = saxutils.escape(text)
        else:
            marked = " ".join(
                '<phoneme alphabet="xsampa" ph='
                + saxutils.quoteattr(phonemes(word, language), {'"': "&quot;"})
                + "/>"
                for word in words
            )
        tempo = speed * _TEMPO.get(language, 1.0)
        level = min(max(round(100 * tempo), 20), 500)
        said = self._engines[language].speak(
            f'<volume level="{_VOLUME}"><speed level="{level}">{marked}'
            "</speed></volume>"
        )
        if not said:
            raise UserError(f"Pico says nothing for {text!r}")
        return np.frombuffer(said, np.int16)
