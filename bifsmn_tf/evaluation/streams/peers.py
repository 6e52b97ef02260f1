"""The wake words of other projects, from their pip packages, as listeners.

``pip install bifsmn_tf[peers]`` brings ``pymicro-wakeword`` and
``pyopen-wakeword`` with their models. Sound goes through their own front ends
and runtimes, and what microWakeWord averages over its newest decisions it
averages here, so that the detector has nothing to smooth.
"""

import abc
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.errors import MissingPackageError
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.runtime.streaming import Decision

KINDS = {
    "microwakeword": "pymicro_wakeword",
    "openwakeword": "pyopen_wakeword",
}
"""The package of each kind of peer."""

RATE = 16000


class Peer(abc.ABC):
    """A model of a peer's package.

    Attributes:
        labels: the wake word.
        sample_rate: of the sound, in Hz.
        detection: nothing is averaged beside what the package averages.
        chosen: whether somebody has chosen the thresholds.
    """

    sample_rate = RATE
    chosen = False

    def __init__(self, word: str) -> None:
        self.labels = (word,)
        default = DetectionSettings.default(self.labels)
        self.detection = default.override(smoothing=0.0)

    def decisions(self, samples: FloatArray) -> Iterator[Decision]:
        """Hears a recording from its beginning."""
        for end, probability in self._decide(to_int16(samples)):
            yield Decision(end, np.array([probability], np.float32))

    @abc.abstractmethod
    def _decide(self, samples: np.ndarray) -> Iterator[tuple[int, float]]:
        """Yields ends in samples, and how likely the word is there."""


def load(kind: str, model: str) -> Peer:
    """Returns a model of a peer's package.

    Args:
        kind: one of :data:`KINDS`.
        model: the package's name for it.

    Raises:
        MissingPackageError: The package is not installed.
        UserError: It has no such model.
    """
    package = _package(KINDS[kind])
    names = [x.value for x in package.Model]
    if model not in names:
        raise UserError(f"{kind} has no model {model!r}: {', '.join(names)}")
    made = {"microwakeword": _MicroWakeWord, "openwakeword": _OpenWakeWord}
    return made[kind](package, package.Model(model))


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        pip = name.replace("_", "-")
        raise MissingPackageError(
            f"there is no package {pip} ({error}): pip install {pip}, or "
            "bifsmn_tf[peers]"
        ) from error


class _MicroWakeWord(Peer):
    """A streaming network over features of 10 ms, three of them a step."""

    _STRIDE = 160

    def __init__(self, package: ModuleType, model: Any) -> None:
        super().__init__(model.value.replace("_", " "))
        self._package = package
        self._word = package.MicroWakeWord.from_builtin(model)

    def _decide(self, samples: np.ndarray) -> Iterator[tuple[int, float]]:
        self._word.reset()
        features = self._package.MicroWakeWordFeatures()
        stride = self._word.stride
        chunk = self._STRIDE
        count = 0
        for start in range(0, len(samples) - chunk + 1, chunk):
            piece = samples[start : start + chunk].tobytes()
            for row in features.process_streaming(piece):
                count += 1
                found = self._word.process_streaming_prob(row)
                if count % stride == 0:
                    yield start + chunk, found


class _OpenWakeWord(Peer):
    """A shared embedding of 80 ms, and a small network over 16 of them."""

    _CHUNK = 1280

    def __init__(self, package: ModuleType, model: Any) -> None:
        super().__init__(model.value.replace("_", " "))
        self._features = package.OpenWakeWordFeatures.from_builtin()
        self._word = package.OpenWakeWord.from_builtin(model)

    def _decide(self, samples: np.ndarray) -> Iterator[tuple[int, float]]:
        self._features.reset()
        self._word.reset()
        chunk = self._CHUNK
        for start in range(0, len(samples) - chunk + 1, chunk):
            piece = samples[start : start + chunk].tobytes()
            found = 0.0
            for embedding in self._features.process_streaming(piece):
                for probability in self._word.process_streaming(embedding):
                    found = probability
            yield start + chunk, found
