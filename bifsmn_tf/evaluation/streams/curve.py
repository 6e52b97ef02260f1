"""False accepts per hour, misses and latency against the threshold.

The rate is that of streams. Single recordings of a word (trials) and words that
were strung together densely say what is missed; what is false in them is
counted, but an hour of them says nothing: they count towards the rate only
where there is no other sound.
"""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from bifsmn_tf.evaluation.metrics import wilson_interval
from bifsmn_tf.evaluation.streams.events import Line
from bifsmn_tf.evaluation.streams.scores import Scores

THRESHOLDS = tuple(
    float(f"{1 / (1 + np.exp(-x)):.6g}") for x in np.arange(-60, 241) / 20
)
"""At which curves are computed: evenly spread by the logit."""


@dataclasses.dataclass(frozen=True)
class Point:
    """What a detector does with one choice of thresholds.

    Attributes:
        words: how often each keyword is spoken.
        hits: how often each was detected.
        false: false accepts of each in the sound that makes the rate.
        false_beside: those in other sound: trials, dense words.
        latencies: seconds from the end of each word to its detection, where
            its end is known.
    """

    words: dict[str, int]
    hits: dict[str, int]
    false: dict[str, int]
    false_beside: dict[str, int]
    latencies: dict[str, list[float]]

    def figures(
        self, hours: float, keyword: str | None = None
    ) -> dict[str, Any]:
        """Returns the figures, for JSON.

        Args:
            hours: of sound that makes the rate.
            keyword: of one; of all together if None.
        """
        chosen = list(self.words) if keyword is None else [keyword]

        def total(counts: Mapping[str, int]) -> int:
            return sum(counts[x] for x in chosen)

        words, hits = total(self.words), total(self.hits)
        latencies = sorted(y for x in chosen for y in self.latencies[x])
        false = total(self.false)
        return {
            "false_accepts": false,
            "false_accepts_per_hour": false / hours if hours else None,
            "false_accepts_beside": total(self.false_beside),
            "words": words,
            "missed": words - hits,
            "miss_rate": (words - hits) / words if words else None,
            "miss_rate_interval": (
                list(wilson_interval(words - hits, words)) if words else None
            ),
            "latency_median": _quantile(latencies, 0.5),
            "latency_90_percent": _quantile(latencies, 0.9),
        }


class Measurement:
    """What a model does on recordings, with one smoothing and hold.

    Args:
        scores: of its decisions, of at least one recording.
        smoothing: seconds that are averaged.
        hold: seconds in which a keyword is no second event.
        window: seconds after a word in which its detection is a hit.

    Attributes:
        keywords: that can be detected.
        hours: of the sound that makes the rate.
        sources: what that sound belongs to.
    """

    def __init__(
        self,
        scores: Sequence[Scores],
        smoothing: float,
        hold: float,
        window: float,
    ) -> None:
        self.smoothing = smoothing
        self.hold = hold
        self._line = Line.of(scores, smoothing, hold, window)
        self.keywords = self._line.keywords
        streams = [not x.trial and not x.dense for x in scores]
        if not any(streams):
            streams = [not x.trial for x in scores]
        self._makes_rate = streams
        rated = [x for x, is_so in zip(scores, streams, strict=True) if is_so]
        self.hours = sum(x.seconds for x in rated) / 3600
        self.sources = list(dict.fromkeys(x.source for x in rated))

    def at(self, thresholds: float | Mapping[str, float]) -> Point:
        """Returns what happens at a threshold.

        Args:
            thresholds: one for all, or one for each keyword.
        """
        if isinstance(thresholds, Mapping):
            values: Any = [thresholds[x] for x in self.keywords]
        else:
            values = thresholds
        outcome = self._line.outcome(values)
        counts = {x: dict.fromkeys(self.keywords, 0) for x in range(4)}
        words, hits, false, beside = counts.values()
        latencies: dict[str, list[float]] = {x: [] for x in self.keywords}
        for word in self._line.words:
            words[word.label] += 1
        where = self._line.recording_at([time for _, time in outcome.hits])
        for (word, time), number in zip(outcome.hits, where, strict=True):
            hits[word.label] += 1
            if not self._line.recordings[number].trial:
                latencies[word.label].append(time - word.end)
        for _, keyword, number in outcome.false:
            (false if self._makes_rate[number] else beside)[keyword] += 1
        return Point(words, hits, false, beside, latencies)

    def curve(
        self, thresholds: Sequence[float] = THRESHOLDS
    ) -> dict[float, Point]:
        """Returns what happens at each threshold, from the lowest on."""
        return {x: self.at(x) for x in sorted({*thresholds})}


def report(
    measurement: Measurement, curve: Mapping[float, Point]
) -> dict[str, Any]:
    """Returns the figures of a curve, for JSON.

    Args:
        measurement: of a model.
        curve: of it.

    Returns:
        ``hours``, ``sources``, ``smoothing``, ``hold``, ``thresholds``, and
        ``all`` and ``keywords`` with lists of each figure, a value for each
        threshold.
    """

    def lists(keyword: str | None) -> dict[str, list[Any]]:
        rows = [x.figures(measurement.hours, keyword) for x in curve.values()]
        return {name: [row[name] for row in rows] for name in rows[0]}

    return {
        "hours": measurement.hours,
        "sources": measurement.sources,
        "smoothing": measurement.smoothing,
        "hold": measurement.hold,
        "thresholds": list(curve),
        "all": lists(None),
        "keywords": {x: lists(x) for x in measurement.keywords},
    }


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    return float(np.quantile(np.asarray(ordered), share))
