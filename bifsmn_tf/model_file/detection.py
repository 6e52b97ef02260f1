"""When a keyword counts as heard: settings that a file carries.

They were chosen on streams, for a rate of false accepts that somebody wanted;
a file without them is listened to with the defaults.
"""

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from bifsmn_tf.errors import UserError

NOT_KEYWORDS = ("unknown", "silence")
"""Classes that are never an event."""

DEFAULT_THRESHOLD = 0.8
DEFAULT_SMOOTHING = 0.2
DEFAULT_HOLD = 1.0


OTHER_WORD = "_"
"""What the labels of classes begin with that are words, but never an event."""


def is_keyword(label: str) -> bool:
    """Says whether a class can be an event."""
    return label not in NOT_KEYWORDS and not is_other_word(label)


def is_other_word(label: str) -> bool:
    """Says whether a class is a word that is never an event."""
    return label.startswith(OTHER_WORD)


def keywords_of(labels: Sequence[str]) -> list[str]:
    """Returns the labels that can be events."""
    return [label for label in labels if is_keyword(label)]


def without_other_words(labels: Sequence[str]) -> tuple[str, ...]:
    """Returns the labels that a user knows: other words are unknown ones."""
    return tuple(x for x in labels if not is_other_word(x))


def parse_thresholds(
    given: Sequence[str] | None,
) -> float | dict[str, float] | None:
    """Returns the thresholds that a command is given.

    Args:
        given: One number, or texts such as ``yes=0.9``; None if none is given.

    Returns:
        One for all keywords, or some keywords' own; None if none is given.

    Raises:
        UserError: They are neither.
    """
    if given is None:
        return None
    try:
        if len(given) == 1 and "=" not in given[0]:
            return float(given[0])
        pairs = [text.rpartition("=") for text in given]
        return {keyword.strip(): float(value) for keyword, _, value in pairs}
    except ValueError as error:
        raise UserError(
            "threshold is a number, or a number for each keyword such as "
            f"yes=0.9,stop=0.99, not {','.join(given)}"
        ) from error


@dataclasses.dataclass(frozen=True)
class DetectionSettings:
    """What a detector is set to.

    Attributes:
        thresholds: of the averaged probability of each keyword, in (0, 1].
        smoothing: seconds of decisions that are averaged.
        hold: seconds in which the same keyword is no second event.
        false_accepts_per_hour: for which rate they were chosen; None if they
            were not chosen for one.

    Raises:
        UserError: A setting is out of range.
    """

    thresholds: Mapping[str, float]
    smoothing: float = DEFAULT_SMOOTHING
    hold: float = DEFAULT_HOLD
    false_accepts_per_hour: float | None = None

    def __post_init__(self) -> None:
        for value in self.thresholds.values():
            if not 0 < value <= 1:
                raise UserError(f"threshold is in (0, 1], not {value:g}")
        for name in ("smoothing", "hold"):
            seconds = getattr(self, name)
            if not 0 <= seconds < math.inf:
                raise UserError(f"{name} is not negative, unlike {seconds:g}")

    @classmethod
    def default(cls, labels: Sequence[str]) -> "DetectionSettings":
        """Returns the settings of a file that has none.

        Args:
            labels: of the model.
        """
        return cls(dict.fromkeys(keywords_of(labels), DEFAULT_THRESHOLD))

    def override(
        self,
        threshold: float | Mapping[str, float] | None = None,
        smoothing: float | None = None,
        hold: float | None = None,
    ) -> "DetectionSettings":
        """Returns settings of which some are others.

        Args:
            threshold: one for all keywords, or some keywords' own.
            smoothing: seconds.
            hold: seconds.

        Raises:
            UserError: A setting is out of range, or there is no such keyword.
        """
        own = dict(self.thresholds)
        changes: dict[str, Any] = {}
        if threshold is not None:
            if not isinstance(threshold, Mapping):
                threshold = dict.fromkeys(own, threshold)
            strange = [x for x in threshold if x not in own]
            if strange:
                raise UserError(
                    f"threshold: the model has no keyword {strange[0]}, only "
                    f"{', '.join(own)}"
                )
            changes["thresholds"] = own | dict(threshold)
        if smoothing is not None:
            changes["smoothing"] = smoothing
        if hold is not None:
            changes["hold"] = hold
        if changes:
            changes["false_accepts_per_hour"] = None
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain numbers, for JSON."""
        return dataclasses.asdict(self) | {"thresholds": dict(self.thresholds)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DetectionSettings":
        """Reads what :meth:`to_dict` returned.

        Raises:
            ValueError: A value is none of a setting.
            KeyError: One is missing.
            TypeError: One has another type.
        """
        rate = values["false_accepts_per_hour"]
        return cls(
            {str(x): float(y) for x, y in values["thresholds"].items()},
            float(values["smoothing"]),
            float(values["hold"]),
            None if rate is None else float(rate),
        )
