"""The steps of a streaming network, as its model file has them.

A step is a pure function: the sound since the last step and the state that it
gave, to logits and the next state. Who calls it keeps the state, so that any
number of streams share one network.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.log_mel import log_mel_stream
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.model_file import schema
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.runtime.runners import Run
from bifsmn_tf.runtime.runners import Runners


class StreamState(NamedTuple):
    """What a stream keeps from one step to the next.

    Attributes:
        tensor: The file's, int8 (1, bytes).
        samples: The last ones, which the next frame shares, where a step takes
            features; none where it takes sound.
    """

    tensor: npt.NDArray[np.int8]
    samples: FloatArray


class StepNetwork:
    """Takes steps of streams at each depth.

    Args:
        content: The model file.
        metadata: Its description.
        runners: What makes functions of its signatures.

    Attributes:
        samples: The samples of a step.
    """

    def __init__(
        self,
        content: ModelFile,
        metadata: ModelMetadata,
        runners: Runners,
    ) -> None:
        self._metadata = metadata
        self._runs: dict[int, Run] = {}
        self._sizes: dict[int, int] = {}
        self._starts: dict[int, StreamState] = {}
        for delta in metadata.network.deltas:
            key = signatures.stream_signature_key(delta)
            inputs = content.signatures[key].inputs
            self._sizes[delta] = inputs[signatures.STATE].shape[1]
            self._runs[delta] = runners.signature(key)
            self._takes_sound = signatures.AUDIO in inputs
            self._takes_integers = (
                self._takes_sound
                and inputs[signatures.AUDIO].type == schema.SHORT
            )
        self.samples = metadata.network.step_frames * metadata.features.hop

    @property
    def state_bytes(self) -> Mapping[int, int]:
        """The bytes of a stream's state at each depth."""
        return self._sizes

    def start(self, delta: int) -> StreamState:
        """Returns the state of a stream that has been silent all along.

        Args:
            delta: The depth.
        """
        if delta not in self._starts:
            overlap = self._metadata.features.overlap
            state = StreamState(
                np.zeros((1, self._sizes[delta]), np.int8),
                np.zeros(0 if self._takes_sound else overlap, np.float32),
            )
            silence = np.zeros(self.samples, np.float32)
            for _ in range(self._metadata.network.reach_steps(delta)):
                _, state = self(silence, state, delta)
            self._starts[delta] = state
        return self._starts[delta]

    def __call__(
        self, samples: FloatArray, state: StreamState, delta: int
    ) -> tuple[FloatArray, StreamState]:
        """Takes a step.

        Args:
            samples: As many as :attr:`samples` says, float32 in [-1, 1].
            state: What the step before gave at this depth.
            delta: The depth.

        Returns:
            Logits, float32 (labels,), and the next state.
        """
        if self._takes_integers:
            sound: npt.NDArray = to_int16(samples)
        else:
            sound = samples
        entry = {signatures.AUDIO: sound[np.newaxis]}
        kept = state.samples
        if not self._takes_sound:
            metadata = self._metadata
            heard = np.concatenate([kept, samples])
            decibel = log_mel_stream(heard, metadata.features)
            rows = metadata.statistics.normalise(decibel)
            entry = {signatures.FEATURES: rows[np.newaxis]}
            kept = heard[len(samples) :]
        result = self._runs[delta](**entry, state=state.tensor)
        logits = result[signatures.LOGITS][0]
        return logits, StreamState(result[signatures.STATE], kept)

    def decisions(self, samples: FloatArray, delta: int) -> FloatArray:
        """Runs over a recording, after silence.

        The last decision is at the last sample: what does not fill a step
        stands in the first one, behind silence.

        Args:
            samples: float32 in [-1, 1], (samples,), at the model's rate.
            delta: The depth.

        Returns:
            The logits of every decision, float32 (decisions, labels).
        """
        lead = np.zeros(-len(samples) % self.samples, np.float32)
        samples = np.concatenate([lead, samples])
        state = self.start(delta)
        found = []
        for start in range(0, len(samples), self.samples):
            piece = samples[start : start + self.samples]
            logits, state = self(piece, state, delta)
            found.append(logits)
        return np.stack(found)
