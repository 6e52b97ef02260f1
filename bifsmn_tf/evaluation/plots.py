"""Pictures of a training and of its result, as PNG files."""

import textwrap
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.evaluation import picture_style
from bifsmn_tf.evaluation.label_places import LabelPlaces
from bifsmn_tf.evaluation.picture_style import COLOURS
from bifsmn_tf.evaluation.picture_style import GREY
from bifsmn_tf.evaluation.picture_style import INK
from bifsmn_tf.evaluation.picture_style import SMALL
from bifsmn_tf.evaluation.picture_style import SMALLEST


def confusion_matrix(
    matrix: npt.NDArray[np.int64],
    label_names: Sequence[str],
    path: str | Path,
    title: str = "",
) -> None:
    """Draws counts, coloured by their share of the row.

    Args:
        matrix: counts, (classes, classes); rows are labels.
        label_names: the names of the classes.
        path: the PNG to write.
        title: the title of the picture.
    """
    n = len(label_names)
    size = SMALL if n <= 20 else SMALLEST
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with picture_style.picture(path, 8.2) as figure:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(matrix):
            axes.text(
                column,
                row,
                str(matrix[row, column]),
                ha="center",
                va="center",
                fontsize=size,
                color="white" if shares[row, column] > 0.55 else INK,
            )
        axes.set_xticks(range(n), label_names, rotation=90)
        axes.set_yticks(range(n), label_names)
        axes.tick_params(labelsize=size)
        axes.spines[:].set_visible(True)
        axes.set_xlabel("predicted")
        axes.set_ylabel("spoken")
        right = np.trace(matrix) / max(matrix.sum(), 1)
        axes.set_title(f"{title}\n{100 * right:.2f} % right".strip())


def training_curves(
    history: Sequence[Mapping[str, Any]]
    | Mapping[str, Sequence[Mapping[str, Any]]],
    path: str | Path,
) -> None:
    """Draws loss and accuracy over the epochs.

    Args:
        history: the entries of one run's epochs, or those of several by name.
        path: the PNG to write.
    """
    several = isinstance(history, Mapping)
    runs = history if isinstance(history, Mapping) else {"": history}
    longest = max(map(len, runs.values()))
    style: dict[str, Any] = (
        {"marker": "o", "markersize": 3} if longest < 6 else {}
    )
    with picture_style.picture(path, 4.2) as figure:
        left, right = figure.subplots(1, 2)
        for i, (name, entries) in enumerate(runs.items()):
            epochs = [e["epoch"] + 1 for e in entries]
            colour = COLOURS[i % len(COLOURS)]
            losses = [e["loss"] for e in entries]
            left.plot(epochs, losses, color=colour, label=name, **style)
            depths = list(epoch_accuracy.by_depth(entries[0]))
            for j, depth in enumerate(depths[:1] if several else depths):
                tint = colour if several else COLOURS[j % len(COLOURS)]
                label = f"δ = {depth}"
                validation = epoch_accuracy.validation(depth)
                training = epoch_accuracy.training(depth)
                right.plot(
                    epochs,
                    [100 * e[validation] for e in entries],
                    color=tint,
                    label=(
                        f"{name}, {label}"
                        if several
                        else f"{label}, validation"
                    ),
                    **style,
                )
                if not several:
                    right.plot(
                        epochs,
                        [100 * e[training] for e in entries],
                        color=tint,
                        linestyle=":",
                        label=f"{label}, training",
                        **style,
                    )
        left.set_yscale("log")
        picture_style.plain_numbers(left.yaxis)
        left.set_title("training loss")
        left.set_ylabel("loss")
        right.set_title("validation accuracy" if several else "accuracy")
        right.set_ylabel("accuracy, %")
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.set_xlim(0, longest + 1)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(which="both")
        picture_style.legend(figure, right)


