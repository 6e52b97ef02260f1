"""The picture of a comparison, like Figure 5 of the paper."""

from collections.abc import Mapping
from pathlib import Path

from bifsmn_tf.benchmarking.entry import Role

_COLOURS = {
    Role.PEER.value: "#6b6b6b",
    Role.OURS.value: "#1b6ca8",
    Role.VARIANT.value: "#8fb8d8",
}


def latencies(report: Mapping, path: str | Path) -> None:
    """Draws a bar for each contestant, and how much faster ours are.

    Modelled cycles, where there are any, stand in a panel of their own.

    Args:
        report: of :func:`bifsmn_tf.benchmarking.report.make`.
        path: of the PNG.

    Raises:
        ImportError: there is no matplotlib.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    entries = [e for e in report["contestants"] if e["role"] in _COLOURS]
    panels = [
        (
            f"µs per decision, measured on {report['machine']['cpu']}",
            {e["name"]: e["invoke_microseconds"]["median"] for e in entries},
        )
    ]
    if report["cycles"]:
        panels.append(
            (
                "cycles per decision, modelled Cortex-A53",
                {n: c["strict"] for n, c in report["cycles"].items()},
            )
        )
    roles = {e["name"]: e["role"] for e in entries}
    tallest = max(len(values) for _, values in panels)
    figure, all_axes = pyplot.subplots(
        1,
        len(panels),
        figsize=(8 * len(panels), 1.2 + 0.34 * tallest),
        squeeze=False,
    )
    for axes, (title, values) in zip(all_axes[0], panels, strict=True):
        _bars(axes, values, roles)
        axes.set_title(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight")
    pyplot.close(figure)


def _bars(axes, values: Mapping[str, float], roles: Mapping[str, str]) -> None:
    first = next(iter(values))
    bars = axes.barh(
        list(values),
        list(values.values()),
        color=[
            _COLOURS[roles.get(name, Role.VARIANT.value)] for name in values
        ],
    )
    axes.bar_label(
        bars,
        [f"{v:,.4g}  {values[first] / v:.1f}x" for v in values.values()],
        padding=4,
        fontsize=8,
    )
    axes.invert_yaxis()
    axes.margins(x=0.25)
    axes.set_axisbelow(True)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
