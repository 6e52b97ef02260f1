"""Pictures of a training and of its result, as PNG files."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf import whole_file
from bifsmn_tf.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ("#1b6ca8", "#e07a1f", "#3a9d5d", "#8a4fbf", "#b8336a", "#6b6b6b")


def _pyplot() -> ModuleType:
    try:
        import matplotlib
    except ImportError as error:
        raise UserError(
            "pictures need matplotlib: pip install matplotlib"
        ) from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: "Figure", path: str | Path) -> None:
    with whole_file.replacing(path) as partial:
        form = Path(path).suffix[1:] or "png"
        figure.savefig(partial, format=form, dpi=110, bbox_inches="tight")
    _pyplot().close(figure)


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
    plt = _pyplot()
    n = len(label_names)
    size = max(4.0, 1.5 + 0.48 * n)
    figure, axes = plt.subplots(figsize=(size, size))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(matrix):
        axes.text(
            column,
            row,
            str(matrix[row, column]),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if shares[row, column] > 0.55 else "#203040",
        )
    axes.set_xticks(range(n), label_names, rotation=45, ha="right")
    axes.set_yticks(range(n), label_names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("spoken")
    right = np.trace(matrix) / max(matrix.sum(), 1)
    axes.set_title(f"{title}\n{100 * right:.2f} % right".strip(), fontsize=10)
    _save(figure, path)


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
    plt = _pyplot()
    from matplotlib import ticker

    several = isinstance(history, Mapping)
    runs = history if isinstance(history, Mapping) else {"": history}
    longest = max(map(len, runs.values()))
    style = {"marker": "o", "markersize": 3} if longest < 6 else {}
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    for i, (name, entries) in enumerate(runs.items()):
        epochs = [e["epoch"] + 1 for e in entries]
        colour = _COLOURS[i % len(_COLOURS)]
        losses = [e["loss"] for e in entries]
        left.plot(epochs, losses, color=colour, label=name, **style)
        depths = [
            k.removeprefix("val_accuracy_delta_")
            for k in entries[0]
            if k.startswith("val_accuracy_delta_")
        ]
        for j, depth in enumerate(depths[:1] if several else depths):
            tint = colour if several else _COLOURS[j % len(_COLOURS)]
            label = f"δ = {depth}"
            right.plot(
                epochs,
                [100 * e[f"val_accuracy_delta_{depth}"] for e in entries],
                color=tint,
                label=f"{name}, {label}" if several else f"{label}, validation",
                **style,
            )
            if not several:
                right.plot(
                    epochs,
                    [100 * e[f"accuracy_delta_{depth}"] for e in entries],
                    color=tint,
                    linestyle=":",
                    label=f"{label}, training",
                    **style,
                )
    left.set_yscale("log")
    left.yaxis.set_major_formatter("{x:g}")
    # Labels between the powers of ten only where there is room for them.
    left.yaxis.set_minor_formatter(ticker.LogFormatter(labelOnlyBase=False))
    left.set_title("training loss", fontsize=10)
    left.set_ylabel("loss")
    right.set_title(
        "validation accuracy" if several else "accuracy", fontsize=10
    )
    right.set_ylabel("accuracy, %")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.set_xlim(0, longest + 1)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
        if axes is right or several:
            axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def wavelet_energies(
    energies: Mapping[str, Mapping[str, float]], path: str | Path
) -> None:
    """Draws the high-frequency share p_H of each block (Eq. 7, Figure 2).

    Args:
        energies: for each network, p_H by block number.
        path: the PNG to write.
    """
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 3.6))
    width = 0.8 / len(energies)
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
            color=_COLOURS[i % len(_COLOURS)],
        )
    axes.set_xticks(
        sorted({int(block) for blocks in energies.values() for block in blocks})
    )
    axes.set_axisbelow(True)
    axes.set_xlabel("block")
    axes.set_ylabel("share of high frequencies, $p_H$")
    axes.set_ylim(0, 1)
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def accuracies(
    values: Mapping[str, Mapping[str, Sequence[float]]], path: str | Path
) -> None:
    """Draws a bar for each network and series, whiskers for its seeds.

    Args:
        values: for each series, such as a depth, the accuracies in % of one
            or more runs by network.
        path: the PNG to write.
    """
    plt = _pyplot()
    names = list(dict.fromkeys(n for bars in values.values() for n in bars))
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.42 * len(names)))
    height = 0.8 / len(values)
    for i, (series, bars) in enumerate(values.items()):
        means = [float(np.mean(runs)) for runs in bars.values()]
        spreads = [
            [mean - min(runs), max(runs) - mean]
            for mean, runs in zip(means, bars.values(), strict=True)
        ]
        axes.barh(
            [names.index(n) + (i + 0.5) * height - 0.4 for n in bars],
            means,
            height,
            xerr=np.transpose(spreads),
            error_kw={"linewidth": 1, "ecolor": "#203040"},
            color=_COLOURS[i % len(_COLOURS)],
            label=series,
        )
    runs = [r for bars in values.values() for rs in bars.values() for r in rs]
    axes.set_xlim(max(0.0, 10 * np.floor(min(runs) / 10 - 0.5)), 100)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(
        "test accuracy, %; whiskers from the worst seed to the best"
    )
    axes.set_axisbelow(True)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(values) > 1:
        axes.legend(
            fontsize=8,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=len(values),
        )
    _save(figure, path)


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
    plt = _pyplot()
    settings = list(
        dict.fromkeys(s for curve in curves.values() for s in curve)
    )
    figure, axes = plt.subplots(figsize=(7, 4))
    for i, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[i % len(_COLOURS)]
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
                [x] * len(runs), runs, ".", color=colour, alpha=0.5, zorder=1
            )
    axes.set_xticks(range(len(settings)), settings)
    axes.set_xlabel(label)
    axes.set_ylabel(value)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def representations(
    values: Mapping[str, npt.NDArray[np.floating]], path: str | Path
) -> None:
    """Draws hidden states as heat maps, each in a scale of its own (Figure 2).

    Args:
        values: the states by title, (time, channels) each.
        path: the PNG to write.
    """
    plt = _pyplot()
    figure, all_axes = plt.subplots(
        1, len(values), figsize=(2.6 * len(values), 4.6), squeeze=False
    )
    for axes, (name, states) in zip(all_axes[0], values.items(), strict=True):
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
        axes.set_title(name.replace(": ", ":\n"), fontsize=8)
        axes.set_xlabel("frame")
        axes.set_ylabel("channel")
        axes.tick_params(labelsize=7)
    figure.tight_layout()
    _save(figure, path)


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
    plt = _pyplot()
    costs = list(
        dict.fromkeys(
            name
            for family in points.values()
            for _, _, by_name in family
            for name in by_name
        )
    )
    figure, all_axes = plt.subplots(
        1, len(costs), figsize=(5.4 * len(costs), 4.4), squeeze=False
    )
    for axes, cost in zip(all_axes[0], costs, strict=True):
        for i, (family, members) in enumerate(points.items()):
            there = sorted(
                (by_name[cost], accuracy, label)
                for label, accuracy, by_name in members
                if cost in by_name
            )
            axes.plot(
                [x for x, _, _ in there],
                [y for _, y, _ in there],
                marker="os^"[i // len(_COLOURS) % 3],
                color=_COLOURS[i % len(_COLOURS)],
                label=family,
            )
            for x, y, label in there:
                axes.annotate(
                    label,
                    (x, y),
                    xytext=(4, 4),
                    textcoords="offset points",
                    fontsize=7,
                )
        for label, by_name in (marks or {}).items():
            if cost in by_name:
                axes.axvline(by_name[cost], color="#6b6b6b", linestyle=":")
                axes.annotate(
                    label,
                    (by_name[cost], 0.02),
                    xycoords=axes.get_xaxis_transform(),
                    rotation=90,
                    fontsize=7,
                    ha="right",
                )
        axes.set_xscale("log")
        axes.set_xlabel(cost)
        axes.margins(x=0.2, y=0.12)
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0][0].set_ylabel("test accuracy, %")
    all_axes[0][0].legend(fontsize=8, frameon=False, loc="lower right")
    figure.tight_layout()
    _save(figure, path)


def _few_labels(value: float, _: int) -> str:
    """Labels 2 and 5 between the powers of ten."""
    digit = f"{value:.0e}"[0]
    return f"{value:g}" if digit in "25" else ""


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
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 5))
    least_rate, least_miss = 0.5 / hours, 50 / max(words, 1)
    for i, (name, points) in enumerate(curves.items()):
        axes.plot(
            [max(rate, least_rate) for rate, _ in points],
            [max(100 * missed, least_miss) for _, missed in points],
            color=_COLOURS[i % len(_COLOURS)],
            linestyle="-" if i < len(_COLOURS) else "--",
            marker=".",
            markersize=4,
            label=name,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(_few_labels)
    axes.axvline(1 / hours, color="#6b6b6b", linewidth=0.8, linestyle=":")
    axes.annotate(
        "one in all",
        (1 / hours, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -10),
        textcoords="offset points",
        fontsize=7,
        color="#6b6b6b",
    )
    axes.set_xlabel(f"false accepts an hour, in {hours:.2f} h")
    axes.set_ylabel(f"missed of {words} words, %")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.25, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)
