"""Who listens: a model that turns a stream into decisions.

A name says which, ``listener("bifsmn-sc12", delta=4)``: a model in the package,
the path of a .tflite that ``convert`` wrote, streaming or of clips, or
``microwakeword:alexa`` and ``openwakeword:alexa`` of the peers' pip packages.
"""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Protocol

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation.streams import peers
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.runtime.spotter import KeywordSpotter
from bifsmn_tf.runtime.streaming import Decision
from bifsmn_tf.runtime.streaming import StreamingSpotter
from bifsmn_tf.runtime.streaming import depths

_PIECE = 10.0
"""Seconds that are handed to a model at once."""


class Listener(Protocol):
    """What decides on a stream."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of a decision's probabilities."""

    @property
    def sample_rate(self) -> int:
        """Of the sound, in Hz."""

    @property
    def detection(self) -> DetectionSettings:
        """When a keyword counts as heard if nobody says otherwise."""

    @property
    def chosen(self) -> bool:
        """Whether its thresholds were chosen on streams."""

    def decisions(self, samples: FloatArray) -> Iterator[Decision]:
        """Hears a recording from its beginning."""


@dataclasses.dataclass(frozen=True)
class Name:
    """Which model listens, and how.

    Attributes:
        model: see the module.
        delta: the depth, or auto, see ``streaming.depths``; the deepest if
            None.
        hop: seconds between the decisions of a model of clips.
    """

    model: str
    delta: str | None = None
    hop: float | None = None

    def __str__(self) -> str:
        depth = "" if self.delta is None else f", δ = {self.delta}"
        return f"{self.model}{depth}"


@functools.lru_cache(maxsize=32)
def listener(name: Name) -> Listener:
    """Returns who listens under a name.

    Raises:
        UserError: There is no such model, or a package is missing.
    """
    kind, _, model = name.model.partition(":")
    if kind in peers.KINDS:
        if name.delta is not None or name.hop is not None:
            raise UserError(f"{name.model} has no depths and a step of its own")
        return peers.load(kind, model)
    return _Spotter(name)


class _Spotter:
    """One of our files."""

    def __init__(self, name: Name) -> None:
        delta, confirm = depths(name.model, name.delta)
        spotter = KeywordSpotter(name.model, delta=delta)
        self.labels = tuple(spotter.labels)
        self.sample_rate = spotter.metadata.features.sample_rate
        self.detection = spotter.detection
        self.chosen = spotter.metadata.detection is not None
        self._stream = StreamingSpotter(spotter, name.hop, confirm)

    def decisions(self, samples: FloatArray) -> Iterator[Decision]:
        self._stream.reset()
        size = round(_PIECE * self.sample_rate)
        for start in range(0, len(samples), size):
            yield from self._stream.push(samples[start : start + size])
        yield from self._stream.flush()
