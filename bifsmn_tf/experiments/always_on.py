"""What a second of sound costs, beside what else listens all day."""

import os
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf.benchmarking import always_on
from bifsmn_tf.benchmarking import listener
from bifsmn_tf.benchmarking.report import Report
from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments.checkout import ROOT
from bifsmn_tf.experiments.commands import read_json
from bifsmn_tf.experiments.results import NOT_RUN
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

_STREAM = "BiFSMN of a stream"
_CLIPS = "bifsmn-sc12"
_MICRO = "microWakeWord"
_DS_CNN = "DS-CNN int8"

_CLASSES = 10

# By listener: the page, and the row there, whose accuracy is its; of ten
# classes each, though what is timed of the package has twelve.
_ACCURACIES = {
    _STREAM: ("stream", "bifsmn_stream"),
    _CLIPS: ("sc10", "bifsmn_board"),
    _DS_CNN: ("pareto", "ds_cnn_int8"),
}

_CYCLES = "modelled Cortex-A53 cycles per second of sound"
_MICROSECONDS = "µs per second of sound, measured here"

_Points = dict[str, list[tuple[str, float, dict[str, float]]]]
"""Label, accuracy in % and costs, by family."""

MEASURED = "measured.json"
A53 = "a53_cycles.json"
MODELS = "always_on_models"


def _body(results: Results) -> list[str]:
    folder, commands = results.folder, results.commands
    path = folder / MEASURED
    if not commands.collect and (commands.again or not path.exists()):
        runs = results.runner.folder
        runs.mkdir(parents=True, exist_ok=True)
        commands.call(
            runs / "always_on",
            "bifsmn_tf.benchmark",
            "--always_on",
            f"--classes={_CLASSES}",
            f"--json={os.path.relpath(path, ROOT)}",
            f"--save_models={os.path.relpath(runs / MODELS, ROOT)}",
        )
    report = _report(results)
    if report is None:
        return [f"The benchmark: {NOT_RUN}.", ""]
    points = draw(results)
    if points:
        results.figures["accuracy"] = {
            f"{family}, {label}": accuracy
            for family, members in points.items()
            for label, accuracy, _ in members
        }
    lines = [
        "*Inside* is what the runtime takes for the graphs, as *invoke* in "
        "[benchmark.md](benchmark.md), and native front ends as Python calls "
        "them; *in Python* what a caller of `StreamingSpotter.push`, or of the "
        "packages' own interface, sees. Both are **measured**. Cycles are "
        "**modelled** ([a53.md](a53.md)), by",
        "",
        f"    python benchmarks/a53/network.py BOARD RUNS/{MODELS}/models.json "
        f"--json=results/always_on/{A53}",
        "",
        "with the runtime's own work in them; a star says that they lack a "
        "part, of which below. Features are in every figure. Copying the state "
        "from output to input is not in *inside*; Python does it.",
        "",
        always_on.circumstances(report),
        "",
        *_goals(report),
    ]
    if points:
        lines += [
            results.picture("always_on.png", "accuracy against cost"),
            "",
            f"Accuracy in % is that of {_pages(results)}. What has none on "
            "these labels is a dotted line, of several models the cheapest.",
            "",
        ]
    for table in always_on.tables_of(report):
        lines += [f"## {table.title}", "", table.markdown(), ""]
    lines += [f"Skipped: {why}." for why in report["skipped"]]
    return [*lines, ""]


def _report(results: Results) -> Report | None:
    """Returns what was measured and modelled, if anything was measured."""
    measured = read_json(results.folder / MEASURED)
    if measured is None:
        return None
    cycles = read_json(results.folder / A53) or {}
    return always_on.with_cycles(measured, cycles)


def draw(results: Results) -> _Points:
    """Draws accuracy against cost, and returns what has both, by family."""
    report = _report(results)
    points, marks = _points(results, report) if report else ({}, {})
    if points:
        plots.trade_offs(points, results.folder / "always_on.png", marks)
    return points


def _pages(results: Results) -> str:
    """Says where accuracies come from."""
    pages = [page for page, _ in _ACCURACIES.values()]
    there = [
        page
        for page in pages
        if (results.folder.parent / page / "results.json").exists()
    ]
    found = ", ".join(f"[{page}.md]({page}.md)" for page in there)
    if _ACCURACIES[_STREAM][0] not in there:
        found += "; of the stream that of one run's report"
    return found


