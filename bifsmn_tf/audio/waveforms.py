"""Waveforms as features, for networks that make none of their own.

``WaveformParameters`` stands where ``FeatureParameters`` does: in the pipeline,
in an evaluation and in a run's description.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import soxr

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import fit_length
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.errors import UserError
from bifsmn_tf.settings import known_fields


@dataclasses.dataclass(frozen=True)
class WaveformParameters:
    """How a waveform becomes another.

    Attributes:
        rate: samples a second (Hz) that the network reads.
        sample_rate: samples a second (Hz) of the recorded clip.
        duration: length of a clip in seconds.

    Raises:
        UserError: One of them is not positive.
    """

    rate: int
    sample_rate: int = 16000
    duration: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rate", "sample_rate", "duration"):
            if not 0 < getattr(self, name) < np.inf:
                raise UserError(
                    f"{name} has to be positive, not {getattr(self, name)}"
                )

    @property
    def samples(self) -> int:
        """Length of a recorded clip in samples."""
        return round(self.sample_rate * self.duration)

    @property
    def shape(self) -> tuple[int]:
        """Shape of what the network reads of a clip: (samples,)."""
        return (round(self.rate * self.duration),)

    def to_dict(self) -> dict[str, Any]:
        """Returns the parameters as plain numbers, for JSON."""
        return dataclasses.asdict(self)

    def extract(self, waveforms: FloatArray) -> FloatArray:
        """Resamples clips to the rate that the network reads.

        Args:
            waveforms: in [-1, 1], (clips, samples).

        Returns:
            float32 (clips, *shape).
        """
        (length,) = self.shape
        return np.stack(
            [
                fit_length(
                    soxr.resample(
                        fit_length(clip, self.samples).astype(np.float32),
                        self.sample_rate,
                        self.rate,
                    ),
                    length,
                )
                for clip in waveforms
            ]
        )


Features = FeatureParameters | WaveformParameters
"""What a network reads of sound."""


def features_from_dict(values: Mapping[str, Any]) -> Features:
    """Returns the parameters that ``to_dict`` of either class gave.

    Raises:
        UserError: A key is unknown, or a value impossible.
    """
    if "rate" in values:
        return WaveformParameters(**known_fields(WaveformParameters, values))
    return FeatureParameters.from_dict(values)
