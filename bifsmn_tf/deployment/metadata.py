"""What travels inside the .tflite: labels, features, normalisation.

One JSON text under the metadata name ``bifsmn_tf``, so that the file alone is
enough and a model can never be run with the wrong features.
"""

import dataclasses
import json

from bifsmn_tf.data.features import FeatureParameters
from bifsmn_tf.data.features import FeatureStatistics
from bifsmn_tf.network.config import NetworkConfig

NAME = "bifsmn_tf"
FORMAT = 1


def signature_key(delta: int) -> str:
    """The signature that runs the network at depth δ."""
    return f"delta_{delta}"


def audio_signature_key(delta: int) -> str:
    """The signature from sound to logits at depth δ, if the file has it."""
    return f"audio_{signature_key(delta)}"


FEATURES = "features"
"""Name of every signature's input: normalised log-mel (1, frames, mels)."""

LOGITS = "logits"
"""Name of every signature's output: (1, classes)."""


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """The description of a converted model.

    Attributes:
        label_names: of the logits, in order.
        features: how a waveform becomes log-mel.
        statistics: with which log-mel is normalised before it is fed.
        network: the architecture, with the depths δ.
        dataset: name and options of what it was trained on.
    """

    label_names: tuple[str, ...]
    features: FeatureParameters
    statistics: FeatureStatistics
    network: NetworkConfig
    dataset: dict

    def to_bytes(self) -> bytes:
        """As JSON, the same values always as the same bytes."""
        values = {
            "format": FORMAT,
            "label_names": list(self.label_names),
            "features": self.features.to_dict(),
            "statistics": dataclasses.asdict(self.statistics),
            "network": self.network.to_dict(),
            "dataset": self.dataset,
        }
        return json.dumps(
            values, sort_keys=True, separators=(",", ":")
        ).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "ModelMetadata":
        """Reads what :meth:`to_bytes` wrote.

        Raises:
            ValueError: it is damaged or of another format.
        """
        try:
            values = json.loads(content)
            if values["format"] != FORMAT:
                raise ValueError(f"format {values['format']!r}, not {FORMAT}")
            metadata = cls(
                label_names=tuple(values["label_names"]),
                features=FeatureParameters.from_dict(values["features"]),
                statistics=FeatureStatistics(**values["statistics"]),
                network=NetworkConfig.from_dict(values["network"]),
                dataset=values["dataset"],
            )
            if len(metadata.label_names) != metadata.network.classes:
                raise ValueError("as many labels as classes are needed")
            return metadata
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"the model's description is damaged or of another version "
                f"({error}): convert it again"
            ) from error
