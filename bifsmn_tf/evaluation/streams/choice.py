"""Thresholds for a wanted rate of false accepts.

What is wanted is a rate for the whole model. It is divided among the keywords
so that the fewest words are missed: a keyword that is easily mistaken gets a
higher threshold, or a larger share. Or all get the same one: the best division
of a few events a keyword is partly chance. Smoothing and hold are those with
which the fewest are missed then. Choose on validation streams, and measure on
others.
"""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation.streams.curve import Measurement
from bifsmn_tf.evaluation.streams.curve import Point
from bifsmn_tf.evaluation.streams.scores import Scores
from bifsmn_tf.model_file.detection import DetectionSettings

SMOOTHINGS = (0.2, 0.1, 0.3, 0.4, 0.6, 0.8, 0.0)
"""Seconds to choose from; of what is equally good the first."""

HOLDS = (1.0, 0.5, 2.0)
"""Seconds to choose from; of what is equally good the first."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """What was chosen, and what it does on the sound it was chosen on.

    Attributes:
        settings: of the detector.
        measurement: with their smoothing and hold.
        point: what happens at the thresholds.
        reached: whether the rate is not above what was wanted.
    """

    settings: DetectionSettings
    measurement: Measurement
    point: Point
    reached: bool


def choose(
    scores: Sequence[Scores],
    rate: float,
    window: float,
    smoothings: Sequence[float] = SMOOTHINGS,
    holds: Sequence[float] = HOLDS,
    common: bool = False,
) -> Choice:
    """Chooses the settings with which the fewest words are missed.

    Args:
        scores: of a model on validation streams.
        rate: the wanted false accepts per hour, of all keywords together.
        window: seconds after a word in which its detection is a hit.
        smoothings: to choose from, in seconds.
        holds: to choose from, in seconds.
        common: whether all keywords have the same threshold.

    Raises:
        UserError: There is no sound to tell the rate from, or a keyword is
            never spoken.
    """
    if not rate >= 0:
        raise UserError(f"false_accepts_per_hour is not negative, not {rate}")
    choices = list(_choices(scores, rate, window, smoothings, holds, common))
    return min(
        choices,
        key=lambda x: (
            not x.reached,
            sum(x.point.words.values()) - sum(x.point.hits.values()),
            sum(x.point.false.values()),
        ),
    )


def _choices(
    scores: Sequence[Scores],
    rate: float,
    window: float,
    smoothings: Sequence[float],
    holds: Sequence[float],
    common: bool,
) -> Iterator[Choice]:
    for smoothing in smoothings:
        for hold in holds:
            measurement = Measurement(scores, smoothing, hold, window)
            _check(measurement)
            curve = measurement.curve()
            budget = int(rate * measurement.hours + 1e-9)
            divide = _common if common else _divided
            thresholds = divide(measurement, curve, budget)
            point = measurement.at(thresholds)
            yield Choice(
                DetectionSettings(thresholds, smoothing, hold, rate),
                measurement,
                point,
                sum(point.false.values()) <= budget,
            )


def _check(measurement: Measurement) -> None:
    if not measurement.hours:
        raise UserError(
            "false_accepts_per_hour can be told from streams only: give some "
            "without keywords, of hours"
        )
    spoken = measurement.at(1.0).words
    silent = [keyword for keyword, count in spoken.items() if not count]
    if silent:
        raise UserError(
            "false_accepts_per_hour needs to know what is missed, but nobody "
            f"says {', '.join(silent)}: give labelled streams, trials or a "
            "data_dir of clips, too"
        )


def _divided(
    measurement: Measurement, curve: Mapping[float, Point], budget: int
) -> dict[str, float]:
    """Divides false accepts among keywords so that the fewest are missed.

    Best of all divisions, keyword by keyword: what the first few miss at least
    if they take so many of the false accepts.
    """
    # By false accepts taken: missed, and the thresholds so far.
    best: dict[int, tuple[int, dict[str, float]]] = {0: (0, {})}
    for keyword in measurement.keywords:
        options = _options(curve, keyword, budget)
        fewest = min(options)
        longer: dict[int, tuple[int, dict[str, float]]] = {}
        for taken, (missed, thresholds) in best.items():
            for false, (more, threshold) in options.items():
                total = taken + false
                # Somewhere a keyword has to be, even above the budget.
                if total > budget and false > fewest:
                    continue
                if total not in longer or missed + more < longer[total][0]:
                    own = thresholds | {keyword: threshold}
                    longer[total] = (missed + more, own)
        best = longer
    within = {x: y for x, y in best.items() if x <= budget}
    if not within:
        within = {min(best): best[min(best)]}
    taken = min(within, key=lambda x: (within[x][0], x))
    return within[taken][1]


def _common(
    measurement: Measurement, curve: Mapping[float, Point], budget: int
) -> dict[str, float]:
    """Returns the same threshold for all, with which the fewest are missed."""
    options = _affordable(
        (
            (
                threshold,
                sum(point.false.values()),
                sum(point.words.values()) - sum(point.hits.values()),
            )
            for threshold, point in curve.items()
        ),
        budget,
    )
    fewest = min(options, key=lambda false: (options[false][0], false))
    _, threshold = options[fewest]
    return dict.fromkeys(measurement.keywords, threshold)


def _options(
    curve: Mapping[float, Point], keyword: str, budget: int
) -> dict[int, tuple[int, float]]:
    """Returns what a keyword may take, see :func:`_affordable`."""
    return _affordable(
        (
            (
                threshold,
                point.false[keyword],
                point.words[keyword] - point.hits[keyword],
            )
            for threshold, point in curve.items()
        ),
        budget,
    )


def _affordable(
    points: Iterable[tuple[float, int, int]], budget: int
) -> dict[int, tuple[int, float]]:
    """Returns what can be had: false accepts to missed and threshold.

    Of thresholds that are equally good it is the one in the middle, farthest
    from where either figure changes.

    Args:
        points: threshold, false accepts and missed, from the lowest on.
        budget: the false accepts there may be.
    """
    alike: dict[tuple[int, int], list[float]] = {}
    for threshold, false, missed in points:
        alike.setdefault((false, missed), []).append(threshold)
    found: dict[int, tuple[int, float]] = {}
    for (false, missed), thresholds in sorted(alike.items()):
        if false not in found:
            middle = thresholds[len(thresholds) // 2]
            found[false] = (missed, middle)
    affordable = {x: y for x, y in found.items() if x <= budget}
    # Where no threshold is high enough, it is the one with the fewest.
    return affordable or {min(found): found[min(found)]}