def wavelet_energies(
    energies: Mapping[str, Mapping[str, float]], path: str | Path
) -> None:
    """Draws the high-frequency share p_H of each block (Eq. 7, Figure 2).

    Args:
        energies: for each network, p_H by block number.
        path: the PNG to write.
    """
    width = 0.8 / len(energies)
    with picture_style.picture(path, 4.2) as figure:
        axes = figure.subplots()
        for i, (name, blocks) in enumerate(energies.items()):
            positions = [
                int(block) + (i - (len(energies) - 1) / 2) * width
                for block in blocks
            ]
            axes.bar(
                positions,
                list(blocks.values()),
                width,
                label=name,
                color=COLOURS[i % len(COLOURS)],
            )
        axes.set_xticks(
            sorted(
                {int(block) for blocks in energies.values() for block in blocks}
            )
        )
        axes.set_xlabel("block")
        axes.set_ylabel("share of high frequencies, $p_H$")
        axes.set_ylim(0, 1)
        axes.grid(axis="y")
        picture_style.legend(figure, axes)


def accuracies(
    values: Mapping[str, Mapping[str, Sequence[float]]], path: str | Path
) -> None:
    """Draws a bar for each network and series, whiskers for its seeds.

    Args:
        values: for each series, such as a depth, the accuracies in % of one
            or more runs by network.
        path: the PNG to write.
    """
    names = list(dict.fromkeys(n for bars in values.values() for n in bars))
    titles = [textwrap.fill(name, 40) for name in names]
    height = 0.8 / len(values)
    # Bars of a network stand around its name, however many it has.
    there = {n: [s for s in values if n in values[s]] for n in names}
    with picture_style.picture(path, 1.2 + _rows_height(titles)) as figure:
        axes = figure.subplots()
        for i, (series, bars) in enumerate(values.items()):
            means = [float(np.mean(runs)) for runs in bars.values()]
            spreads = [
                [mean - min(runs), max(runs) - mean]
                for mean, runs in zip(means, bars.values(), strict=True)
            ]
            axes.barh(
                [
                    names.index(n)
                    + height
                    * (there[n].index(series) - (len(there[n]) - 1) / 2)
                    for n in bars
                ],
                means,
                height,
                xerr=np.transpose(spreads),
                error_kw={"linewidth": 1, "ecolor": INK},
                color=COLOURS[i % len(COLOURS)],
                label=series,
            )
        runs = [
            r for bars in values.values() for rs in bars.values() for r in rs
        ]
        axes.set_xlim(max(0.0, 10 * np.floor(min(runs) / 10 - 0.5)), 100)
        axes.set_yticks(range(len(names)), titles)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel(
            "test accuracy, %; whiskers from the worst seed to the best"
        )
        axes.grid(axis="x")
        if len(values) > 1:
            picture_style.legend(figure, axes)


def _rows_height(titles: Sequence[str]) -> float:
    """Returns the inches that as many rows with such titles need."""
    lines = max(title.count("\n") for title in titles) + 1
    return len(titles) * max(0.34, 0.16 * lines + 0.06)


def sweep(
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    path: str | Path,
    label: str,
    value: str,
) -> None:
    """Draws the mean of some runs for each setting, and each run as a dot.

    Args:
        curves: for each method, the values of one or more runs by setting;
            settings without a run are left out.
        path: the PNG to write.
        label: what the settings are.
        value: what the values are.
    """
    settings = list(
        dict.fromkeys(s for curve in curves.values() for s in curve)
    )
    with picture_style.picture(path, 4.4) as figure:
        axes = figure.subplots()
        for i, (name, curve) in enumerate(curves.items()):
            colour = COLOURS[i % len(COLOURS)]
            there = {
                settings.index(s) + 0.06 * i: runs
                for s, runs in curve.items()
                if len(runs)
            }
            axes.plot(
                list(there),
                [float(np.mean(runs)) for runs in there.values()],
                color=colour,
                marker="o",
                label=name,
            )
            for x, runs in there.items():
                axes.plot(
                    [x] * len(runs),
                    runs,
                    ".",
                    color=colour,
                    alpha=0.5,
                    zorder=1,
                )
        axes.set_xticks(range(len(settings)), settings)
        axes.set_xlabel(label)
        axes.set_ylabel(value)
        axes.grid()
        picture_style.legend(figure, axes)


