"""Augmentation: what varies a clip for training.

Waveforms are varied here, features are masked in ``spec_augment``. The
parameters default to those of the authors' code: amplitude, speed and shift
each for half of the clips, background noise for three tenths of them.

Augmented copy c of clip i is a function of (seed, i, c) and nothing else: not
of the batch, the order, the number of processes or what was computed before.
That is what makes a run that was interrupted continue as if it had not been.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class AugmentationParameters:
    """How a waveform is varied. Each change has its own probability.

    Attributes:
        gain: least and greatest factor of the amplitude, drawn uniformly.
        gain_probability: share of the clips whose amplitude is changed.
        speed: greatest relative change of tempo and pitch together; 0.2 draws
            the speed uniformly from [0.8, 1.2]. The middle of the clip stays
            in the middle.
        speed_probability: share of the clips whose speed is changed.
        shift: greatest shift in seconds, to either side; zeros move in.
        shift_probability: share of the clips that are shifted.
        noise_scale: greatest factor of the background noise that is added,
            drawn uniformly from [0, noise_scale]; the clip itself is scaled by
            one minus that factor.
        noise_probability: share of the clips that noise is added to.

    Raises:
        UserError: A value is impossible; the message names it.
    """

    gain: tuple[float, float] = (0.7, 1.1)
    gain_probability: float = 0.5
    speed: float = 0.2
    speed_probability: float = 0.5
    shift: float = 0.2
    shift_probability: float = 0.5
    noise_scale: float = 0.3
    noise_probability: float = 0.3

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", tuple(self.gain))
        if len(self.gain) != 2 or not 0 <= self.gain[0] <= self.gain[1]:
            raise UserError(f"gain has to be (least, greatest): {self.gain}")
        if not 0 <= self.speed < 1:
            raise UserError(f"speed has to lie in [0, 1), not {self.speed}")
        if self.shift < 0:
            raise UserError(f"shift has to be 0 or more, not {self.shift}")
        if not 0 <= self.noise_scale <= 1:
            raise UserError(
                f"noise_scale has to lie in [0, 1], not {self.noise_scale}"
            )
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("probability") and not 0 <= value <= 1:
                raise UserError(
                    f"{field.name} has to lie in [0, 1], not {value}"
                )

    @classmethod
    def none(cls) -> "AugmentationParameters":
        """Returns the parameters that leave every clip as it is."""
        return cls(
            gain_probability=0,
            speed_probability=0,
            shift_probability=0,
            noise_probability=0,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the parameters as plain values, for JSON."""
        return {**dataclasses.asdict(self), "gain": list(self.gain)}


@dataclasses.dataclass(frozen=True)
class SpecAugmentParameters:
    """How features are masked; the masked values become the mean.

    SpecAugment without its time warping (Park et al., arXiv:1904.08779).

    Attributes:
        frequency: a mask is narrower than this number of mel bands; 0 for
            none.
        time: a mask is shorter than this number of frames; 0 for none.
        masks: how many masks of either kind there are.

    Raises:
        UserError: A value is negative; the message names it.
    """

    frequency: int = 8
    time: int = 8
    masks: int = 1

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value < 0:
                raise UserError(f"{name} has to be 0 or more, not {value}")


def shifted(waveform: FloatArray, samples: int) -> FloatArray:
    """Moves a clip to the right by ``samples`` (left if negative).

    Args:
        waveform: float32 (n,).
        samples: how far, less than n; zeros move in.

    Returns:
        float32 (n,).
    """
    result = np.zeros_like(waveform)
    if samples >= 0:
        result[samples:] = waveform[: len(waveform) - samples]
    else:
        result[:samples] = waveform[-samples:]
    return result


