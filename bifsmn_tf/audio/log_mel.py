"""Log-mel features in NumPy: one second of sound to 32 frames of 32 bands.

Training computes its features here, and so does a board whose model file does
not take sound; the op ``LogMel`` computes the same inside a file.
``FeatureParameters`` is the one definition that both read.

    waveform (16000,) -> frames (32, 2048) -> power (32, 1025)
                      -> mel (32, 32) -> decibel (32, 32), time first

A frame may be longer than its Fourier transform: then its windowed segments of
``n_fft`` samples are added up before, which gives every ``folds``-th frequency
of the frame's own transform at the price of a short one (weighted overlap-add,
the polyphase form of a filter bank; Crochiere and Rabiner, *Multirate Digital
Signal Processing*, 1983, section 7.2).

The reference (the authors' PyTorch code) uses torchaudio's
``MelSpectrogram(normalized=True)`` and ``AmplitudeToDB("power")``, so these are
its conventions: a periodic Hann window, centred frames with reflected borders,
power divided by the energy of the window, triangular filters on the HTK mel
scale without area normalisation, 10 log10 with a floor and no ``top_db``.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import check_rate
from bifsmn_tf.errors import UserError
from bifsmn_tf.settings import known_fields
from bifsmn_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class FeatureParameters:
    """How a waveform becomes features.

    Attributes:
        sample_rate: samples a second (Hz).
        duration: length of a clip in seconds; shorter ones are padded with
            zeros at their end, longer ones cut off.
        n_fft: length of the Fourier transform, in samples.
        folds: length of a frame in transforms.
        hop: samples from one frame to the next.
        n_mels: mel bands.
        f_min: lower edge of the lowest band (Hz).
        f_max: upper edge of the highest band (Hz).
        floor: least power before the logarithm; 1e-10 is -100 dB.

    Raises:
        UserError: Values that no features can have; the message names them.
    """

    sample_rate: int = 16000
    duration: float = 1.0
    n_fft: int = setting(
        2048,
        "The length of the features' Fourier transform in samples; a file "
        "that takes sound wants a power of two.",
        research=True,
    )
    folds: int = setting(
        1,
        "The length of the features' frames in Fourier transforms: 2 folds a "
        "frame of 1,024 samples into a transform of 512, which is far cheaper "
        "on a board.",
        research=True,
    )
    hop: int = 512
    n_mels: int = 32
    f_min: float = 0.0
    f_max: float = setting(
        8000.0,
        "The upper edge of the features' highest band (Hz). What synthetic "
        "voices have little of lies above 5,500.",
        research=True,
    )
    floor: float = setting(
        1e-10,
        "The least power of a band before the logarithm: 1e-10 is -100 dB. "
        "With 1e-6 what is fainter than a room is all the same, noise of a "
        "microphone as digital silence.",
        research=True,
    )

    def __post_init__(self) -> None:
        positive = ("sample_rate", "duration", "n_fft", "folds", "hop")
        for name in (*positive, "n_mels", "floor"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise UserError(f"{name} has to be positive, not {value}")
        check_rate(self.sample_rate)
        if self.n_fft % 2:
            raise UserError(f"n_fft has to be even, not {self.n_fft}")
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise UserError(
                "0 <= f_min < f_max <= sample_rate / 2 does not hold for "
                f"f_min={self.f_min}, f_max={self.f_max}, "
                f"sample_rate={self.sample_rate}"
            )
        if self.samples <= self.frame_length // 2:
            raise UserError(
                f"folds * n_fft = {self.frame_length} samples are too long a "
                f"frame: a clip of {self.samples} samples cannot reflect half "
                "of it at its borders"
            )

    @property
    def frame_length(self) -> int:
        """Length of a frame in samples."""
        return self.folds * self.n_fft

    @property
    def overlap(self) -> int:
        """Samples that a frame shares with the next one."""
        return max(0, self.frame_length - self.hop)

    @property
    def samples(self) -> int:
        """Length of a clip in samples."""
        return round(self.sample_rate * self.duration)

    @property
    def frames(self) -> int:
        """Frames of a clip: one centred on every ``hop``-th sample."""
        return 1 + self.samples // self.hop

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of a clip's features: (frames, mels)."""
        return self.frames, self.n_mels

    def to_dict(self) -> dict[str, Any]:
        """Returns the parameters as plain numbers, for JSON."""
        return dataclasses.asdict(self)

    def extract(self, waveforms: FloatArray) -> FloatArray:
        """Computes :func:`log_mel` of clips, (clips, samples)."""
        return log_mel(waveforms, self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FeatureParameters":
        """Returns the parameters that ``to_dict`` gave.

        Raises:
            UserError: ``values`` has a key that is not a parameter, which
                would otherwise be a setting silently not applied, or a value
                that no parameter can have.
        """
        return cls(**known_fields(cls, values))


BOARD_FEATURES = FeatureParameters(n_fft=512, folds=2)
"""Frames of 1,024 samples, half of which the next one shares, at 257
frequencies, for a quarter of the default's cost on a board; results/sc10.md
says how well networks learn from them. With two folds a Hann window's main lobe
is two steps between frequencies wide, so that a tone between them is 6 dB down;
with four folds it falls into zeros of the window."""


@dataclasses.dataclass(frozen=True)
class FeatureStatistics:
    """Mean and standard deviation of the training set's features, in dB.

    Scalars over all frames and bands, so that a loudness stays a loudness and
    an integer front end needs one multiplication and one addition.

    Attributes:
        mean: of all features, in dB.
        std: their standard deviation, in dB.

    Raises:
        UserError: One of them is not finite, or the deviation so small that
            float32 cannot divide by it.
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            value = getattr(self, name)
            if not np.isfinite(value):
                raise UserError(
                    f"{name} of the features is not finite: {value}"
                )
        if self.std <= np.finfo(np.float32).tiny:
            raise UserError(
                f"std of the features has to be positive, not {self.std:g}"
            )

    @classmethod
    def of(cls, features: npt.ArrayLike) -> "FeatureStatistics":
        """Returns the statistics of ``features``, of any shape, in dB.

        Raises:
            UserError: There are none, or all of them are equal.
        """
        array = np.asarray(features)
        if array.size == 0:
            raise UserError("there are no features to take statistics of")
        return cls(
            float(array.mean(dtype=np.float64)),
            float(array.std(dtype=np.float64)),
        )

    def normalise(self, features: npt.ArrayLike) -> FloatArray:
        """Returns ``(features - mean) / std`` as float32, of the same shape."""
        array = np.asarray(features, np.float32)
        return (array - np.float32(self.mean)) * np.float32(1 / self.std)

    def to_dict(self) -> dict[str, float]:
        """Returns the statistics as plain numbers, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FeatureStatistics":
        """Returns the statistics that ``to_dict`` gave.

        Raises:
            UserError: A key is unknown, or a value no number.
        """
        return cls(**known_fields(cls, values))


def hann_window(length: int) -> npt.NDArray[np.float64]:
    """Returns the periodic Hann window, (length,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def mel_filterbank(parameters: FeatureParameters) -> npt.NDArray[np.float64]:
    """Returns the triangular mel filters, (n_fft / 2 + 1, n_mels).

    A filter rises linearly in Hz from the centre of the band below to 1 at its
    own, and falls to the centre of the band above. The centres are equally
    spaced in mel = 2595 log10(1 + f / 700), which is HTK's scale.
    """
    lowest, highest = (
        2595 * np.log10(1 + f / 700)
        for f in (parameters.f_min, parameters.f_max)
    )
    mels = np.linspace(lowest, highest, parameters.n_mels + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.linspace(0, parameters.sample_rate / 2, parameters.n_fft // 2 + 1)
    rising = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rising, falling))


@functools.lru_cache(maxsize=8)
def _tables(
    parameters: FeatureParameters,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    window = hann_window(parameters.frame_length)
    # Every filter twice over: it then sums the squares of the real and of the
    # imaginary parts as the transform interleaves them, and the division by
    # the energy of the window costs nothing.
    filters = np.repeat(mel_filterbank(parameters), 2, axis=0)
    filters /= np.sum(window**2)
    window.flags.writeable = filters.flags.writeable = False
    return window, filters


def fit_length(waveform: npt.ArrayLike, samples: int) -> npt.NDArray:
    """Pads the last axis with zeros at its end, or cuts it, to ``samples``.

    Args:
        waveform: (..., any number of samples), of any type.
        samples: how many there are to be.

    Returns:
        (..., ``samples``), of the same type.
    """
    array = np.asarray(waveform)
    missing = samples - array.shape[-1]
    if missing > 0:
        before = [(0, 0)] * (array.ndim - 1)
        return np.pad(array, [*before, (0, missing)])
    return array[..., :samples]


def log_mel(
    waveform: npt.ArrayLike,
    parameters: FeatureParameters | None = None,
) -> FloatArray:
    """Computes the log-mel features of one clip or of many.

    Args:
        waveform: samples in [-1, 1], (samples,) or (clips, samples), of
            ``parameters.sample_rate``. Clips that are shorter or longer than
            ``parameters.duration`` are padded with zeros or cut at their end.
        parameters: the defaults of ``FeatureParameters`` if None.

    Returns:
        Decibel as float32, (frames, mels) or (clips, frames, mels).

    Raises:
        TypeError: The samples are integers: divide them by 32768 first.
        ValueError: ``waveform`` has neither one nor two dimensions.
    """
    parameters = parameters or FeatureParameters()
    clips = np.asarray(waveform)
    if not np.issubdtype(clips.dtype, np.floating):
        raise TypeError(
            "log_mel wants samples as floats in [-1, 1], not "
            f"{clips.dtype}; divide 16-bit samples by 32768"
        )
    if clips.ndim not in (1, 2):
        raise ValueError(
            "log_mel wants (samples,) or (clips, samples), not an array of "
            f"shape {clips.shape}"
        )
    single = clips.ndim == 1
    clips = fit_length(np.atleast_2d(clips), parameters.samples)
    features = np.empty((len(clips), *parameters.shape), np.float32)
    border = parameters.frame_length // 2
    # One clip at a time: its frames stay in the processor's cache, which
    # makes this twice as fast as transforming the whole batch at once.
    for clip, result in zip(clips, features, strict=True):
        padded = np.pad(clip.astype(np.float64), border, mode="reflect")
        result[...] = _decibel(padded, parameters)
    return features[0] if single else features


def log_mel_stream(
    samples: FloatArray, parameters: FeatureParameters
) -> FloatArray:
    """Computes the log-mel features of a piece of a stream.

    Frame *t* is the samples from *t* hops on: nothing is reflected.

    Args:
        samples: in [-1, 1], (samples,), at least as many as a frame has.
        parameters: of the features.

    Returns:
        Decibel as float32, (frames, mels).
    """
    return _decibel(samples.astype(np.float64), parameters).astype(np.float32)


def _decibel(
    samples: npt.NDArray[np.float64], parameters: FeatureParameters
) -> npt.NDArray[np.float64]:
    """Returns the features of every frame that begins at a hop."""
    window, filters = _tables(parameters)
    frames = np.lib.stride_tricks.sliding_window_view(
        samples, parameters.frame_length
    )[:: parameters.hop]
    segments = (frames * window).reshape(
        len(frames), parameters.folds, parameters.n_fft
    )
    spectrum = np.fft.rfft(segments.sum(axis=1)).view(np.float64)
    np.square(spectrum, out=spectrum)
    power = spectrum @ filters
    np.maximum(power, parameters.floor, out=power)
    return 10 * np.log10(power)


def log_mel_frame(
    samples: FloatArray, parameters: FeatureParameters
) -> FloatArray:
    """Computes the log-mel features of one frame, without reflection.

    Args:
        samples: in [-1, 1], (frame_length,).
        parameters: of the features.

    Returns:
        Decibel as float32, (1, mels).
    """
    return log_mel_stream(samples, parameters)[:1]
