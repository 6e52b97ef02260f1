"""The picture of a comparison, like Figure 5 of the paper."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bifsmn_tf.benchmarking.listener import OURS
from bifsmn_tf.benchmarking.listener import PEERS
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.benchmarking.report import Report
from bifsmn_tf.evaluation import picture_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {
    Role.BASELINE.value: "#6b6b6b",
    Role.OURS.value: "#1b6ca8",
    Role.VARIANT.value: "#8fb8d8",
}

_ROW = 0.24
"""Inches of a bar."""


def latencies(report: Report, path: str | Path) -> None:
    """Draws a bar for each model, and how much faster ours are.

    Modelled cycles, where there are any, stand in a panel of their own.

    Args:
        report: What :func:`bifsmn_tf.benchmarking.report.make` returned.
        path: Where to write the PNG.

    Raises:
        UserError: There is no Matplotlib.
        OSError: The picture cannot be written.
    """
    models = [m for m in report["models"] if m["role"] in _COLOURS]
    baselines = report["speedups"]
    ratios = next(iter(baselines.values())) if baselines else {}
    panels = [
        (
            f"µs per decision, measured on {report['machine']['cpu']}",
            {m["name"]: m["invoke_microseconds"]["median"] for m in models},
            {name: ratio["median"] for name, ratio in ratios.items()},
        )
    ]
    if report["cycles"]:
        cycles = {n: c["strict"] for n, c in report["cycles"].items()}
        first = next(iter(cycles.values()))
        panels.append(
            (
                "cycles per decision, modelled Cortex-A53",
                cycles,
                {name: first / value for name, value in cycles.items()},
            )
        )
    roles = {m["name"]: m["role"] for m in models}
    rows = [len(values) for _, values, _ in panels]
    height = 0.8 * len(panels) + _ROW * sum(rows)
    with picture_style.picture(path, height) as figure:
        all_axes = figure.subplots(
            len(panels), squeeze=False, height_ratios=rows
        )
        for axes, panel in zip(all_axes[:, 0], panels, strict=True):
            _bars(axes, *panel, roles)


def seconds(report: Report, path: str | Path) -> None:
    """Draws a bar for each listener: microseconds inside a second of sound.

    Args:
        report: What :func:`bifsmn_tf.benchmarking.always_on.make` returned.
        path: Where to write the PNG.

    Raises:
        UserError: There is no Matplotlib.
        OSError: The picture cannot be written.
    """
    found = [x for x in report["listeners"] if x["group"] in (OURS, PEERS)]
    roles = {
        x["name"]: (Role.OURS if x["group"] == OURS else Role.BASELINE).value
        for x in found
    }
    with picture_style.picture(path, 0.8 + _ROW * len(found)) as figure:
        axes = figure.subplots()
        _bars(
            axes,
            f"µs per second of sound, measured on {report['machine']['cpu']}",
            {x["name"]: x["inside_microseconds"]["median"] for x in found},
            {},
            roles,
        )
        axes.set_xscale("log")
        axes.margins(x=0.1)


def _bars(
    axes: "Axes",
    title: str,
    values: Mapping[str, float],
    ratios: Mapping[str, float],
    roles: Mapping[str, str],
) -> None:
    bars = axes.barh(
        list(values),
        list(values.values()),
        color=[
            _COLOURS[roles.get(name, Role.VARIANT.value)] for name in values
        ],
    )
    labels = [
        (f"{value:,.0f}" if value >= 1000 else f"{value:.1f}")
        + (f"   {ratios[name]:.1f}x" if name in ratios else "")
        for name, value in values.items()
    ]
    axes.bar_label(bars, labels, padding=4, fontsize=picture_style.SMALL)
    axes.set_title(title)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.25)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.grid(axis="x")
