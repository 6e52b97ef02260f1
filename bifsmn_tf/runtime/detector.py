"""From a decision every few milliseconds to one event for each keyword."""

import dataclasses
from collections import deque
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import DEFAULT_HOLD
from bifsmn_tf.model_file.detection import DEFAULT_SMOOTHING
from bifsmn_tf.model_file.detection import DEFAULT_THRESHOLD
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.runtime.streaming import Decision


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


class Onsets:
    """Decides which of the keywords that begin to be certain is an event.

    A keyword *begins* with the decision in which it reaches its threshold and
    had not in the one before. One that begins within ``hold`` of its last
    event is none, nor is any but the most probable of a decision.

    Args:
        classes: how many there are.
        hold: seconds in which the same keyword is no second event.
    """

    def __init__(self, classes: int, hold: float) -> None:
        self._hold = hold
        self._silent_until = np.full(classes, -np.inf)

    def event(
        self,
        now: float,
        begins: Sequence[int],
        probabilities: npt.NDArray[np.floating],
    ) -> int | None:
        """Takes the classes that begin with a decision.

        Args:
            now: seconds, later than those before.
            begins: the classes.
            probabilities: of every class, (classes,).

        Returns:
            The class that is an event, if one is.
        """
        # A hair earlier, so that a hold of whole steps is whole steps.
        free = [i for i in begins if now > self._silent_until[i] - 1e-6]
        if not free:
            return None
        found = max(free, key=lambda i: probabilities[i])
        self._silent_until[found] = now + self._hold
        return found


class Detector:
    """Smooths decisions and reports each keyword once.

    The probabilities of the newest decisions are averaged. The first keyword
    whose average reaches its threshold is an event; then the same one is not
    reported again before it has fallen below the threshold or ``hold`` has
    passed, whichever is later.

    Args:
        labels: the classes, in the order of the probabilities.
        sample_rate: of the stream, in Hz.
        threshold: of the averaged probability, in (0, 1]; one for all
            keywords, or one for each by its label.
        smoothing: seconds that are averaged.
        hold: seconds.

    Attributes:
        keywords: labels of the classes that can be events.
        settings: what it is set to.

    Raises:
        UserError: A setting is out of range, or a keyword has no threshold.
    """

    def __init__(
        self,
        labels: Sequence[str],
        sample_rate: int,
        threshold: float | Mapping[str, float] = DEFAULT_THRESHOLD,
        smoothing: float = DEFAULT_SMOOTHING,
        hold: float = DEFAULT_HOLD,
    ) -> None:
        self._labels = list(labels)
        self.keywords = keywords_of(labels)
        if not isinstance(threshold, Mapping):
            threshold = dict.fromkeys(self.keywords, threshold)
        missing = [x for x in self.keywords if x not in threshold]
        if missing:
            raise UserError(f"threshold: there is none for {missing[0]}")
        own = {x: threshold[x] for x in self.keywords}
        self.settings = DetectionSettings(own, smoothing, hold)
        # What no probability reaches, for classes that are never an event.
        self._limits = np.array([own.get(x, 2.0) for x in labels])
        self._rate = sample_rate
        self._smoothing = smoothing
        self._recent: deque[Decision] = deque()
        self._above = np.zeros(len(labels), bool)
        self._onsets = Onsets(len(labels), hold)

    @classmethod
    def of(
        cls,
        labels: Sequence[str],
        sample_rate: int,
        settings: DetectionSettings,
    ) -> "Detector":
        """Returns a detector that is set as a file says.

        Args:
            labels: the classes, in the order of the probabilities.
            sample_rate: of the stream, in Hz.
            settings: such as ``KeywordSpotter.detection``.

        Raises:
            UserError: A keyword has no threshold.
        """
        return cls(
            labels,
            sample_rate,
            settings.thresholds,
            settings.smoothing,
            settings.hold,
        )

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """The averages after the last decision, (labels,); zeros before it."""
        if not self._recent:
            return np.zeros(len(self._labels))
        recent = [decision.probabilities for decision in self._recent]
        return np.mean(recent, axis=0, dtype=np.float64)

    def push(self, decision: Decision) -> Detection | None:
        """Takes the next decision.

        Args:
            decision: of the same stream as those before.

        Returns:
            The keyword that has become certain, if there is one.
        """
        self._recent.append(decision)
        most = averaged_samples(self._smoothing, self._rate)
        while decision.end - self._recent[0].end > most:
            self._recent.popleft()
        averages = self.probabilities
        above = averages >= self._limits
        begins = np.flatnonzero(above & ~self._above)
        self._above = above
        now = decision.end / self._rate
        found = self._onsets.event(now, begins.tolist(), averages)
        if found is None:
            return None
        return Detection(now, self._labels[found], float(averages[found]))


def averaged_samples(smoothing: float, sample_rate: int) -> float:
    """Returns how many samples before a decision others are averaged with it.

    Args:
        smoothing: seconds.
        sample_rate: Hz.
    """
    # A hair more, so that whole steps are whole steps.
    return smoothing * sample_rate + 1e-6
