"""What travels inside the .tflite: labels, features, normalisation.

One JSON text under the metadata name ``bifsmn_tf``, so that the file alone is
enough and a model can never be run with the wrong features. It is deflated
(zlib), to half its size.
"""

import dataclasses
import json
import zlib
from typing import Any

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.network.config import NetworkConfig

NAME = "bifsmn_tf"
FORMAT = 1

# Of the text: a damaged file must not fill the memory.
_MOST_BYTES = 1 << 20

# What reading a text of any content ends in, where it is not a description.
_DAMAGE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    zlib.error,
)


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """The description of a converted model.

    Attributes:
        label_names: of the logits, in order. "unknown", "silence" and what
            begins with an underscore, other words, are never an event.
        features: how a waveform becomes log-mel.
        statistics: with which log-mel is normalised before it is fed.
        network: the architecture, with the depths δ.
        dataset: name and options of what it was trained on.
        detection: when a keyword counts as heard, chosen on streams; None if
            nothing was chosen, as in files of earlier versions.
    """

    label_names: tuple[str, ...]
    features: FeatureParameters
    statistics: FeatureStatistics
    network: NetworkConfig
    dataset: dict[str, Any]
    detection: DetectionSettings | None = None

    def __post_init__(self) -> None:
        labels = self.label_names
        if not all(isinstance(x, str) and x.isprintable() for x in labels):
            raise UserError(f"labels have to be printable text: {labels!a}")
        if len(set(labels)) < len(labels):
            raise UserError(f"labels repeat in {', '.join(labels)}")
        if len(labels) != self.network.classes:
            raise UserError(
                f"{len(labels)} labels do not fit a network of "
                f"{self.network.classes} classes"
            )
        if not (
            isinstance(self.dataset, dict)
            and isinstance(self.dataset.get("name"), str)
            and isinstance(self.dataset.get("options"), dict)
        ):
            raise UserError(
                f"a data set has a name and options, unlike {self.dataset!a}"
            )
        keywords = keywords_of(labels)
        if self.detection and set(self.detection.thresholds) != set(keywords):
            raise UserError(
                f"there are thresholds of "
                f"{', '.join(self.detection.thresholds) or 'no keyword'}, but "
                f"the keywords are {', '.join(keywords)}"
            )

    def to_bytes(self) -> bytes:
        """Returns deflated JSON; the same values always give the same bytes."""
        values = {
            "format": FORMAT,
            "label_names": list(self.label_names),
            "features": self.features.to_dict(),
            "statistics": self.statistics.to_dict(),
            "network": self.network.to_dict(),
            "dataset": self.dataset,
        }
        if self.detection is not None:
            values["detection"] = self.detection.to_dict()
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return zlib.compress(text.encode(), level=9)

    @classmethod
    def from_bytes(cls, content: bytes) -> "ModelMetadata":
        """Reads what :meth:`to_bytes` wrote.

        Raises:
            UserError: It is damaged or of another format.
        """
        try:
            values = json.loads(_text(content))
            if values["format"] != FORMAT:
                raise ValueError(f"format {values['format']!r}, not {FORMAT}")
            detection = values.get("detection")
            return cls(
                label_names=tuple(values["label_names"]),
                features=FeatureParameters.from_dict(values["features"]),
                statistics=FeatureStatistics.from_dict(values["statistics"]),
                network=NetworkConfig.from_dict(values["network"]),
                dataset=values["dataset"],
                detection=(
                    None
                    if detection is None
                    else DetectionSettings.from_dict(detection)
                ),
            )
        except _DAMAGE as error:
            raise UserError(
                f"the model's description is damaged or of another version "
                f"({error}): convert it again"
            ) from error

    @classmethod
    def of_model(cls, model: ModelFile) -> "ModelMetadata":
        """Reads the description of a model from its file.

        Raises:
            UserError: It has no description, or one that is damaged or of
                another format.
        """
        return cls.from_bytes(model.metadata(NAME))


def _text(content: bytes) -> bytes:
    inflating = zlib.decompressobj()
    text = inflating.decompress(content, _MOST_BYTES)
    if not inflating.eof or inflating.unused_data:
        raise ValueError("no whole text")
    return text
