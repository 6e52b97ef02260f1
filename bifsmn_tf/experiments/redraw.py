"""Draws pictures anew from the JSON beside them; no number changes.

    python -m bifsmn_tf.experiments.redraw

Training curves, confusion matrices and the states of a clip are of runs, whose
JSON is not kept here: python -m bifsmn_tf.experiments --collect draws them.
"""

import json
from collections.abc import Callable
from pathlib import Path

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.benchmarking import chart
from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments import always_on
from bifsmn_tf.experiments import checkout
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import figure2
from bifsmn_tf.experiments import gamma
from bifsmn_tf.experiments import kept
from bifsmn_tf.experiments import pareto
from bifsmn_tf.experiments import trade_offs
from bifsmn_tf.experiments.catalogue import EXPERIMENTS
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.runner import Runner


def _latencies(results: Results) -> None:
    folder = results.folder.parent / "benchmark"
    text = (folder / "results.json").read_text(encoding="utf-8")
    chart.latencies(json.loads(text), folder / "latency.png")


PAINTERS: dict[str, Callable[[Results], object]] = {
    "always_on": always_on.draw,
    "figure2": figure2.draw,
    "gamma": gamma.draw,
    "pareto": pareto.draw,
    "frontier": trade_offs.draw,
    "sc12": trade_offs.draw,
    "speed": _latencies,
    **dict.fromkeys(
        (
            "ablation",
            "bifsmnv2",
            "precision_sites",
            "table1",
            "table2",
            "table3",
        ),
        comparison.draw,
    ),
}
"""What draws the pictures of an experiment from its results."""


def read(name: str, folder: Path) -> Results:
    """Reads what is kept of an experiment.

    Args:
        name: of the experiment.
        folder: with the pages; the experiment's folder is in it.

    Returns:
        The results, whose outcomes have accuracies and sizes alone.

    Raises:
        UserError: The experiment has no JSON there.
    """
    path = folder / name / "results.json"
    if not path.is_file():
        raise UserError(f"--results: there is no file {path}")
    saved = json.loads(path.read_text(encoding="utf-8"))
    experiment = EXPERIMENTS[name]
    rows = {row.name: row for row in experiment.rows}
    data = saved.get("data") or {}
    outcomes = {
        (run["row"], run["seed"]): kept.outcome(run, rows[run["row"]], data)
        for run in saved["runs"]
    }
    runner = Runner(Path("runs"), "", collect=True)
    results = Results(experiment, runner, outcomes, path.parent)
    results.figures = saved["figures"]
    return results


def main() -> None:
    """Draws what the flags say."""
    checkout.check()
    settings = flags.FLAGS
    for name in settings.names or PAINTERS:
        if name not in PAINTERS:
            known = ", ".join(PAINTERS)
            raise UserError(f"--names: one of {known}, not {name}")
        PAINTERS[name](read(name, Path(settings.results)))
        print(f"drawn: {name}")


if __name__ == "__main__":
    flags.DEFINE_string(
        "results",
        "results",
        "The folder of the JSON that the experiments have written.",
    )
    flags.DEFINE_list(
        "names", None, "The experiments to draw; by default all that can be."
    )
    cli.run(main)
