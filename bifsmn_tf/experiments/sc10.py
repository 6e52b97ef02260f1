"""BiFSMN on the part of Speech Commands that has 8 of its 10 keywords.

The teacher and BiFSMN with a wider front end with three seeds each, both with
the paper's features and with those for a board; BiFSMN with the paper's front
end, BiFSMN_S and its teacher with one: 10 classes, ``official`` protocol. The
deployed .tflite is what is measured; Keras stands beside it.
"""

import dataclasses

import numpy as np

from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

WIDE = recipes.WIDE

_ONE_SEED = (
    recipes.MIXED_BOARD,
    recipes.distilled("bifsmn", "BiFSMN"),
    recipes.SMALL_TEACHER,
    recipes.distilled_small("bifsmn_s", "BiFSMN_S"),
    recipes.SMALL_BOARD_TEACHER,
    recipes.SMALL_BOARD,
)

ROWS = (
    recipes.TEACHER,
    WIDE,
    recipes.MIXED,
    recipes.BOARD_TEACHER,
    recipes.BOARD,
    *(dataclasses.replace(row, seeds=(0,)) for row in _ONE_SEED),
)


def _body(results: Results) -> list[str]:
    lines = [
        *comparison.table(
            results, columns={"file, bytes": comparison.file_bytes}
        ),
        "## Each run",
        "",
        *_each_run(results),
        *_agreement(results),
    ]
    for row in results.rows:
        outcomes = results.of(row.name)
        if not outcomes:
            continue
        history = outcomes[0].metrics["history"]
        picture = f"curves_{row.name}.png"
        plots.training_curves(history, results.folder / picture)
        lines.append(results.picture(picture, f"training of {row.title}"))
    if results.of(WIDE.name):
        lines += _pictures(results)
    return [*lines, ""]


def _each_run(results: Results) -> list[str]:
    lines = []
    for outcome in results.outcomes.values():
        cells = []
        for delta in ("1", "2", "4"):
            figures = outcome.report["deltas"].get(delta)
            if figures is None:
                cells.append("")
                continue
            low, high = figures["interval"]
            cells.append(
                f"{100 * figures['accuracy']:.2f} "
                f"({100 * low:.1f}-{100 * high:.1f})"
            )
        history = outcome.metrics["history"]
        minutes = sum(e["seconds"] for e in history) / 60
        lines.append(
            [
                outcome.row.title,
                str(outcome.seed),
                *cells,
                str(len(history)),
                f"{minutes:.0f} min",
            ]
        )
    return [
        tables.markdown(
            (
                "network",
                "seed",
                "δ = 1",
                "δ = 2",
                "δ = 4",
                "epochs",
                "training",
            ),
            lines,
        ),
        "",
        "`training` is wall-clock time of the epochs in one thread of this "
        "CPU, several runs side by side: a rough figure.",
        "",
    ]


def _agreement(results: Results) -> list[str]:
    """Counts where Keras, in the file's integers, and the file agree."""
    same = total = 0
    for outcome in results.outcomes.values():
        if not outcome.row.converts:
            continue
        keras = results.commands.evaluate(
            outcome.folder, outcome.folder, "test_integers", "--integers"
        )
        for delta, figures in (keras or {"deltas": {}})["deltas"].items():
            its = outcome.report["deltas"][delta]
            same += figures["confusion_matrix"] == its["confusion_matrix"]
            total += 1
    results.figures["confusion_matrices_alike"] = [same, total]
    return [
        f"Keras in the file's integers and the .tflite: {same} of {total} "
        "confusion matrices are the same in both.",
        "",
    ]


def _pictures(results: Results) -> list[str]:
    first = results.of(WIDE.name)[0]
    plots.confusion_matrix(
        np.array(first.report["deltas"]["1"]["confusion_matrix"]),
        first.report["label_names"],
        results.folder / "confusion_delta_1.png",
        title="BiFSMN .tflite, test, δ = 1",
    )
    energies = first.metrics["history"][-1]["wavelet_energy_high"]
    plots.wavelet_energies(
        {
            name.replace("delta_", "BiFSMN, δ = "): blocks
            for name, blocks in energies.items()
        },
        results.folder / "wavelet_energy.png",
    )
    return [
        results.picture("confusion_delta_1.png", "confusion matrix"),
        "",
        "Share of the high frequencies in the blocks' outputs on validation "
        "clips (p_H, Eq. 7; 2-D Haar over time and channels), seed "
        f"{first.seed}:",
        "",
        results.picture("wavelet_energy.png", "wavelet energy"),
    ]


EXPERIMENT = Experiment(
    "sc10",
    "Speech Commands V2, the part with 8 of the 10 keywords",
    "BiFSMN with our whole recipe, HED and the distillation of the logits, and "
    "its full-precision teachers. The wider front end has 48 instead of 32 "
    "channels behind the second convolution, and a one-bit projection of the "
    "first convolution beside it: one bit everywhere, as the rest. *Board's "
    "features* are those of 1,024 samples in a Fourier transform of 512, "
    "instead of 2,048 samples in one of their own, a quarter of the cost on a "
    "board; these rows have zeros among their silence, too, a tenth of it.",
    ROWS,
    _body,
)
