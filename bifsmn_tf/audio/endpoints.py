"""Finds where somebody speaks in sound that goes on, by its energy.

    endpointer = Endpointer(16000)
    for piece in streams.microphone(16000):
        if (word := endpointer.push(piece)) is not None:
            ...

The first moments tell how loud the room is; speech is what stands above it.
"""

import numpy as np

from bifsmn_tf.audio.samples import FloatArray

_FRAME = 0.01
_FLOOR = 0.3
"""Seconds at the beginning that tell the level of the room."""

_ABOVE = 10.0
"""Decibels above the room from which on a frame is speech."""

_QUIETEST = -50.0
"""Level in dB of full scale that speech has at least."""

_LEAST = 0.12
"""Seconds that speech has at least: less is a click."""

_PAUSE = 0.5
"""Seconds of quiet that end an utterance."""

_AROUND = 0.15
"""Seconds of sound that are kept before and behind it."""


class Endpointer:
    """Cuts utterances out of a stream.

    Args:
        rate: samples a second.
        longest: seconds after which an utterance is ended.

    Attributes:
        level: of the last frame, in dB of full scale.
    """

    def __init__(self, rate: int, longest: float = 4.0) -> None:
        self.level = -120.0
        self._rate = rate
        self._frame = round(_FRAME * rate)
        self._longest = round(longest / _FRAME)
        self._rest = np.empty(0, np.float32)
        self._frames: list[FloatArray] = []
        self._levels: list[float] = []
        self._floor: float | None = None

    def push(self, piece: FloatArray) -> FloatArray | None:
        """Hears more sound.

        Args:
            piece: float32 (samples,).

        Returns:
            An utterance that has ended, float32 (samples,); else None.
        """
        sound = np.concatenate([self._rest, piece])
        whole = len(sound) // self._frame * self._frame
        self._rest = sound[whole:]
        found = None
        for frame in sound[:whole].reshape(-1, self._frame):
            found = self._hear(frame) if found is None else found
        return found

    def _hear(self, frame: FloatArray) -> FloatArray | None:
        power = float(np.mean(np.square(frame, dtype=np.float64)))
        self.level = 10 * np.log10(max(power, 1e-12))
        self._frames.append(frame)
        self._levels.append(self.level)
        if self._floor is None:
            if len(self._levels) >= _FLOOR / _FRAME:
                self._floor = float(np.median(self._levels))
            return None
        spoken = np.flatnonzero(np.array(self._levels) > self._threshold)
        around = round(_AROUND / _FRAME)
        if not len(spoken):
            # Nothing yet: no more than what may become the beginning.
            del self._frames[:-around], self._levels[:-around]
            return None
        quiet = len(self._levels) - 1 - spoken[-1]
        if quiet < _PAUSE / _FRAME and len(self._levels) < self._longest:
            return None
        first, last = max(0, spoken[0] - around), spoken[-1] + 1 + around
        utterance = np.concatenate(self._frames[first:last])
        self._frames, self._levels = [], []
        return utterance if len(spoken) >= _LEAST / _FRAME else None

    @property
    def _threshold(self) -> float:
        assert self._floor is not None
        return max(self._floor + _ABOVE, _QUIETEST)
