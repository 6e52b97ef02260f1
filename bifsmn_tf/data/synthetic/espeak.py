"""espeak-ng through ctypes, from the library in pip's espeakng-loader.

The library is one object a process and not thread-safe, and a voice leaves
traces in what is said next. So a ``Speaker`` loads it afresh: what it says is a
function of what it said before, and of nothing else in the process.
"""

import ctypes
import importlib.util
import os
from typing import Any

import numpy as np

from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.data.synthetic.careful import ESPEAK
from bifsmn_tf.data.synthetic.careful import IPA
from bifsmn_tf.data.synthetic.careful import carefully
from bifsmn_tf.errors import UserError

_SYNCHRONOUS = 2
_UTF8 = 1
_MNEMONICS = 0x100
# International Phonetic Alphabet, "_" between its symbols.
_IPA = 0x02 | ord("_") << 8
_RATE, _PITCH, _RANGE = 1, 3, 4
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def require() -> None:
    """Makes sure that espeak-ng is installed.

    Raises:
        UserError: It is not; the message says how to install it.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise UserError(
            "synthetic speech needs espeak-ng, from the package "
            "espeakng-loader: pip install 'bifsmn_tf[train]'"
        )


class Speaker:
    """Says words; a context manager, because it unloads a library at the end.

    Attributes:
        sample_rate: of what it says, in Hz.

    Raises:
        UserError: espeak-ng is not installed or does not start.
    """

    def __enter__(self) -> "Speaker":
        require()
        import espeakng_loader

        self._pieces: list[Int16Array] = []
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self.sample_rate: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, os.fsencode(espeakng_loader.get_data_path()), 0
        )
        if self.sample_rate <= 0:
            raise UserError(
                "espeak-ng does not start with the data in "
                f"{espeakng_loader.get_data_path()}; reinstall the package "
                "espeakng-loader"
            )
        # Breath is noise: some voices take theirs from espeak-ng's own
        # generator, which it seeds with the time, Klatt's from the C library.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        ctypes.CDLL(None if os.name == "posix" else "msvcrt").srand(1)
        # Kept, or it would be collected while the library still calls it.
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)
        self._phonemes = self._library.espeak_TextToPhonemes
        self._phonemes.restype = ctypes.c_char_p
        self._phonemes.argtypes = (
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
            ctypes.c_int,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._library.espeak_Terminate()
        handle = self._library._handle
        del self._library
        if os.name == "posix":
            import _ctypes

            _ctypes.dlclose(handle)

    def _receive(self, samples: Any, count: int, _: Any) -> int:
        if samples and count > 0:
            piece = np.ctypeslib.as_array(samples, (count,))
            self._pieces.append(piece.copy())
        return 0

    def phonemes(self, text: str, voice: str = "en-us") -> tuple[str, ...]:
        """Returns how a text is pronounced, as symbols of the IPA.

        Stress is left out; what is long keeps its mark.

        Args:
            text: in English.
            voice: the accent.

        Raises:
            UserError: There is no such voice.
        """
        found: list[str] = []
        for word in self._pronounced(text, voice, _IPA):
            found += (symbol.strip(IPA.stress) for symbol in word)
        return tuple(symbol for symbol in found if symbol)

    def _pronounced(
        self, text: str, voice: str, alphabet: int
    ) -> list[list[str]]:
        """Returns the symbols of each word."""
        self._choose(voice)
        rest = ctypes.c_char_p(text.encode())
        found: list[list[str]] = []
        while rest.value is not None:
            said = self._phonemes(ctypes.byref(rest), _UTF8, alphabet)
            found += (word.split("_") for word in said.decode().split())
        return found

    def carefully(self, text: str, voice: str, rng: np.random.Generator) -> str:
        """Returns a text for :meth:`say`, syllable by syllable.

        Args:
            text: in English.
            voice: accent and variant.
            rng: draws how, see :mod:`~bifsmn_tf.data.synthetic.careful`.

        Raises:
            UserError: There is no such voice.
        """
        words = self._pronounced(text, voice, ord("_") << 8)
        said = ("".join(carefully(word, ESPEAK, rng)) for word in words)
        return f"[[{' '.join(said)}]]"

    def _choose(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise UserError(
                f"this espeak-ng has no voice {voice!r}; reinstall the "
                "package espeakng-loader"
            )

    def say(
        self, text: str, voice: str, *, rate: int, pitch: int, range_: int
    ) -> Int16Array:
        """Speaks a text.

        Args:
            text: in English, or of :meth:`carefully`.
            voice: accent and variant, such as "en-gb-scotland+m3".
            rate: words a minute, 80 to 450.
            pitch: 0 to 100; 50 is the voice's own.
            range_: how lively the melody is, 0 to 100.

        Returns:
            int16 (samples,) at ``sample_rate``, with some silence at the end.

        Raises:
            UserError: There is no such voice, or the text is not spoken.
        """
        library = self._library
        self._choose(voice)
        for parameter, value in (
            (_RATE, rate),
            (_PITCH, pitch),
            (_RANGE, range_),
        ):
            library.espeak_SetParameter(parameter, value, 0)
        self._pieces.clear()
        data = text.encode()
        flags = _UTF8 | _MNEMONICS
        failed = library.espeak_Synth(
            data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, flags, None, None
        )
        if failed or not self._pieces:
            raise UserError(f"espeak-ng says nothing for {text!r}")
        return np.concatenate(self._pieces)
