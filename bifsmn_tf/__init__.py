"""Keyword spotting with one-bit weights and activations (BiFSMN).

    spotter = bifsmn_tf.KeywordSpotter("bifsmn_stream-sc12")   # one of models()
    spotter("recording.wav")                            # {'yes': 0.97, ...}
    bifsmn_tf.convert("runs/mine", "mine.tflite")       # needs TensorFlow

``StreamingSpotter`` decides every 32 ms of a stream of sound, and ``Detector``
makes one event of each spoken keyword out of its decisions.
"""

import importlib
from typing import TYPE_CHECKING
from typing import Any

from bifsmn_tf._version import __version__

if TYPE_CHECKING:
    from bifsmn_tf.conversion.convert import convert
    from bifsmn_tf.runtime.detector import Detector
    from bifsmn_tf.runtime.spotter import KeywordSpotter
    from bifsmn_tf.runtime.streaming import StreamingSpotter

__all__ = [
    "Detector",
    "KeywordSpotter",
    "StreamingSpotter",
    "__version__",
    "convert",
    "models",
]

# Imported when they are asked for, so that training does not load the runtime,
# nor a board TensorFlow.
_MODULES = {
    "Detector": "bifsmn_tf.runtime.detector",
    "KeywordSpotter": "bifsmn_tf.runtime.spotter",
    "StreamingSpotter": "bifsmn_tf.runtime.streaming",
}


def models() -> list[str]:
    """Returns the trained models in the package, for ``KeywordSpotter``."""
    from bifsmn_tf import pretrained

    return pretrained.names()


def __getattr__(name: str) -> Any:
    if name == "convert":
        # A module that can be called, see there.
        return importlib.import_module("bifsmn_tf.convert")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
