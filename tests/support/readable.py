"""Whether a picture can be read where pages show it."""

import itertools

from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SHOWN = 800
"""Pixels of a page across a picture."""

SMALLEST = 8
"""Pixels of a page, of letters."""

_TOUCH = 0.5
"""Pixels by which boxes of letters, which have air in them, may overlap."""


def texts(figure: Figure) -> dict[Text, Bbox]:
    """Returns the texts that are seen, and their pixels."""
    figure.canvas.draw()
    beyond = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            first, last = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not first <= tick.get_loc() <= last:
                    beyond |= {tick.label1, tick.label2}
    return {
        text: Text.get_window_extent(text)
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in beyond
    }


def faults(figure: Figure) -> list[str]:
    """Returns what is wrong with a figure, a sentence each."""
    found = []
    boxes = texts(figure)
    for (one, box), (two, other) in itertools.combinations(boxes.items(), 2):
        if box.padded(-_TOUCH).overlaps(other.padded(-_TOUCH)):
            found.append(f"{one.get_text()!r} lies on {two.get_text()!r}")
    page = figure.bbox.padded(1)
    pixels = SHOWN / figure.get_size_inches()[0] / 72
    for text, box in boxes.items():
        if not (page.contains(*box.min) and page.contains(*box.max)):
            found.append(f"{text.get_text()!r} is cut off")
        if text.get_fontsize() * pixels < SMALLEST:
            found.append(f"{text.get_text()!r} is too small")
    if to_rgba(figure.get_facecolor()) != (1, 1, 1, 1):
        found.append("the ground is not white: dark pages show through")
    return found
