"""What a network hears in speech that has heard far more of it than we have.

Google's ``speech_embedding`` (J. Lin and others, arXiv:2002.01322) was made to
tell keywords apart, and says 12.5 times a second in 96 numbers what the last
0.78 s sound like. It comes with openWakeWord's front end in the package
``pyopen-wakeword``. Too large for what we listen on, it can teach there.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import log_mel_stream
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.errors import MissingPackageError

_PACKAGE = "pyopen_wakeword"
_FILES = ("melspectrogram.tflite", "embedding_model.tflite")

SIZE = 96
"""Numbers of an embedding."""

_WINDOW = 76
"""Frames of 10 ms that one embedding looks at."""

_STEP = 8
"""Frames from one embedding to the next."""


class SpeechEmbedding:
    """Computes the embeddings of sound; can be sent to other processes.

    Attributes:
        digest: tells this network from others.

    Raises:
        MissingPackageError: The package or the runtime is not installed.
    """

    def __init__(self) -> None:
        for name, pip in (
            (_PACKAGE, "pyopen-wakeword"),
            ("ai_edge_litert", "ai-edge-litert"),
        ):
            if importlib.util.find_spec(name) is None:
                raise MissingPackageError(
                    "embedding_weight: what hears speech embeddings comes with "
                    f"{pip}, which is not installed: pip install {pip}, or "
                    "bifsmn_tf[train]; --embedding_weight=0 and "
                    "--embedding_hint=0 do without"
                )
        found = importlib.util.find_spec(_PACKAGE)
        assert found is not None and found.origin is not None
        folder = Path(found.origin).parent / "models"
        self._files = tuple(str(folder / name) for name in _FILES)
        missing = [x for x in self._files if not Path(x).is_file()]
        if missing:
            raise MissingPackageError(
                f"embedding_weight: there is no {missing[0]} in the installed "
                "pyopen-wakeword: pip install pyopen-wakeword==1.1.0"
            )
        digest = hashlib.blake2b(digest_size=16)
        for file in self._files:
            digest.update(Path(file).read_bytes())
        self.digest = digest.hexdigest()
        self._made: dict[tuple[str, tuple[int, ...]], Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Interpreters stay where they were made.
        return {**self.__dict__, "_made": {}}

    def __call__(self, samples: FloatArray) -> FloatArray:
        """Computes the embeddings of a stretch of sound.

        Args:
            samples: in [-1, 1], (n,), at 16 kHz; a second or more.

        Returns:
            float32 (embeddings, :data:`SIZE`), oldest first: the last one's
            window ends with the sound.
        """
        spectrogram, embedding = self._files
        scaled = np.asarray(samples, np.float32)[np.newaxis] * 32768
        # As openWakeWord scales what it computes.
        mels = self._run(spectrogram, scaled)[0, 0] / 10 + 2
        count = (len(mels) - _WINDOW) // _STEP + 1
        # Without padding in time: one pass over all windows is exact.
        newest = mels[len(mels) - _WINDOW - _STEP * (count - 1) :]
        found = self._run(embedding, newest[np.newaxis, ..., np.newaxis])
        return found.reshape(count, SIZE)

    def shape(self, samples: int) -> tuple[int, int]:
        """Returns the shape of the embeddings of so many samples."""
        count, size = self(np.zeros(samples, np.float32)).shape
        return count, size

    def _run(self, file: str, values: FloatArray) -> FloatArray:
        key = file, values.shape
        if key not in self._made:
            # Of the extra, like the package itself.
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(file, num_threads=1)
            (taken,) = interpreter.get_input_details()
            interpreter.resize_tensor_input(taken["index"], values.shape)
            interpreter.allocate_tensors()
            self._made[key] = interpreter
        interpreter = self._made[key]
        (taken,) = interpreter.get_input_details()
        (given,) = interpreter.get_output_details()
        interpreter.set_tensor(taken["index"], np.asarray(values, np.float32))
        interpreter.invoke()
        found: FloatArray = interpreter.get_tensor(given["index"])
        return found


def heard(
    samples: FloatArray,
    parameters: FeatureParameters,
    embedding: SpeechEmbedding | None,
) -> FloatArray:
    """Returns what a network reads of a stretch, or its embeddings.

    Args:
        samples: in [-1, 1], (n,).
        parameters: of the log-mel features.
        embedding: what hears it instead; None for the features.
    """
    if embedding is None:
        return log_mel_stream(samples, parameters)
    return embedding(samples)


def of_embedding(embedding: SpeechEmbedding | None) -> dict[str, str]:
    """Returns what tells an extractor of embeddings from others."""
    return {} if embedding is None else {"embedding": embedding.digest}
