"""What a detector reports at a threshold, and which of it is true.

**Hit or false.** A detection is a hit if its keyword is spoken and the
detection comes after the word has begun and no later than ``window`` seconds
after its end. A word is hit once: a second detection of it is false, as is
every other. Of two words that a detection may stand for it is the earlier one.
A word that nothing has hit is missed. Latency is the time from the end of the
word to its detection, negative if the spotter was certain before that.

The detections are those of ``runtime.detector.Detector``, to the last one, but
for all decisions at once.
"""

import dataclasses
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf.evaluation.streams.labels import Word
from bifsmn_tf.evaluation.streams.scores import Scores
from bifsmn_tf.runtime.detector import Onsets
from bifsmn_tf.runtime.detector import averaged_samples

WINDOW = 1.0
"""Seconds after the end of a word in which its detection is a hit."""


def smoothed(scores: Scores, smoothing: float) -> npt.NDArray[np.float64]:
    """Averages each decision with those before it, as the detector does.

    Args:
        scores: whose decisions come in equal steps.
        smoothing: seconds.

    Returns:
        (decisions, keywords).
    """
    values = scores.probabilities
    if len(values) < 2:
        return values.astype(np.float64)
    step = int(scores.ends[1] - scores.ends[0])
    most = averaged_samples(smoothing, scores.sample_rate)
    count = min(1 + int(most // step), len(values))
    # In the order in which the detector adds them: no rounding differs.
    total = np.zeros(values.shape)
    for back in range(count - 1, -1, -1):
        total[back:] += values[: len(values) - back]
    heard = np.minimum(np.arange(1, len(values) + 1), count)
    return total / heard[:, np.newaxis]


@dataclasses.dataclass(frozen=True)
class Line:
    """The smoothed decisions on several recordings, one behind the other.

    Between them is so much time that none has to do with another.

    Attributes:
        keywords: that can be detected.
        averages: (decisions, keywords).
        times: of the decisions, in seconds.
        begins: whether a decision is the first of its recording.
        starts: seconds at which each recording begins.
        words: in all of them, in the time of the line.
        recordings: what is heard.
        hold: see the detector.
        window: see the module.
    """

    keywords: tuple[str, ...]
    averages: npt.NDArray[np.float64]
    times: npt.NDArray[np.float64]
    begins: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.float64]
    words: tuple[Word, ...]
    recordings: tuple[Scores, ...]
    hold: float
    window: float

    @classmethod
    def of(
        cls,
        recordings: Sequence[Scores],
        smoothing: float,
        hold: float,
        window: float = WINDOW,
    ) -> "Line":
        """Lays recordings behind one another.

        Args:
            recordings: of the same model, at least one.
            smoothing: seconds that are averaged.
            hold: seconds in which a keyword is no second event.
            window: see the module.
        """
        averages, times, begins, starts = [], [], [], []
        words: list[Word] = []
        start = 0.0
        keywords = recordings[0].keywords
        for scores in recordings:
            averages.append(smoothed(scores, smoothing))
            times.append(start + scores.ends / scores.sample_rate)
            first = np.zeros(len(scores.ends), bool)
            first[:1] = True
            begins.append(first)
            starts.append(start)
            words += [
                word.later(start)
                for word in scores.words
                if word.label in keywords
            ]
            latest = max([scores.seconds, *(w.end for w in scores.words)])
            start += latest + hold + window + 1.0
        return cls(
            keywords,
            np.concatenate(averages),
            np.concatenate(times),
            np.concatenate(begins),
            np.array(starts),
            tuple(sorted(words)),
            tuple(recordings),
            hold,
            window,
        )

    def detections(self, thresholds: npt.ArrayLike) -> list[tuple[float, int]]:
        """Returns what is detected: time and number of the keyword.

        Args:
            thresholds: of each keyword, (keywords,), or one for all.
        """
        above = self.averages >= np.asarray(thresholds)
        onsets = above.copy()
        onsets[1:] &= ~above[:-1] | self.begins[1:, np.newaxis]
        rows, keywords = np.nonzero(onsets)
        times = self.times[rows].tolist()
        together = np.flatnonzero(np.diff(rows, prepend=-1)).tolist()
        begins = keywords.tolist()
        onset = Onsets(len(self.keywords), self.hold)
        found = []
        for first, end in zip(
            together, [*together, len(rows)][1:], strict=True
        ):
            values = self.averages[rows[first]]
            keyword = onset.event(times[first], begins[first:end], values)
            if keyword is not None:
                found.append((times[first], keyword))
        return found

    def outcome(self, thresholds: npt.ArrayLike) -> "Outcome":
        """Returns what of it is true.

        Args:
            thresholds: of each keyword, (keywords,), or one for all.
        """
        found = self.detections(thresholds)
        hits, false = match(
            [(time, self.keywords[keyword]) for time, keyword in found],
            self.words,
            self.window,
        )
        where = self.recording_at([false_time for false_time, _ in false])
        return Outcome(
            tuple(hits),
            tuple((*x, int(w)) for x, w in zip(false, where, strict=True)),
        )

    def recording_at(self, times: Sequence[float]) -> npt.NDArray[np.intp]:
        """Returns the number of the recording in which each time is."""
        return np.searchsorted(self.starts, times, side="right") - 1


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is true of some detections.

    Attributes:
        hits: each word that was hit, and the time of its detection.
        false: time, keyword and number of the recording of each false accept.
    """

    hits: tuple[tuple[Word, float], ...]
    false: tuple[tuple[float, str, int], ...]


def match(
    detections: Sequence[tuple[float, str]],
    words: Sequence[Word],
    window: float = WINDOW,
) -> tuple[list[tuple[Word, float]], list[tuple[float, str]]]:
    """Tells hits from false accepts; see the module.

    Args:
        detections: time and keyword, by time.
        words: by the time at which they begin.
        window: seconds.

    Returns:
        The words that were hit with the time of their detection, and the
        detections that are false.
    """
    waiting: dict[str, deque[Word]] = {}
    for word in sorted(words, key=lambda word: (word.end, word.start)):
        waiting.setdefault(word.label, deque()).append(word)
    hits, false = [], []
    for time, keyword in detections:
        queue = waiting.get(keyword, deque())
        while queue and queue[0].end + window < time:
            queue.popleft()
        if queue and queue[0].start <= time:
            hits.append((queue.popleft(), time))
        else:
            false.append((time, keyword))
    return hits, false
