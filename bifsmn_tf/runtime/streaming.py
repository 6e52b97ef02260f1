"""From a stream of sound to decisions, with a model file alone.

    stream = StreamingSpotter(KeywordSpotter("bifsmn_stream-sc12"))
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

**On duty.** With ``confirm`` the spotter's own depth, a cheap one, listens, and
a deeper one is asked only when a keyword becomes likely: it hears the last
seconds again, from a store of samples, and decides from there on until a second
has passed without one, bit for bit as if it had always run.
"""

import collections
import os
import threading
from collections.abc import Iterator
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import checked
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import keywords_of
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


def depths(
    model: str | os.PathLike[str], delta: str | None
) -> tuple[int | None, int | None]:
    """Returns the depth that listens and the one that confirms.

    Args:
        model: path or name.
        delta: a number, ``"auto"`` for the shallowest and the deepest, or
            None for the deepest alone.

    Returns:
        A spotter's ``delta`` and a stream's ``confirm``; None for the default
        and for no confirmation.

    Raises:
        UserError: It is neither, or there is no such model.
    """
    if delta is None:
        return None, None
    if delta == "auto":
        known = sorted(KeywordSpotter(model).deltas)
        return known[-1], known[0]
    if not delta.isdigit():
        raise UserError(f"delta is a depth such as 4, or auto, not {delta!r}")
    return int(delta), None


class StreamingSpotter:
    """Decides again and again on a stream, which one thread pushes.

    Args:
        spotter: whose model is used. Its ``delta`` may be changed at any time.
        hop: seconds from one decision to the next, with a model of clips; as
            many frames as come nearest, at least one. A streaming model has a
            step of its own.
        confirm: the depth that confirms what the spotter's own finds likely,
            with a streaming model.

    Attributes:
        labels: the classes, in the order of a decision's probabilities.
        step: samples from one decision to the next.

    Raises:
        UserError: ``hop`` is given for a streaming model, or not positive;
            ``confirm`` is given for a model of clips, or is no depth.
    """

    def __init__(
        self,
        spotter: KeywordSpotter,
        hop: float | None = None,
        confirm: int | None = None,
    ) -> None:
        self.labels = spotter.labels
        self._spotter = spotter
        self._engine: _Clips | _Steps | _Duty
        if spotter.steps is not None:
            if hop is not None:
                raise UserError(
                    "hop: this model computes a stream step by step, and "
                    f"decides every {spotter.steps.samples} samples"
                )
            self._engine = (
                _Steps(spotter, spotter.steps)
                if confirm is None
                else _Duty(spotter, spotter.steps, confirm)
            )
        else:
            if confirm is not None:
                raise UserError(
                    "confirm: this model computes a clip for each decision, "
                    "at whatever depth: set the spotter's delta"
                )
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

    @property
    def steps_taken(self) -> Mapping[int, int]:
        """How many steps each depth took, of a streaming model."""
        return {} if isinstance(self._engine, _Clips) else self._engine.taken

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
        self.taken: collections.Counter[int] = collections.Counter()

    def reset(self) -> None:
        self.delta = self._spotter.delta
        self._state = self._steps.start(self.delta)
        # A depth that warms up: its state, and how many steps it took.
        self._next: tuple[int, StreamState, int] | None = None

    def decide(self, samples: FloatArray) -> FloatArray:
        logits, self._state = self._steps(samples, self._state, self.delta)
        self.taken[self.delta] += 1
        wanted = self._spotter.delta
        if wanted == self.delta:
            self._next = None
            return logits
        if self._next is None or self._next[0] != wanted:
            self._next = (wanted, self._steps.start(wanted), 0)
        delta, state, count = self._next
        newer, state = self._steps(samples, state, delta)
        self.taken[delta] += 1
        count += 1
        self._next = (delta, state, count)
        if count >= self._spotter.metadata.network.reach_steps(delta):
            self.delta, self._state, self._next = delta, state, None
            return newer
        return logits


_LIKELY = 0.5
"""A keyword's probability from which on the deeper depth is asked."""

_ATTENTIVE = 1.0
"""Seconds for which it decides after a keyword was likely at either depth."""


class _Duty:
    """Takes steps at one depth, and at a deeper one when it matters."""

    def __init__(
        self, spotter: KeywordSpotter, steps: StepNetwork, confirm: int
    ) -> None:
        network = spotter.metadata.network
        if confirm not in spotter.deltas:
            raise UserError(
                f"confirm: the model has depths {spotter.deltas}, not {confirm}"
            )
        self.step = steps.samples
        self.delta = spotter.delta
        self.taken: collections.Counter[int] = collections.Counter()
        self._spotter = spotter
        self._steps = steps
        self._confirm = confirm
        self._reach = max(map(network.reach_steps, spotter.deltas))
        rate = spotter.metadata.features.sample_rate
        self._attentive = round(_ATTENTIVE * rate / steps.samples)
        keywords = set(keywords_of(spotter.labels))
        self._keywords = [x in keywords for x in spotter.labels]

    def reset(self) -> None:
        self._listening = self._spotter.delta
        self._state = self._steps.start(self._listening)
        self._heard: collections.deque[FloatArray] = collections.deque(
            maxlen=self._reach
        )
        # Of the deeper one: its state, and for how many steps it goes on.
        self._deeper: tuple[StreamState, int] | None = None

    def decide(self, samples: FloatArray) -> FloatArray:
        listening = self._spotter.delta
        if listening != self._listening:
            # What it would have heard is in the store.
            self._listening = listening
            self._state = self._steps.start(listening)
            for heard in self._heard:
                _, self._state = self._steps(heard, self._state, listening)
            self.taken[listening] += len(self._heard)
        logits, self._state = self._steps(samples, self._state, listening)
        self.taken[listening] += 1
        self._heard.append(samples)
        likely = self._likely(logits)
        if self._deeper is None and not likely:
            self.delta = listening
            return logits
        if self._deeper is None:
            state, left = self._steps.start(self._confirm), 0
            again = list(self._heard)
        else:
            state, left = self._deeper
            again = [samples]
        for heard in again:
            deeper, state = self._steps(heard, state, self._confirm)
        self.taken[self._confirm] += len(again)
        left = left - 1
        if likely or self._likely(deeper):
            left = self._attentive
        self._deeper = (state, left) if left > 0 else None
        self.delta = self._confirm
        return deeper

    def _likely(self, logits: FloatArray) -> bool:
        return float(softmax(logits)[self._keywords].max()) >= _LIKELY
