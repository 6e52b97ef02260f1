"""Tables of text: for a terminal, and for pages in Markdown.

Cells are texts as the caller wants them read; nothing is parsed as a number.
The first columns name what a row is and stand flush left, figures flush right.
"""

from collections.abc import Sequence

import tabulate


def markdown(
    head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1
) -> str:
    """Returns a table in Markdown.

    Args:
        head: the names of the columns.
        rows: the cells, as many in each row as there are columns.
        left: how many columns, from the first one on, are flush left.
    """
    return _table(head, rows, left, "pipe")


def plain(
    head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1
) -> str:
    """Returns a table for a terminal, with a line below its head.

    Args:
        head: the names of the columns.
        rows: the cells, as many in each row as there are columns.
        left: how many columns, from the first one on, are flush left.
    """
    return _table(head, rows, left, "simple")


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int,
    layout: str,
) -> str:
    right = len(head) - left
    return tabulate.tabulate(
        rows,
        head,
        tablefmt=layout,
        colalign=["left"] * left + ["right"] * right,
        disable_numparse=True,
    )
