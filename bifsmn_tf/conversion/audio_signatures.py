"""The front end as an op: sound in, normalised log-mel features out.

``LogMel`` does in a model file what ``bifsmn_tf.audio.log_mel`` does in NumPy,
to within 1e-3 dB, so that a signature may take sound. Unlike the ops of
:mod:`~bifsmn_tf.model_file.ops` it is not the same bit for bit everywhere.

    graph = writer.subgraph("audio")
    features = add_log_mel(graph, parameters, statistics)   # (1, 32, 32)

For a stream, :func:`add_frame_signature` adds a signature that turns the
samples of one frame into one row of features.
"""

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio import log_mel as log_mel_features
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.model_file import metadata as descriptions
from bifsmn_tf.model_file.ops import HasSpec
from bifsmn_tf.model_file.ops import Op
from bifsmn_tf.model_file.ops import TensorSpec

if TYPE_CHECKING:
    from bifsmn_tf.model_file import writer as model_writer

AUDIO = "audio"
"""Name of the input that takes sound: (1, samples)."""

CLIP_SIGNATURE = "audio"
"""Signature from a clip's samples to its features, (1, frames, mels)."""

FRAME_SIGNATURE = "frame"
"""Signature from a frame's samples to one row of features, (1, 1, mels)."""

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

    @property
    def frame_length(self) -> int:
        """Length of a frame in samples."""
        return self.folds * self.n_fft

    def __post_init__(self) -> None:
        for name, kind in self.attributes()[1:]:
            if kind == "float32":
                with np.errstate(over="ignore"):
                    stored = float(np.float32(getattr(self, name)))
                self._check(
                    math.isfinite(stored), f"{name} is not finite in float32"
                )
                object.__setattr__(self, name, stored)
        self._check(self.sample_rate >= 1, f"sample_rate is {self.sample_rate}")
        self._check(_has_transform(self.n_fft), _no_transform(self.n_fft))
        self._check(
            1 <= self.folds <= MOST_FOLDS,
            f"folds has to be from 1 to {MOST_FOLDS}, is {self.folds}",
        )
        self._check(self.hop >= 1, f"hop is {self.hop}")
        self._check(
            1 <= self.n_mels <= MOST_MELS,
            f"n_mels has to be from 1 to {MOST_MELS}, is {self.n_mels}",
        )
        self._check(
            self.centred in (0, 1), f"centred is {self.centred}, not 0 or 1"
        )
        self._check(
            0 <= self.f_min < self.f_max <= self.sample_rate / 2,
            "0 <= f_min < f_max <= sample_rate / 2 does not hold for "
            f"{self.f_min}, {self.f_max} and {self.sample_rate}",
        )
        self._check(
            self.floor >= float(np.finfo(np.float32).tiny),
            f"floor has to be a positive normal number, is {self.floor}",
        )
        self._check(self.inverse_std > 0, f"inverse_std is {self.inverse_std}")

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

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """See ``Op.output_specs``."""
        audio = inputs[0] if inputs else None
        if audio is None:
            raise ValueError(f"{self.NAME}: input audio is missing")
        self._check(
            np.dtype(audio.dtype) in (np.float32, np.int16),
            f"audio is float32 or int16, not {audio.dtype}",
        )
        self._check(
            len(audio.shape) == 2,
            f"audio is [N, samples], not {tuple(audio.shape)}",
        )
        clips, samples = audio.shape
        length = self.frame_length
        least = length // 2 + 1 if self.centred else length
        self._check(
            samples >= least,
            f"audio has to be of at least {least} samples, has {samples}",
        )
        frames = 1 + (samples - (0 if self.centred else length)) // self.hop
        shape = (clips, frames, self.n_mels)
        return [TensorSpec(shape, np.dtype(np.float32))]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes the features as they were computed for training.

        Raises:
            ValueError: if the audio does not fit the attributes.
        """
        (spec,) = self.output_specs(*inputs)
        audio = np.asarray(inputs[0])
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
        decibel = log_mel_features.log_mel(audio, parameters)
        decibel = decibel[:, first : first + spec.shape[1]]
        mean, factor = np.float32(self.mean), np.float32(self.inverse_std)
        return ((decibel - mean) * factor,)


def supports(parameters: FeatureParameters) -> bool:
    """Says whether ``LogMel`` has these: ``n_fft`` is a power of two."""
    return (
        _has_transform(parameters.n_fft)
        and parameters.folds <= MOST_FOLDS
        and parameters.n_mels <= MOST_MELS
    )


def add_log_mel(
    graph: "model_writer.Subgraph",
    parameters: FeatureParameters,
    statistics: FeatureStatistics,
    samples: int | None = None,
    centred: bool = True,
) -> "model_writer.Tensor":
    """Adds the input ``audio``, and the op that makes features of it.

    Args:
        graph: to add them to.
        parameters: of the features.
        statistics: with which they are normalised.
        samples: of the input; by default those of a clip.
        centred: see ``LogMel``.

    Returns:
        The features, (1, frames, mels).

    Raises:
        ValueError: ``supports(parameters)`` is false.
    """
    op = LogMel.of(parameters, statistics, centred)
    shape = (1, parameters.samples if samples is None else samples)
    audio = graph.input(AUDIO, shape, np.float32)
    (spec,) = op.output_specs(audio)
    (features,) = graph.custom_op(op, [audio], [(descriptions.FEATURES, *spec)])
    return features


def add_clip_signature(
    writer: "model_writer.ModelWriter",
    parameters: FeatureParameters,
    statistics: FeatureStatistics,
) -> None:
    """Adds the signature ``audio``: a clip to features (1, frames, mels).

    Raises:
        ValueError: ``supports(parameters)`` is false.
    """
    graph = writer.subgraph(CLIP_SIGNATURE)
    features = add_log_mel(graph, parameters, statistics)
    graph.output(descriptions.FEATURES, features)
    writer.signature(CLIP_SIGNATURE, graph)


def add_frame_signature(
    writer: "model_writer.ModelWriter",
    parameters: FeatureParameters,
    statistics: FeatureStatistics,
) -> None:
    """Adds the signature ``frame``: audio (1, frame) to features (1, 1, mels).

    Raises:
        ValueError: ``supports(parameters)`` is false.
    """
    graph = writer.subgraph(FRAME_SIGNATURE)
    row = add_log_mel(
        graph,
        parameters,
        statistics,
        samples=parameters.frame_length,
        centred=False,
    )
    graph.output(descriptions.FEATURES, row)
    writer.signature(FRAME_SIGNATURE, graph)


def _has_transform(n_fft: int) -> bool:
    return SMALLEST_FFT <= n_fft <= LARGEST_FFT and n_fft & (n_fft - 1) == 0


def _no_transform(n_fft: int) -> str:
    return (
        f"n_fft has to be a power of two from {SMALLEST_FFT} to "
        f"{LARGEST_FFT}, is {n_fft}"
    )
