"""What was measured in streams, as a table, as JSON and as pictures."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bifsmn_tf import whole_file
from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables

HEAD = (
    "model",
    "threshold",
    "false",
    "an hour",
    "beside",
    "missed",
    "missed, %",
    "latency, s",
    "of 90 %",
)


def row(name: str, threshold: str, at: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns a row of the table below :data:`HEAD`.

    Args:
        name: of the model.
        threshold: which, as text.
        at: the figures at it, see ``curve.Point.figures``.
    """
    return (
        name,
        threshold,
        str(at["false_accepts"]),
        _number(at["false_accepts_per_hour"], "{:.2f}"),
        str(at["false_accepts_beside"]),
        f"{at['missed']} of {at['words']}",
        _number(at["miss_rate"], "{:.1%}"),
        _number(at["latency_median"], "{:.2f}"),
        _number(at["latency_90_percent"], "{:.2f}"),
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def settings(name: str, chosen: Mapping[str, Any]) -> str:
    """Returns what was chosen, as text.

    Args:
        name: of the model.
        chosen: the settings, as ``DetectionSettings.to_dict`` returns them.
    """
    rows = [(x, f"{y:.6g}") for x, y in chosen["thresholds"].items()]
    return (
        f"\n{name}, for {chosen['false_accepts_per_hour']:g} false accepts an "
        f"hour: smoothing {chosen['smoothing']:g} s, hold "
        f"{chosen['hold']:g} s\n" + tables.plain(("keyword", "threshold"), rows)
    )


def write(path: Path, reports: Mapping[str, Any], window: float) -> None:
    """Writes all figures as JSON and draws the curves beside it.

    Args:
        path: of the JSON.
        reports: of each model, see ``curve.report``.
        window: seconds after a word in which its detection is a hit.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {"window": window, "models": reports}
    whole_file.write_text(path, json.dumps(result, indent=1) + "\n")
    print(f"report: {path}")
    drawable = {
        name: report
        for name, report in reports.items()
        if report["hours"] and report["all"]["words"][0]
    }
    if not drawable:
        return
    _draw(
        path.with_name(f"{path.stem}_det.png"),
        {name: (report, report["all"]) for name, report in drawable.items()},
        "all keywords",
    )
    for name, report in drawable.items():
        if len(report["keywords"]) > 1:
            _draw(
                path.with_name(f"{path.stem}_det_{_file_name(name)}.png"),
                {x: (report, y) for x, y in report["keywords"].items()},
                name,
            )


def _file_name(name: str) -> str:
    """Returns a model's name and depth as part of a file's name."""
    model, _, depth = Path(name).name.partition(", δ = ")
    plain = re.sub(r"[^\w.-]+", "_", model.removesuffix(".tflite"))
    return f"{plain}_delta_{depth}" if depth else plain


def _draw(
    path: Path, curves: Mapping[str, tuple[Any, Any]], title: str
) -> None:
    spoken = {x: y for x, y in curves.items() if y[1]["words"][0]}
    plots.detection_error_trade_off(
        {x: _points(figures) for x, (_, figures) in spoken.items()},
        path,
        hours=min(report["hours"] for report, _ in spoken.values()),
        words=max(figures["words"][0] for _, figures in spoken.values()),
        title=title,
    )
    print(f"curves: {path}")


def _points(figures: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Returns a curve from where the fewest are missed.

    At lower thresholds speech stays above them: a word no longer begins there,
    and more are missed again.
    """
    misses = figures["miss_rate"]
    first = max(i for i, x in enumerate(misses) if x == min(misses))
    rates = figures["false_accepts_per_hour"]
    return list(zip(rates[first:], misses[first:], strict=True))
