"""From a stream of sound to decisions, with a model file alone.

    stream = StreamingSpotter(KeywordSpotter("bifsmn_stream-sc10"))
    for chunk in microphone:                       # of any length
        for decision in stream.push(chunk):
            label = stream.labels[decision.probabilities.argmax()]

A stream begins as if there had been silence before it, so that the first
decision comes with the first sound. A *streaming* model computes each moment
once and decides every step, 128 ms by default. With a model of *clips* each
decision computes a whole clip anew, the newest frames of the stream, every hop:
32 ms, or what ``hop`` says.

Frame *t* of a stream is the samples up to hop *t* + 1, and is computed once.
Nothing is reflected in it, as it is at the ends of a clip.

**Changing the depth.** ``spotter.delta`` may be changed at any time, and
decisions go on without a gap. With a model of clips the next decision is that
of the new depth. A streaming model's new depth first has to hear what it
decides on: it runs behind the old one, which decides until then, for
``NetworkConfig.reach_steps(δ)`` steps, 2.6 s at δ = 1 and 1.8 s at δ = 4 by
default, and in that time a step costs what both depths cost. From then on
decisions are, bit for bit, those of a stream that always ran at that depth.
"""

import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import checked
from bifsmn_tf.errors import UserError
from bifsmn_tf.runtime.spotter import KeywordSpotter
from bifsmn_tf.runtime.spotter import softmax
from bifsmn_tf.runtime.step_network import StepNetwork
from bifsmn_tf.runtime.step_network import StreamState


class Decision(NamedTuple):
    """How likely the network finds each label, up to a moment.

    Attributes:
        end: samples of the stream up to the end of the newest frame.
        probabilities: of each label, in the order of the spotter's labels;
            they sum to 1.
    """

    end: int
    probabilities: FloatArray


class StreamingSpotter:
    """Decides again and again on a stream, which one thread pushes.

    Args:
        spotter: whose model is used. Its ``delta`` may be changed at any time.
        hop: seconds from one decision to the next, with a model of clips; as
            many frames as come nearest, at least one. A streaming model has a
            step of its own.

    Attributes:
        labels: the classes, in the order of a decision's probabilities.
        step: samples from one decision to the next.

    Raises:
        UserError: ``hop`` is given for a streaming model, or not positive.
    """

    def __init__(
        self, spotter: KeywordSpotter, hop: float | None = None
    ) -> None:
        self.labels = spotter.labels
        self._spotter = spotter
        self._engine: _Clips | _Steps
        if spotter.steps is not None:
            if hop is not None:
                raise UserError(
                    "hop: this model computes a stream step by step, and "
                    f"decides every {spotter.steps.samples} samples"
                )
            self._engine = _Steps(spotter, spotter.steps)
        else:
            self._engine = _Clips(spotter, hop)
        self.step = self._engine.step
        self._turn = threading.Lock()
        self.reset()

    def __repr__(self) -> str:
        return f"StreamingSpotter({self._spotter!r})"

    @property
    def delta(self) -> int:
        """The depth of the last decision."""
        return self._engine.delta

    def reset(self) -> None:
        """Forgets the stream: the next sample is the first of another one."""
        self._samples = np.empty(0, np.float32)
        self._end = 0
        self._engine.reset()

    def push(self, samples: npt.ArrayLike) -> list[Decision]:
        """Takes the next samples of the stream.

        Args:
            samples: float in [-1, 1] or int16, of the rate that the model's
                features have; (samples,), as many as there are.

        Returns:
            The decisions that can be made now, oldest first: none, one, or
            several if the samples are those of several steps.

        Raises:
            UserError: The samples are not finite or of another form, or
                another thread is pushing.
        """
        new = checked(samples)
        if new.ndim != 1:
            raise UserError(f"a stream is (samples,), not {new.shape}")
        if not self._turn.acquire(blocking=False):
            raise UserError(
                "two threads push to one stream at once: its samples have an "
                "order. Make a StreamingSpotter for each stream; they may "
                "share a spotter"
            )
        try:
            return list(self._decisions(np.concatenate([self._samples, new])))
        finally:
            self._turn.release()

    def flush(self) -> list[Decision]:
        """Ends a recording: decides on its last samples, too.

        They are what does not fill a step; silence is put behind them.

        Returns:
            One decision; none if nothing is left.
        """
        missing = -len(self._samples) % self.step
        return self.push(np.zeros(missing, np.float32))

    def _decisions(self, samples: FloatArray) -> Iterator[Decision]:
        whole = len(samples) // self.step * self.step
        self._samples = samples[whole:]
        for start in range(0, whole, self.step):
            self._end += self.step
            logits = self._engine.decide(samples[start : start + self.step])
            yield Decision(self._end, softmax(logits))


class _Clips:
    """Computes a clip, the newest frames, for every decision."""

    def __init__(self, spotter: KeywordSpotter, hop: float | None) -> None:
        parameters = spotter.metadata.features
        if hop is not None and not 0 < hop < np.inf:
            raise UserError(f"hop has to be positive, not {hop:g}")
        frame = parameters.hop / parameters.sample_rate
        frames = 1 if hop is None else max(1, round(hop / frame))
        self.step = frames * parameters.hop
        self._spotter = spotter
        self._parameters = parameters

    @property
    def delta(self) -> int:
        return self._spotter.delta

    def reset(self) -> None:
        length = self._parameters.frame_length
        row = self._spotter.frame_features(np.zeros(length, np.float32))
        frames = self._spotter.metadata.network.frames
        self._features = np.repeat(row, frames, axis=0)
        self._heard = np.zeros(self._parameters.overlap, np.float32)

    def decide(self, samples: FloatArray) -> FloatArray:
        length, hop = self._parameters.frame_length, self._parameters.hop
        heard = np.concatenate([self._heard, samples])
        # Where a frame is shorter than a hop it is the end of it.
        first = len(heard) - length - (len(samples) // hop - 1) * hop
        rows = [
            self._spotter.frame_features(heard[start : start + length])
            for start in range(first, len(heard) - length + 1, hop)
        ]
        frames = len(self._features)
        self._features = np.concatenate([self._features, *rows])[-frames:]
        self._heard = heard[len(samples) :]
        (logits,) = self._spotter.logits(self._features[np.newaxis])
        return logits


class _Steps:
    """Takes a step for every decision, and a new depth behind the old one."""

    def __init__(self, spotter: KeywordSpotter, steps: StepNetwork) -> None:
        self.step = steps.samples
        self.delta = spotter.delta
        self._spotter = spotter
        self._steps = steps

    def reset(self) -> None:
        self.delta = self._spotter.delta
        self._state = self._steps.start(self.delta)
        # A depth that warms up: its state, and how many steps it took.
        self._next: tuple[int, StreamState, int] | None = None

    def decide(self, samples: FloatArray) -> FloatArray:
        logits, self._state = self._steps(samples, self._state, self.delta)
        wanted = self._spotter.delta
        if wanted == self.delta:
            self._next = None
            return logits
        if self._next is None or self._next[0] != wanted:
            self._next = (wanted, self._steps.start(wanted), 0)
        delta, state, count = self._next
        newer, state = self._steps(samples, state, delta)
        count += 1
        self._next = (delta, state, count)
        if count >= self._spotter.metadata.network.reach_steps(delta):
            self.delta, self._state, self._next = delta, state, None
            return newer
        return logits
