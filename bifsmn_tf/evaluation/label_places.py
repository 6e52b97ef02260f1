"""Places for the labels of points, where they cover nothing.

Each label takes, of the places around its point, the nearest that covers no
other label, no point and no leader, and lies in the axes; a place on a plotted
line counts as one further away. Far from its point a label has a leader, a
thin line. Who comes first has the choice, so that several orders are tried,
next those in which what found no place comes first. Same figure, same places:
sizes are those of Matplotlib's own text.
"""

import dataclasses
import math
import random
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bifsmn_tf.evaluation.picture_style import GREY
from bifsmn_tf.evaluation.picture_style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

_ANGLES = (
    *(0, 45, 315, 90, 270, 180, 135, 225, 22, 338, 67, 293, 157, 203),
    *(80, 280, 100, 260, 112, 248, 12, 348, 33, 327, 56, 304, 124, 236),
)
"""Degrees from a point to its label, those read best first."""

_DISTANCES = (5, 9, 14, 20, 27, 35, 44, 54, 65, 80, 100, 130, 160, 200, 250)
"""Points between a point and its label."""

_WITH_LEADER = 9
"""Points from which on a label needs a leader."""

_ON_LINE = 30
"""How many points further away a place on a plotted line counts."""

_NOWHERE = 1e4
"""How many points away a label counts that covers something."""

_MARKER = 4
"""Points around a point that are its own."""

_GAP = 2.0
"""Points around a label's letters that are its own."""

_HEIGHTS = tuple(i / 50 for i in range(1, 48))
"""Where along an upright line its label may begin, as shares of the axes."""

