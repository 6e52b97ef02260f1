"""What the precision of a file's few numbers that are no bits costs.

BiFSMN's three seeds of the experiment ``sc10``, converted with every option of
``convert``: accuracy on the test split and bytes.
"""

import json
from pathlib import Path

import numpy as np

from bifsmn_tf.experiments import sc10
from bifsmn_tf.experiments.runner import Runner

NAME = "precision"

RUNS = sc10.NAME
"""Whose runs these are."""

# Stream, classifier, first convolution: what Keras computes comes first.
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

_ROW = "bifsmn"


def run(runner: Runner, results: Path, command: str) -> Path:
    """Converts, evaluates, and writes the page and its JSON.

    Args:
        runner: trains what is not there, converts and evaluates.
        results: folder to write into.
        command: that was called, for the page.

    Returns:
        The page.
    """
    rows = [row for row in sc10.ROWS if row.name in (_ROW, "dfsmn")]
    outcomes = [o for o in runner.run(rows) if o.row.name == _ROW]
    values = []
    for option in OPTIONS:
        for outcome in outcomes:
            name = "precision_" + "_".join(option)
            model = outcome.folder / f"{name}.tflite"
            stream, classifier, first = option
            runner.convert(
                outcome.folder,
                model,
                f"--stream={stream}",
                f"--classifier={classifier}",
                f"--first_convolution={first}",
            )
            report = runner.evaluate(outcome.folder, model, name)
            values.append(
                {
                    "stream": stream,
                    "classifier": classifier,
                    "first_convolution": first,
                    "seed": outcome.seed,
                    "file_bytes": model.stat().st_size,
                    "clips": report["clips"],
                    "correct": {
                        delta: figures["correct"]
                        for delta, figures in report["deltas"].items()
                    },
                }
            )
    folder = results / NAME
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(values, indent=1) + "\n")
    page = results / f"{NAME}.md"
    page.write_text(_page(values, command))
    return page


def _page(values: list[dict], command: str) -> str:
    seeds = sorted({value["seed"] for value in values})
    clips = values[0]["clips"]
    lines = [
        "# Precision of what is not one bit",
        "",
        "Command:",
        "",
        f"    {command}",
        "",
        f"BiFSMN of results/sc10.md, seeds {', '.join(map(str, seeds))}, the "
        f"same {clips:,} test clips, converted in different ways. The first "
        "row is what Keras computes in floats, bit for bit in front of the "
        "classifier; the bold one is what `convert` writes by default. "
        "Accuracy is the mean over the seeds, in brackets the change against "
        "the first row, in points.",
        "",
        "| stream | classifier | first convolution | δ = 1 | δ = 2 | δ = 4 | "
        "file, bytes |",
        "|---|---|---|---|---|---|---|",
    ]
    means = {}
    for option in OPTIONS:
        rows = [v for v in values if _option(v) == option]
        means[option] = {
            delta: 100
            * np.mean([row["correct"][delta] for row in rows])
            / clips
            for delta in rows[0]["correct"]
        }
        bold = "**" if option == DEFAULT else ""
        cells = [f"{bold}{name}{bold}" for name in option]
        for delta, mean in means[option].items():
            change = mean - means[OPTIONS[0]][delta]
            shown = f" ({change:+.2f})" if option != OPTIONS[0] else ""
            cells.append(f"{mean:.2f}{shown}")
        size = round(np.mean([row["file_bytes"] for row in rows]))
        lines.append(f"| {' | '.join(cells)} | {size:,} |")
    lost = max(
        means[OPTIONS[0]][delta] - mean
        for delta, mean in means[DEFAULT].items()
    )
    lines += [
        "",
        f"The default loses at most {max(lost, 0):.2f} points at any δ. One "
        f"clip of one seed is {100 / clips / len(seeds):.3f} points.",
        "",
        "The first convolution is trained in 8 bits; in floats it uses the "
        "latent weights, which training never saw.",
        "",
    ]
    return "\n".join(lines)


def _option(value: dict) -> tuple[str, str, str]:
    return value["stream"], value["classifier"], value["first_convolution"]
