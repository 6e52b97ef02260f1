"""Makes noise of several colours, mains hum, and many voices at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.samples import FloatArray

COLOURS = {"white": 0.0, "pink": 0.5, "brown": 1.0}
KINDS = (*COLOURS, "hum")


def level(sound: npt.NDArray[np.floating]) -> float:
    """Returns the root mean square of a sound, (samples,)."""
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def at_level(sound: npt.NDArray[np.floating], wanted: float) -> FloatArray:
    """Scales a sound to the root mean square ``wanted``; zeros stay zeros."""
    return (sound * (wanted / max(level(sound), 1e-9))).astype(np.float32)


def make(kind: str, samples: int, rng: np.random.Generator) -> FloatArray:
    """Makes noise, of a root mean square of 1.

    Args:
        kind: "white", "pink" (power falls with the frequency), "brown" (with
            its square) or "hum" (of the mains, with harmonics and some pink).
        samples: how many, at 16 kHz.
        rng: draws the noise.

    Returns:
        float32 (samples,).
    """
    if kind == "hum":
        time = np.arange(samples) / 16000
        mains = rng.choice([50.0, 60.0])
        sound = sum(
            rng.random()
            / k
            * np.sin(2 * np.pi * (mains * k * time + rng.random()))
            for k in range(1, 9)
        )
        sound = at_level(sound, 1) + 0.2 * make("pink", samples, rng)
        return at_level(sound, 1)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    # Flat below 20 Hz, or the slowest wave would be all there is.
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / 16000), 20)
    spectrum *= frequency ** -COLOURS[kind]
    return at_level(np.fft.irfft(spectrum, samples), 1)


def babble(
    words: Sequence[FloatArray], samples: int, rng: np.random.Generator
) -> FloatArray:
    """Mixes words to many voices at once, of a root mean square of 1.

    Args:
        words: what is said, each float32 (samples,) of its own length, at
            16 kHz.
        samples: how many, at 16 kHz.
        rng: draws who says what, and when.

    Returns:
        float32 (samples,).
    """
    # What comes before the first second is cut off: there all begin at once.
    before = 16000
    sound = np.zeros(before + samples)
    for _ in range(6):
        at = int(rng.integers(before))
        while at < len(sound):
            word = words[rng.integers(len(words))][: len(sound) - at]
            sound[at : at + len(word)] += at_level(word, rng.uniform(0.5, 1))
            at += len(word) + int(rng.integers(0, 4000))
    sound = sound[before:]
    return at_level(sound, 1)
