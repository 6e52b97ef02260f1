"""From a decision every few milliseconds to one event for each keyword."""

import dataclasses
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf.errors import UserError
from bifsmn_tf.runtime.streaming import Decision

NOT_KEYWORDS = ("unknown", "silence")
"""Classes that are never an event."""


@dataclasses.dataclass(frozen=True)
class Detection:
    """A keyword that was spoken.

    Attributes:
        time: when it was certain, in seconds from the beginning of the stream.
        label: of the keyword.
        probability: the smoothed one, in [0, 1].
    """

    time: float
    label: str
    probability: float


class Detector:
    """Smooths decisions and reports each keyword once.

    The probabilities of the newest decisions are averaged. The first keyword
    whose average reaches the threshold is an event; then the same one is not
    reported again before it has fallen below the threshold or ``hold`` has
    passed, whichever is later.

    Args:
        labels: the classes, in the order of the probabilities.
        sample_rate: of the stream, in Hz.
        threshold: of the averaged probability, in (0, 1].
        smoothing: seconds that are averaged.
        hold: seconds.

    Raises:
        UserError: A setting is out of range.
    """

    def __init__(
        self,
        labels: Sequence[str],
        sample_rate: int,
        threshold: float = 0.8,
        smoothing: float = 0.2,
        hold: float = 1.0,
    ) -> None:
        if not 0 < threshold <= 1:
            raise UserError(f"threshold is in (0, 1], not {threshold:g}")
        for name, value in (("smoothing", smoothing), ("hold", hold)):
            if not 0 <= value < np.inf:
                raise UserError(f"{name} is not negative, unlike {value:g}")
        self._labels = list(labels)
        self._keywords = [
            i for i, label in enumerate(labels) if label not in NOT_KEYWORDS
        ]
        self._rate = sample_rate
        self._threshold = threshold
        self._smoothing = smoothing
        self._hold = hold
        self._recent: deque[Decision] = deque()
        # When each class may be reported again.
        self._silent_until = np.zeros(len(labels))

    @property
    def keywords(self) -> list[str]:
        """Labels of the classes that can be events."""
        return [self._labels[i] for i in self._keywords]

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """The averages after the last decision, (labels,); zeros before it."""
        if not self._recent:
            return np.zeros(len(self._labels))
        return np.mean([d.probabilities for d in self._recent], axis=0)

    def push(self, decision: Decision) -> Detection | None:
        """Takes the next decision.

        Args:
            decision: of the same stream as those before.

        Returns:
            The keyword that has become certain, if there is one.
        """
        now = decision.end / self._rate
        self._recent.append(decision)
        while now - self._recent[0].end / self._rate > self._smoothing:
            self._recent.popleft()
        averages = self.probabilities
        found = None
        for i in sorted(self._keywords, key=lambda i: -averages[i]):
            if averages[i] < self._threshold:
                break
            if now >= self._silent_until[i] and found is None:
                found = Detection(now, self._labels[i], float(averages[i]))
                self._silent_until[i] = now + self._hold
            # While it lasts, it is one and the same.
            step = 1.5 * self._gap()
            self._silent_until[i] = max(self._silent_until[i], now + step)
        return found

    def _gap(self) -> float:
        """Seconds between the last two decisions."""
        if len(self._recent) < 2:
            return self._smoothing
        return (self._recent[-1].end - self._recent[-2].end) / self._rate
