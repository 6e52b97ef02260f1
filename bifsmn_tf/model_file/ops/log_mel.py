"""The front end as an op: sound in, normalised log-mel features out.

``LogMel`` does in a model file what :mod:`bifsmn_tf.audio.log_mel` does in
NumPy, to within 1e-3 dB, so that a signature may take sound. Unlike the other
ops it is not the same bit for bit everywhere.
"""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.model_file.ops.op import HasSpec
from bifsmn_tf.model_file.ops.op import Op
from bifsmn_tf.model_file.ops.op import TensorSpec

SMALLEST_FFT = 256
LARGEST_FFT = 16384
MOST_FOLDS = 16
MOST_MELS = 1024


@dataclasses.dataclass(frozen=True)
class LogMel(Op):
    """Log-mel features, normalised: ``(10 log10(power) - mean) * inverse_std``.

    The attributes are those of ``FeatureParameters`` and ``FeatureStatistics``.
    A clip's frames are centred on every ``hop``-th sample, with reflected
    borders, if ``centred`` is 1. If it is 0, there is a frame from every
    ``hop``-th sample on that has all its samples, and nothing is reflected.

    Input: audio float32 in [-1, 1] or int16, ``[N, samples]``. Output: features
    float32 ``[N, frames, n_mels]``, always finite.
    """

    NAME = "BifsmnLogMel"
    INPUTS = ("audio",)
    OUTPUTS = ("features",)

    sample_rate: int = 16000
    n_fft: int = 2048
    folds: int = 1
    hop: int = 512
    n_mels: int = 32
    centred: int = 1
    f_min: float = 0.0
    f_max: float = 8000.0
    floor: float = 1e-10
    mean: float = 0.0
    inverse_std: float = 1.0

    def __post_init__(self) -> None:
        for name, kind in self.attributes()[1:]:
            if kind == "float32":
                with np.errstate(over="ignore"):
                    stored = float(np.float32(getattr(self, name)))
                self.check(
                    math.isfinite(stored), f"{name} is not finite in float32"
                )
                object.__setattr__(self, name, stored)
        self.check(self.sample_rate >= 1, f"sample_rate is {self.sample_rate}")
        self.check(
            _has_transform(self.n_fft),
            f"n_fft has to be a power of two from {SMALLEST_FFT} to "
            f"{LARGEST_FFT}, is {self.n_fft}",
        )
        self.check(
            1 <= self.folds <= MOST_FOLDS,
            f"folds has to be from 1 to {MOST_FOLDS}, is {self.folds}",
        )
        self.check(self.hop >= 1, f"hop is {self.hop}")
        self.check(
            1 <= self.n_mels <= MOST_MELS,
            f"n_mels has to be from 1 to {MOST_MELS}, is {self.n_mels}",
        )
        self.check(
            self.centred in (0, 1), f"centred is {self.centred}, not 0 or 1"
        )
        self.check(
            0 <= self.f_min < self.f_max <= self.sample_rate / 2,
            "0 <= f_min < f_max <= sample_rate / 2 does not hold for "
            f"{self.f_min}, {self.f_max} and {self.sample_rate}",
        )
        self.check(
            self.floor >= float(np.finfo(np.float32).tiny),
            f"floor has to be a positive normal number, is {self.floor}",
        )
        self.check(self.inverse_std > 0, f"inverse_std is {self.inverse_std}")

    @classmethod
    def of(
        cls,
        parameters: FeatureParameters,
        statistics: FeatureStatistics,
        centred: bool = True,
    ) -> "LogMel":
        """Returns the op that computes such features.

        Raises:
            ValueError: ``supports(parameters)`` is false.
        """
        return cls(
            sample_rate=parameters.sample_rate,
            n_fft=parameters.n_fft,
            folds=parameters.folds,
            hop=parameters.hop,
            n_mels=parameters.n_mels,
            centred=int(centred),
            f_min=parameters.f_min,
            f_max=parameters.f_max,
            floor=parameters.floor,
            mean=statistics.mean,
            inverse_std=1 / statistics.std,
        )

    @property
    def frame_length(self) -> int:
        """Length of a frame in samples."""
        return self.folds * self.n_fft

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the spec of the features; see ``Op.output_specs``."""
        (audio,) = self.required(inputs, 1)
        self.check(
            np.dtype(audio.dtype) in (np.float32, np.int16),
            f"audio is float32 or int16, not {audio.dtype}",
        )
        self.check(
            len(audio.shape) == 2,
            f"audio is [N, samples], not {tuple(audio.shape)}",
        )
        clips, samples = audio.shape
        length = self.frame_length
        least = length // 2 + 1 if self.centred else length
        self.check(
            samples >= least,
            f"audio has to be of at least {least} samples, has {samples}",
        )
        frames = 1 + (samples - (0 if self.centred else length)) // self.hop
        shape = (clips, frames, self.n_mels)
        return [TensorSpec(shape, np.dtype(np.float32))]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes the features as they were computed for training.

        Raises:
            ValueError: The audio does not fit the attributes.
        """
        (audio,) = self.required(inputs, 1)
        (spec,) = self.output_specs(audio)
        if audio.dtype == np.int16:
            audio = audio.astype(np.float32) / 32768
        first = 0
        if not self.centred:
            # Puts the first frame's centre on a multiple of the hop.
            border = self.frame_length // 2
            missing = -border % self.hop
            audio = np.pad(audio, ((0, 0), (missing, 0)))
            first = (border + missing) // self.hop
        parameters = FeatureParameters(
            sample_rate=self.sample_rate,
            duration=audio.shape[1] / self.sample_rate,
            n_fft=self.n_fft,
            folds=self.folds,
            hop=self.hop,
            n_mels=self.n_mels,
            f_min=self.f_min,
            f_max=self.f_max,
            floor=self.floor,
        )
        decibel = log_mel(audio, parameters)
        decibel = decibel[:, first : first + spec.shape[1]]
        mean, factor = np.float32(self.mean), np.float32(self.inverse_std)
        return ((decibel - mean) * factor,)


def supports(parameters: FeatureParameters) -> bool:
    """Returns whether ``LogMel`` computes such features.

    It does if ``n_fft`` is a power of two, and within its limits.
    """
    return (
        _has_transform(parameters.n_fft)
        and parameters.folds <= MOST_FOLDS
        and parameters.n_mels <= MOST_MELS
    )


def _has_transform(n_fft: int) -> bool:
    return SMALLEST_FFT <= n_fft <= LARGEST_FFT and n_fft & (n_fft - 1) == 0