def representations(
    values: Mapping[str, npt.NDArray[np.floating]], path: str | Path
) -> None:
    """Draws hidden states as heat maps, each in a scale of its own (Figure 2).

    Args:
        values: the states by title, (time, channels) each.
        path: the PNG to write.
    """
    with picture_style.picture(path, 4.6) as figure:
        all_axes = figure.subplots(1, len(values), squeeze=False)[0]
        for axes, (name, states) in zip(all_axes, values.items(), strict=True):
            largest = max(float(np.abs(states).max()), 1e-12)
            axes.imshow(
                states.T,
                cmap="RdBu_r",
                vmin=-largest,
                vmax=largest,
                origin="lower",
                aspect="auto",
                interpolation="nearest",
            )
            axes.set_title(name.replace(": ", ":\n"), fontsize=SMALL)
            axes.set_xlabel("frame")
            axes.spines[:].set_visible(True)
        all_axes[0].set_ylabel("channel")


def trade_offs(
    points: Mapping[str, Sequence[tuple[str, float, Mapping[str, float]]]],
    path: str | Path,
    marks: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Draws accuracy against each of several costs, on logarithmic axes.

    Args:
        points: for each family of networks, drawn in one colour and joined by
            a line: label, accuracy in % and costs by name.
        path: the PNG to write.
        marks: networks of unknown accuracy, drawn as lines across: costs by
            name.
    """
    costs = list(
        dict.fromkeys(
            name
            for family in points.values()
            for _, _, by_name in family
            for name in by_name
        )
    )
    # Beside each other there is room for two.
    columns = len(costs) if len(costs) < 3 else 1
    rows = -(-len(costs) // columns)
    with picture_style.picture(path, 0.6 + 3.8 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, cost in zip(grid.flat, costs, strict=True):
            for i, (family, members) in enumerate(points.items()):
                there = sorted(
                    (by_name[cost], accuracy)
                    for _, accuracy, by_name in members
                    if cost in by_name
                )
                axes.plot(
                    [x for x, _ in there],
                    [y for _, y in there],
                    marker="os^"[i // len(COLOURS) % 3],
                    markersize=5,
                    color=COLOURS[i % len(COLOURS)],
                    label=family,
                )
            for by_name in (marks or {}).values():
                if cost in by_name:
                    axes.axvline(by_name[cost], color=GREY, linestyle=":")
            axes.set_xscale("log")
            # Between powers of ten labels would lie on one another.
            axes.xaxis.set_minor_formatter("")
            axes.set_xlabel(cost)
            axes.margins(x=0.2, y=0.12)
            axes.grid(which="both")
        for axes in grid[:, 0]:
            axes.set_ylabel("test accuracy, %")
        picture_style.legend(figure, grid[0][0])
        picture_style.settle(figure)
        for axes, cost in zip(grid.flat, costs, strict=True):
            labels = [
                (label, (by_name[cost], accuracy))
                for members in points.values()
                for label, accuracy, by_name in members
                if cost in by_name
            ]
            places = LabelPlaces(axes, [point for _, point in labels])
            for label, by_name in (marks or {}).items():
                if cost in by_name:
                    places.upright(label, by_name[cost])
            places.beside(labels)


def detection_error_trade_off(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    path: str | Path,
    *,
    hours: float,
    words: int,
    title: str = "",
) -> None:
    """Draws what is missed against false accepts per hour (a DET curve).

    Both axes are logarithmic; none at all is drawn where half a false accept
    or half a word would be.

    Args:
        curves: for each model or keyword, false accepts per hour and share of
            words missed, from the lowest threshold on.
        path: the PNG to write.
        hours: of the sound in which false accepts were counted.
        words: that were spoken.
        title: the title of the picture.
    """
    least_rate, least_miss = 0.5 / hours, 50 / max(words, 1)
    with picture_style.picture(path, 5.6) as figure:
        axes = figure.subplots()
        for i, (name, points) in enumerate(curves.items()):
            axes.plot(
                [max(rate, least_rate) for rate, _ in points],
                [max(100 * missed, least_miss) for _, missed in points],
                color=COLOURS[i % len(COLOURS)],
                linestyle="-" if i < len(COLOURS) else "--",
                marker=".",
                markersize=4,
                label=name,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            picture_style.plain_numbers(axis)
        axes.axvline(1 / hours, color=GREY, linewidth=0.8, linestyle=":")
        axes.set_xlabel(f"false accepts an hour, in {hours:.2f} h")
        axes.set_ylabel(f"missed of {words} words, %")
        axes.set_title(title)
        axes.grid(which="both")
        picture_style.legend(figure, axes)
        picture_style.settle(figure)
        LabelPlaces(axes, []).upright("one in all", 1 / hours)