_ORDERS = 60


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a label may stand.

    Attributes:
        cost: the points that it counts as far away.
        box: its pixels.
        leader: in pixels; ``None`` near the point.
    """

    cost: float
    box: "Bbox"
    leader: "Path | None"

    def is_clear_of(self, other: "_Place") -> bool:
        """Returns whether neither covers the other."""
        if self.box.overlaps(other.box):
            return False
        for one, two in ((self, other), (other, self)):
            if one.leader and one.leader.intersects_bbox(two.box, filled=False):
                return False
        return not (
            self.leader
            and other.leader
            and self.leader.intersects_path(other.leader, filled=False)
        )


class LabelPlaces:
    """Labels of one axes.

    The figure has to be laid out and the limits of the axes have to be final:
    labels are placed in pixels.

    Args:
        axes: with everything plotted but the labels.
        points: all points of the axes, labelled or not, as data.
    """

    def __init__(
        self, axes: "Axes", points: Sequence[tuple[float, float]]
    ) -> None:
        self._axes = axes
        self._pixels = axes.figure.dpi / 72
        self._room = axes.get_window_extent()
        self._taken = [self._marker(self._centre(point)) for point in points]
        self._lines = [
            line.get_path().transformed(line.get_transform())
            for line in axes.lines
            if np.size(line.get_xdata()) > 1
        ]

    def upright(self, text: str, x: float) -> None:
        """Labels an upright line, along it, as low as there is room.

        Args:
            text: the label.
            x: of the line, as data.
        """
        label = self._axes.annotate(
            text,
            (x, _HEIGHTS[0]),
            xycoords=self._axes.get_xaxis_transform(),
            xytext=(-3, 0),
            textcoords="offset points",
            rotation=90,
            fontsize=SMALL,
            ha="right",
            va="bottom",
        )
        label.set_in_layout(False)
        box = self._box(label)
        for height in _HEIGHTS:
            moved = box.translated(
                0, (height - _HEIGHTS[0]) * self._room.height
            )
            if self._is_free(moved) and not self._is_on_line(moved):
                label.xy = (x, height)
                box = moved
                break
        self._taken.append(box)

    def beside(self, labels: Sequence[tuple[str, tuple[float, float]]]) -> None:
        """Labels points, each at the nearest place that is free.

        Args:
            labels: the text and the point, as data, of each.
        """
        drawn = [self._annotate(text, point) for text, point in labels]
        choices = [
            self._choices(self._box(label), self._centre(point))
            for label, (_, point) in zip(drawn, labels, strict=True)
        ]
        places = _best_arrangement(choices)
        for i, (label, (_, point)) in enumerate(
            zip(drawn, labels, strict=True)
        ):
            box, (x, y) = places[i].box, self._centre(point)
            label.set_position(
                (
                    ((box.x0 + box.x1) / 2 - x) / self._pixels,
                    ((box.y0 + box.y1) / 2 - y) / self._pixels,
                )
            )
            assert label.arrow_patch is not None
            label.arrow_patch.set_visible(places[i].leader is not None)
            self._taken.append(box)

    def _annotate(self, text: str, point: tuple[float, float]) -> "Annotation":
        label = self._axes.annotate(
            text,
            point,
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=SMALL,
            ha="center",
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": GREY,
                "linewidth": 0.6,
                "shrinkA": 0,
                "shrinkB": _MARKER,
            },
        )
        label.set_in_layout(False)
        return label

    def _choices(
        self, size: "Bbox", centre: tuple[float, float]
    ) -> list[_Place]:
        """Returns where a label may stand if there is no other, best first."""
        found = []
        nowhere = None
        for distance, x, y in self._around(size):
            box = size.translated(
                centre[0] + x - (size.x0 + size.x1) / 2,
                centre[1] + y - (size.y0 + size.y1) / 2,
            )
            far = distance >= _WITH_LEADER
            leader = self._leader(box, centre) if far else None
            nowhere = nowhere or _Place(_NOWHERE, box, leader)
            if self._is_free(box) and not (
                leader and self._is_barred(leader, centre)
            ):
                cost = distance + _ON_LINE * self._is_on_line(box)
                found.append(_Place(cost, box, leader))
        assert nowhere is not None
        return [*sorted(found, key=lambda place: place.cost), nowhere]

    def _around(self, size: "Bbox") -> Iterator[tuple[float, float, float]]:
        """Yields distances in points, and centres in pixels from the point."""
        for distance in _DISTANCES:
            for angle in _ANGLES:
                x = math.cos(math.radians(angle))
                y = math.sin(math.radians(angle))
                # The side of the box that looks at the point, or its corner.
                across = max(-1.0, min(1.0, 1.5 * x)) * size.width / 2
                upwards = max(-1.0, min(1.0, 1.5 * y)) * size.height / 2
                far = distance * self._pixels
                yield distance, far * x + across, far * y + upwards

    def _leader(self, box: "Bbox", centre: tuple[float, float]) -> "Path":
        """Returns the line from the edge of a marker to a label."""
        from matplotlib.path import Path

        start = np.array(centre)
        end = np.clip(start, box.min, box.max)
        way = (end - start) / np.linalg.norm(end - start)
        return Path([start + way * _MARKER * self._pixels, end])

    def _centre(self, point: tuple[float, float]) -> tuple[float, float]:
        x, y = self._axes.transData.transform(point)
        return float(x), float(y)

    def _marker(self, centre: tuple[float, float]) -> "Bbox":
        from matplotlib.transforms import Bbox

        return Bbox([centre, centre]).padded(_MARKER * self._pixels)

    def _box(self, label: "Annotation") -> "Bbox":
        """Returns the box of a label's letters and the gap around them."""
        from matplotlib.text import Text

        return Text.get_window_extent(label).padded(_GAP * self._pixels)

    def _is_free(self, box: "Bbox") -> bool:
        inside = np.all(box.min >= self._room.min) and np.all(
            box.max <= self._room.max
        )
        return bool(inside) and not box.count_overlaps(self._taken)

    def _is_on_line(self, box: "Bbox") -> bool:
        return any(
            line.intersects_bbox(box, filled=False) for line in self._lines
        )

    def _is_barred(self, leader: "Path", centre: tuple[float, float]) -> bool:
        """Returns whether a leader would cross a point that is not its own."""
        return any(
            leader.intersects_bbox(box, filled=False)
            for box in self._taken
            if not box.contains(*centre)
        )


def _arrange(
    choices: Sequence[Sequence[_Place]], order: Sequence[int]
) -> dict[int, _Place]:
    """Gives each label in turn its best place that is clear of the others'.

    Where there is none, a label on another is better than no picture.
    """
    found: dict[int, _Place] = {}
    for i in order:
        found[i] = next(
            (
                place
                for place in choices[i]
                if all(place.is_clear_of(other) for other in found.values())
            ),
            choices[i][-1],
        )
    return found


def _best_arrangement(
    choices: Sequence[Sequence[_Place]],
) -> dict[int, _Place]:
    """Returns the places that cost least of several orders."""
    order = list(range(len(choices)))
    shuffle = random.Random(0).shuffle
    found = []
    for _ in range(_ORDERS):
        places = _arrange(choices, order)
        found.append(places)
        covering = [i for i in order if places[i].cost >= _NOWHERE]
        if covering:
            order = covering + [i for i in order if i not in covering]
        else:
            shuffle(order)
    return min(
        found, key=lambda places: sum(place.cost for place in places.values())
    )
