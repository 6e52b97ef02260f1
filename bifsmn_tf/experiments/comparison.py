"""The table that most pages have: a line for each row and depth."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments.results import Results

Column = Callable[[Results, str, str], str]
"""A cell from results, row and δ."""

_PICTURE = "accuracies.png"


def table(
    results: Results,
    paper: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    paper_columns: Sequence[str] = (),
    columns: Mapping[str, Column] | None = None,
    reference: str | None = "dfsmn",
) -> list[str]:
    """Returns the table, as lines of Markdown.

    Args:
        results: the outcomes of the experiment.
        paper: what the paper has, by row and δ.
        paper_columns: what these figures are.
        columns: further columns of ours by title, each a function of results,
            row and δ.
        reference: the row that the others are compared with.
    """
    paper, columns = paper or {}, columns or {}
    head = ["network", "δ", "test accuracy, %"]
    if reference:
        head.append(f"points below {reference}")
    head += [*columns, *(f"*{name}*" for name in paper_columns)]
    lines = []
    for row in results.rows:
        theirs = paper.get(row.name, {})
        for delta in results.deltas(row.name) or list(theirs) or ["1"]:
            line = [row.title, delta, results.accuracy(row.name, delta)]
            if reference:
                line.append(results.gap(row.name, delta, reference))
            line += [
                make(results, row.name, delta) for make in columns.values()
            ]
            line += theirs.get(delta, [""] * len(paper_columns))
            lines.append(line)
    if not paper_columns:
        return [tables.markdown(head, lines), ""]
    return [
        tables.markdown(head, lines),
        "",
        "*In italics: the paper's figures, on the full data set, with its own "
        "protocol, in which more than half of the clips are `unknown`; they "
        "stand beside ours for the order of the rows, not for the level.*",
        "",
    ]


def thousand_cycles(models: Mapping[str, str]) -> Column:
    """Returns a column of modelled Cortex-A53 cycles, in thousands.

    Args:
        models: by the name of a row, what ``Results.cycles`` calls its network.
    """

    def cell(results: Results, name: str, delta: str) -> str:
        found = results.strict_cycles(models.get(name, ""), delta)
        return f"{found / 1000:.1f}" if found else ""

    return cell


def body(
    paper: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    paper_columns: Sequence[str] = (),
    columns: Mapping[str, Column] | None = None,
    reference: str | None = "dfsmn",
) -> Callable[[Results], list[str]]:
    """Returns the body of a page: the :func:`table` and its picture.

    Args:
        paper: what the paper has, by row and δ.
        paper_columns: what these figures are.
        columns: further columns of ours, as in :func:`table`.
        reference: the row that the others are compared with.
    """

    def make(results: Results) -> list[str]:
        draw(results)
        return [
            *table(results, paper, paper_columns, columns, reference),
            results.picture(_PICTURE, "test accuracy"),
            "",
        ]

    return make


def draw(results: Results) -> None:
    """Draws the accuracies of all rows."""
    plots.accuracies(series(results), results.folder / _PICTURE)


def series(results: Results) -> dict[str, dict[str, list[float]]]:
    """Returns the accuracies of a picture, by depth, row and seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in results.rows:
        for delta in results.deltas(row.name):
            values = list(results.accuracies(row.name, delta).values())
            found.setdefault(f"δ = {delta}", {})[row.title] = values
    return found


def parameters(results: Results, name: str, delta: str) -> str:
    """Returns the millions of trained parameters, all depths together."""
    del delta
    cost, summary = results.cost(name), results.summary(name)
    if cost:
        return f"{cost['parameters'] / 1e6:.2f}"
    return f"{summary.file().parameters / 1e6:.2f}" if summary else ""


def flops(results: Results, name: str, delta: str) -> str:
    """Returns the millions of FLOPs of 128 clips, as the paper counts them."""
    cost, summary = results.cost(name), results.summary(name)
    if cost:
        return f"{cost['paper_mflops_batch_128']:.2f}"
    return f"{summary.paper_flops(int(delta)) / 1e6:.2f}" if summary else ""


def file_bytes(results: Results, name: str, delta: str) -> str:
    """Returns the size of the converted file, all depths together."""
    del delta
    sizes = [o.file_bytes for o in results.of(name) if o.file_bytes]
    return f"{round(np.mean(sizes)):,}" if sizes else ""