def at_speed(waveform: FloatArray, speed: float) -> FloatArray:
    """Plays a clip ``speed`` times as fast, its middle where it was.

    Tempo and pitch change together, as on a tape. The length stays: a slower
    clip loses its ends, a faster one gets zeros there.

    Args:
        waveform: float32 (samples,).
        speed: 1 leaves the clip as it is.

    Returns:
        float32 (samples,).
    """
    # soxr's quick setting: its filter is far below the noise of 16 bits that
    # matters here, at a third of the time.
    played = soxr.resample(waveform, speed, 1.0, quality="LQ")
    length = len(waveform)
    result = np.zeros_like(waveform)
    if len(played) >= length:
        start = (len(played) - length) // 2
        result[:] = played[start : start + length]
    else:
        start = (length - len(played)) // 2
        result[start : start + len(played)] = played
    return result


def augment(
    waveform: FloatArray,
    noise: Sequence[FloatArray],
    parameters: AugmentationParameters,
    rng: np.random.Generator,
    sample_rate: int = 16000,
) -> FloatArray:
    """Returns one augmented copy of a clip.

    Args:
        waveform: float32 (samples,) in [-1, 1].
        noise: background recordings, each at least as long as the clip; may be
            empty, and is then not mixed in.
        parameters: what to vary, how far and how often.
        rng: draws what is random. The same number of values is drawn whatever
            comes out, so that one setting does not disturb another.
        sample_rate: of the clip, in Hz.

    Returns:
        float32 (samples,), clipped to [-1, 1].
    """
    happens = rng.random(4)
    amount = rng.random(6)
    if happens[0] < parameters.speed_probability:
        speed = 1 + parameters.speed * (2 * amount[0] - 1)
        waveform = at_speed(waveform, speed)
    if happens[1] < parameters.shift_probability:
        greatest = parameters.shift * sample_rate
        waveform = shifted(waveform, round(greatest * (2 * amount[1] - 1)))
    if happens[2] < parameters.gain_probability:
        low, high = parameters.gain
        waveform = waveform * np.float32(low + (high - low) * amount[2])
    if len(noise) and happens[3] < parameters.noise_probability:
        waveform = _mixed(waveform, noise, parameters, amount[3:])
    return np.clip(waveform, -1, 1)


def with_noise(
    waveform: FloatArray,
    noise: Sequence[FloatArray],
    parameters: AugmentationParameters,
    rng: np.random.Generator,
) -> FloatArray:
    """Mixes noise into a share of stretches of sound, as :func:`augment` does.

    Args:
        waveform: float32 (samples,) in [-1, 1].
        noise: background recordings; a short one is repeated.
        parameters: how much noise, how often.
        rng: draws what is random.

    Returns:
        float32 (samples,), clipped to [-1, 1].
    """
    happens, *amount = rng.random(4)
    if len(noise) and happens < parameters.noise_probability:
        waveform = _mixed(waveform, noise, parameters, amount)
    return np.clip(waveform, -1, 1)


def _mixed(
    waveform: FloatArray,
    noise: Sequence[FloatArray],
    parameters: AugmentationParameters,
    amount: Sequence[float] | npt.NDArray[np.float64],
) -> FloatArray:
    """Adds a piece of noise; three numbers in [0, 1) say which and how much."""
    piece = noise_piece(noise, len(waveform), amount[0], amount[1])
    scale = np.float32(parameters.noise_scale * amount[2])
    return waveform * (1 - scale) + piece * scale


def noise_piece(
    noise: Sequence[FloatArray], length: int, which: float, where: float
) -> FloatArray:
    """Returns a piece of a recording, float32 (length,).

    Args:
        noise: background recordings; a short one is repeated.
        length: samples.
        which: says which recording, in [0, 1).
        where: says from where on, in [0, 1).
    """
    recording = noise[int(which * len(noise))]
    if len(recording) < length:
        recording = np.resize(recording, length)
    start = int(where * (len(recording) - length + 1))
    return recording[start : start + length]


def copy_rng(seed: int, clip: int, copy: int) -> np.random.Generator:
    """Returns the generator for one augmented copy of one clip.

    Args:
        seed: of the training.
        clip: the place of the clip in its split.
        copy: the number of the copy.
    """
    return np.random.default_rng([seed, clip, copy])
