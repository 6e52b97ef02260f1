"""How every picture of the project looks.

Pages show pictures about 800 pixels wide, on white or on black. Therefore all
are equally wide, with letters that are large enough then, and have a white
ground of their own. Figures are made without pyplot, so that a caller's own
figures, backend and style stay as they are.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bifsmn_tf import whole_file
from bifsmn_tf.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

WIDTH = 8.0
"""Inches, of every picture."""

DPI = 150

SMALL = 8.0
"""The size of letters beside points and bars, in points."""

SMALLEST = 6.5
"""The size of letters where there is room for no larger ones."""

INK = "#202020"
GREY = "#5f5f5f"

COLOURS = ("#1b6ca8", "#e07a1f", "#3a9d5d", "#8a4fbf", "#b8336a", "#6b6b6b")
"""Of lines and bars."""

_STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
}


@contextlib.contextmanager
def picture(path: str | Path, height: float) -> Iterator["Figure"]:
    """Makes a figure in the style, and writes it when the block ends.

    Args:
        path: the picture to write, PNG unless its name says otherwise.
        height: of the figure in inches.

    Yields:
        The figure, which is laid out so that nothing is cut off.

    Raises:
        UserError: There is no Matplotlib.
        OSError: The picture cannot be written.
    """
    try:
        from matplotlib import style
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError(
            "pictures need matplotlib: pip install matplotlib"
        ) from error
    with style.context(["default", _STYLE]):
        figure = Figure((WIDTH, height), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        save(figure, path)


def save(figure: "Figure", path: str | Path) -> None:
    """Writes a figure, or nothing."""
    with whole_file.replacing(path) as partial:
        figure.savefig(partial, format=Path(path).suffix[1:] or "png")


def legend(figure: "Figure", axes: "Axes") -> None:
    """Says above the figure what the colours are, in as few lines as fit.

    Args:
        figure: the figure.
        axes: whose lines or bars have labels.
    """
    handles, labels = axes.get_legend_handles_labels()
    for columns in range(len(labels), 0, -1):
        drawn = figure.legend(
            handles, labels, loc="outside upper center", ncols=columns
        )
        if columns == 1 or drawn.get_window_extent().width < figure.bbox.width:
            return
        drawn.remove()


def settle(figure: "Figure") -> None:
    """Lays a figure out for good, so that labels can be placed in it."""
    figure.canvas.draw()
    figure.set_layout_engine("none")


def plain_numbers(axis: "Axis") -> None:
    """Labels a logarithmic axis without powers of ten.

    Between them there are labels where there is room.
    """
    from matplotlib import ticker

    class Plain(ticker.LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(Plain(labelOnlyBase=False))