def _goals(report: Report) -> list[str]:
    """Compares with what the project set itself."""
    by_name = {one["name"]: one for one in report["listeners"]}
    micro = [x for x in by_name.values() if x["name"].startswith(_MICRO)]
    rows = []
    for delta, must, goal, fewer, wanted in (
        (1, "1.0", "0.60", "2", "3.5"),
        (4, "0.65", "0.42", "3", "5"),
    ):
        ours = by_name.get(f"{_STREAM} δ={delta}")
        if ours is None or not micro:
            continue
        known = [x for x in micro if x["cycles"]]
        if ours["cycles"]:
            strict = ours["cycles"]["strict"]
            rows.append(
                (
                    f"modelled A53 Mcycles, δ = {delta}",
                    f"{strict / 1e6:.2f}",
                    must,
                    goal,
                )
            )
            if known:
                least = min(_network_cycles(one) for one in known)
                rows.append(
                    (
                        "cycles, times fewer than microWakeWord's cheapest "
                        f"network alone, δ = {delta}",
                        f"{least / strict:.1f}",
                        fewer,
                        wanted,
                    )
                )
        least = min(
            report["ratios"][one["name"]][ours["name"]]["median"]
            for one in micro
        )
        rows.append(
            (
                "time inside, times less than microWakeWord's cheapest with "
                f"its front end, δ = {delta}",
                f"{least:.1f}",
                "5",
                "15",
            )
        )
    if report["memory"]:
        most = max(
            size["native"]
            for name, size in report["memory"].items()
            if name.startswith(_STREAM)
        )
        rows.append(
            ("RAM of a spotter in C, kB", f"{most / 1000:.0f}", "< 300", "")
        )
    if not rows:
        return []
    return [
        "## Against what it must cost",
        "",
        tables.markdown(("", "here", "must", "goal"), rows),
        "",
    ]


def _network_cycles(one: Mapping[str, Any]) -> float:
    """Returns cycles of a second without the front end."""
    return sum(
        part["rate"] * part["cycles"]["strict"]
        for part in one["parts"]
        if part["cycles"] and "front end" not in part["name"]
    )


def _points(
    results: Results, report: Report
) -> tuple[
    _Points,
    dict[str, dict[str, float]],
]:
    """Returns accuracy and costs by family, and costs of the others."""
    points: _Points = {}
    marks: dict[str, dict[str, float]] = {}
    known = {name: _accuracy(results, name) for name in _ACCURACIES}
    for one in report["listeners"]:
        if one["group"] not in (listener.OURS, listener.PEERS):
            continue
        costs = {_MICROSECONDS: one["inside_microseconds"]["median"]}
        if one["cycles"]:
            costs = {_CYCLES: one["cycles"]["strict"], **costs}
        family, _, rest = one["name"].partition(" δ=")
        family = family.partition(", recomputed")[0]
        delta = rest.partition(",")[0] or "1"
        accuracy = known.get(family, {}).get(delta)
        if accuracy is None:
            # Of several models of a project the cheapest.
            title = one["name"].partition(", ")[0]
            before = marks.get(title, costs)
            marks[title] = min(before, costs, key=lambda x: x[_MICROSECONDS])
            continue
        label = f"δ = {delta}" if rest else family
        points.setdefault(family, []).append((label, accuracy, costs))
    return points, marks


def _accuracy(results: Results, name: str) -> dict[str, float]:
    """Returns the mean accuracy in % by depth; of a page, or else of a run."""
    page, row = _ACCURACIES[name]
    path = results.folder.parent / page / "results.json"
    runs = (read_json(path) or {"runs": []})["runs"]
    tests = [run["test"] for run in runs if run["row"] == row]
    if not tests and name == _STREAM:
        tests = list(_streaming_runs(results.runner.folder))
    return {
        delta: 100 * float(np.mean([test[delta]["accuracy"] for test in tests]))
        for delta in (tests[0] if tests else ())
    }


def _streaming_runs(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Returns the reports of runs of binary streaming networks."""
    for path in sorted(folder.glob("*/test_tflite.json")):
        run, report = read_json(path.with_name("run.json")), read_json(path)
        network = run["network"] if run else {}
        if report and network.get("streaming") and network.get("binary"):
            yield report["deltas"]


EXPERIMENT = Experiment(
    "always_on",
    "What a second of sound costs whoever listens all day",
    "Our streaming network, which computes every moment once and decides each "
    "128 ms; a network of clips from the package, which computes a second anew "
    "each 32 ms; microWakeWord's and openWakeWord's models as `pip install "
    "'.[peers]'` brings them; DS-CNN in 8 bits on our features, recomputed "
    "each 128 ms. Then one setting at a time. Networks with random weights "
    "where not of a package: no cost depends on them.",
    (),
    _body,
)
