"""What the precision of a file's few numbers that are no bits costs.

Three seeds of BiFSMN with the wider front end, of the experiment ``sc10``,
converted with every option of ``convert``: accuracy on the test split and size
of the file.
"""

from typing import Any

import numpy as np

from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments import sc10
from bifsmn_tf.experiments.results import NOT_RUN
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

Option = tuple[str, str, str]

# Residual, classifier, first convolution: what Keras computes comes first.
OPTIONS = (
    ("float32", "float32", "int8"),
    ("float32", "float16", "int8"),
    ("float32", "int8", "int8"),
    ("int16", "float32", "int8"),
    ("int16", "float16", "int8"),
    ("int16", "int8", "int8"),
    ("float32", "float32", "float32"),
)
DEFAULT = ("int16", "int8", "int8")

_HEAD = (
    "residual",
    "classifier",
    "first convolution",
    "δ = 1",
    "δ = 2",
    "δ = 4",
    "file, bytes",
)


def _measured(results: Results) -> list[dict[str, Any]]:
    """Returns bytes and correct clips of every option and seed."""
    found = []
    for option in OPTIONS:
        for outcome in results.of(sc10.WIDE.name):
            name = "precision_" + "_".join(option)
            model = outcome.folder / f"{name}.tflite"
            residual, classifier, first = option
            results.commands.convert(
                outcome.folder,
                model,
                f"--residual={residual}",
                f"--classifier={classifier}",
                f"--first_convolution={first}",
            )
            report = results.commands.evaluate(outcome.folder, model, name)
            if report is None or not model.exists():
                continue
            found.append(
                {
                    "option": option,
                    "seed": outcome.seed,
                    "file_bytes": model.stat().st_size,
                    "clips": report["clips"],
                    "correct": {
                        delta: figures["correct"]
                        for delta, figures in report["deltas"].items()
                    },
                }
            )
    return found


def _body(results: Results) -> list[str]:
    values = results.figures["options"] = _measured(results)
    means: dict[Option, dict[str, float]] = {}
    lines = []
    for option in OPTIONS:
        runs = [v for v in values if v["option"] == option]
        bold = "**" if option == DEFAULT else ""
        cells = [f"{bold}{name}{bold}" for name in option]
        if not runs:
            lines.append([*cells, NOT_RUN, "", "", ""])
            continue
        means[option] = {
            delta: 100
            * float(np.mean([v["correct"][delta] / v["clips"] for v in runs]))
            for delta in runs[0]["correct"]
        }
        for delta, mean in means[option].items():
            change = mean - means.get(OPTIONS[0], means[option])[delta]
            shown = f" ({change:+.2f})" if option != OPTIONS[0] else ""
            cells.append(f"{mean:.2f}{shown}")
        size = round(np.mean([v["file_bytes"] for v in runs]))
        lines.append([*cells, f"{size:,}"])
    table = tables.markdown(_HEAD, lines, left=3)
    return [table, "", *_loss(values, means)]


def _loss(
    values: list[dict[str, Any]], means: dict[Option, dict[str, float]]
) -> list[str]:
    if not {DEFAULT, OPTIONS[0]} <= means.keys():
        return []
    lost = max(
        means[OPTIONS[0]][delta] - mean
        for delta, mean in means[DEFAULT].items()
    )
    runs = len({v["seed"] for v in values})
    return [
        f"The default loses at most {max(lost, 0):.2f} points at any δ. One "
        f"clip of one seed is {100 / values[0]['clips'] / runs:.3f} points.",
        "",
        "The first convolution is trained in 8 bits; in floats it uses the "
        "latent weights, which training never saw.",
        "",
    ]


EXPERIMENT = Experiment(
    "precision",
    "Precision of what is not one bit",
    "BiFSMN of the experiment `sc10`, converted in different ways. The first "
    "row is what Keras computes in floats, bit for bit in front of the "
    "classifier; the bold one is what `convert` writes by default. Accuracy is "
    "the mean over the seeds, in brackets the change against the first row, "
    "in points.",
    (recipes.TEACHER, sc10.WIDE),
    _body,
)
