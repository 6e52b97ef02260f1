"""BiFSMN on the part of Speech Commands that has 8 of its 10 keywords.

The teacher and BiFSMN with three seeds each, BiFSMN_S and its teacher with
one: 10 classes, ``official`` protocol. The deployed .tflite is what is
measured; Keras stands beside it.
"""

import json
from pathlib import Path

import numpy as np

from bifsmn_tf.evaluation import plots
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.experiments.runner import Row
from bifsmn_tf.experiments.runner import Runner

NAME = "sc10"

RUNS = NAME
"""Whose runs these are."""

_SEEDS = (0, 1, 2)

ROWS = [
    Row("dfsmn", "sc10_dfsmn.flags", _SEEDS),
    Row("bifsmn", "sc10_bifsmn.flags", _SEEDS, teacher="dfsmn"),
    Row("dfsmn_s", "sc10_dfsmn_s.flags"),
    Row("bifsmn_s", "sc10_bifsmn_s.flags", teacher="dfsmn_s"),
]

_TITLES = {
    "dfsmn": "D-FSMN, full precision (teacher)",
    "bifsmn": "BiFSMN",
    "dfsmn_s": "D-FSMN in the sizes of BiFSMN_S, full precision (teacher)",
    "bifsmn_s": "BiFSMN_S",
}


def run(runner: Runner, results: Path, command: str) -> Path:
    """Runs the rows and writes the page, its JSON and its pictures.

    Args:
        runner: trains, converts and evaluates.
        results: folder to write into.
        command: that was called, for the page.

    Returns:
        The page.
    """
    outcomes = runner.run(ROWS)
    folder = results / NAME
    folder.mkdir(parents=True, exist_ok=True)
    values = [_values(outcome) for outcome in outcomes]
    (folder / "results.json").write_text(json.dumps(values, indent=1) + "\n")
    firsts = {o.row.name: o for o in reversed(outcomes)}
    for name, outcome in firsts.items():
        plots.training_curves(
            outcome.metrics["history"], folder / f"curves_{name}.png"
        )
    bifsmn = firsts["bifsmn"]
    plots.confusion_matrix(
        np.array(bifsmn.tflite["deltas"]["1"]["confusion_matrix"]),
        bifsmn.tflite["label_names"],
        folder / "confusion_bifsmn_delta_1.png",
        title="BiFSMN .tflite, test, δ = 1",
    )
    plots.wavelet_energies(
        {
            name.replace("delta_", "BiFSMN, δ = "): blocks
            for name, blocks in bifsmn.metrics["history"][-1][
                "wavelet_energy_high"
            ].items()
        },
        folder / "wavelet_energy.png",
    )
    page = results / f"{NAME}.md"
    page.write_text(_page(outcomes, command))
    return page


def _values(outcome: Outcome) -> dict:
    return {
        "row": outcome.row.name,
        "seed": outcome.seed,
        "flagfile": outcome.row.flagfile,
        "file_bytes": outcome.file_bytes,
        "epochs": len(outcome.metrics["history"]),
        "training_seconds": round(
            sum(e["seconds"] for e in outcome.metrics["history"])
        ),
        "best_epoch": outcome.metrics["best"]["epoch"] + 1,
        "validation": outcome.metrics["best"]["score"],
        "test": {
            kind: {
                delta: {
                    k: figures[k] for k in ("correct", "accuracy", "interval")
                }
                for delta, figures in getattr(outcome, kind)["deltas"].items()
            }
            for kind in ("keras", "tflite")
        },
        "test_clips": outcome.tflite["clips"],
    }


def _page(outcomes: list[Outcome], command: str) -> str:
    first = outcomes[0]
    labels = ", ".join(first.tflite["label_names"])
    lines = [
        "# Speech Commands V2, the part with 8 of the 10 keywords",
        "",
        "Command (trains, converts, evaluates, writes this page):",
        "",
        f"    {command}",
        "",
        f"Data: `{first.run['dataset']['name']}` on a folder with a part of "
        f"Google Speech Commands V0.02 (P. Warden, arXiv:1804.03209, CC BY "
        f"4.0); 10 classes: {labels}. Test split: {first.tflite['clips']} "
        "clips of speakers that are in no other split. **Not comparable with "
        "figures on the whole data set.** Nothing was tuned on the test "
        "split; the best epoch is that of the highest validation accuracy, "
        "mean over δ.",
        "",
        "Accuracy on test of the converted .tflite in the stock ai-edge-litert "
        "interpreter, in %, with the 95 % Wilson interval of that one run. "
        "Weights and activations are one bit everywhere but in the first "
        "convolution and the classifier (8 bit).",
        "",
        "| network | seed | δ = 1 | δ = 2 | δ = 4 | .tflite, bytes | epochs | "
        "training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        lines.append(_line(outcome))
    lines += ["", *_means(outcomes), "", *_agreement(outcomes), ""]
    lines += [
        "`training` is wall-clock time of the epochs in one thread of this "
        "CPU, several runs side by side on two cores: a rough figure.",
        "",
        "What each run is trained with: `configs/` + the row's flagfile "
        "(`sc10_<network>.flags`), `--seed`, and for the students "
        "`--teacher`, the teacher's run of the same seed.",
        "",
        *(
            f"![training of {_TITLES[name]}](sc10/curves_{name}.png)"
            for name in dict.fromkeys(o.row.name for o in outcomes)
        ),
        "![confusion matrix](sc10/confusion_bifsmn_delta_1.png)",
        "",
        "Share of the high frequencies in the blocks' outputs on validation "
        "clips (p_H, Eq. 7; 2-D Haar over time and channels), seed 0:",
        "",
        "![wavelet energy](sc10/wavelet_energy.png)",
        "",
    ]
    return "\n".join(lines)


def _line(outcome: Outcome) -> str:
    cells = []
    for delta in ("1", "2", "4"):
        figures = outcome.tflite["deltas"].get(delta)
        if figures is None:
            cells.append("")
            continue
        low, high = figures["interval"]
        cells.append(
            f"**{100 * figures['accuracy']:.2f}** "
            f"({100 * low:.1f}-{100 * high:.1f})"
        )
    history = outcome.metrics["history"]
    minutes = sum(e["seconds"] for e in history) / 60
    return (
        f"| {_TITLES[outcome.row.name]} | {outcome.seed} | "
        f"{' | '.join(cells)} | {outcome.file_bytes:,} | {len(history)} | "
        f"{minutes:.0f} min |"
    )


def _means(outcomes: list[Outcome]) -> list[str]:
    def accuracies(row, delta):
        return [
            100 * o.tflite["deltas"][delta]["accuracy"]
            for o in outcomes
            if o.row.name == row and delta in o.tflite["deltas"]
        ]

    lines = [
        "Mean over the seeds, with the standard deviation between them, and "
        "the distance to the teacher of the same seed:",
        "",
        "| network | δ | mean | s.d. | points below the teacher |",
        "|---|---|---|---|---|",
    ]
    for row in ROWS:
        for delta in ("1", "2", "4"):
            own = accuracies(row.name, delta)
            if not own:
                continue
            gap = ""
            if row.teacher:
                teachers = accuracies(row.teacher, "1")
                gap = f"{np.mean(np.subtract(teachers, own)):.2f}"
            spread = f"{np.std(own, ddof=1):.2f}" if len(own) > 1 else "-"
            lines.append(
                f"| {_TITLES[row.name]} | {delta} | {np.mean(own):.2f} | "
                f"{spread} | {gap} |"
            )
    return lines


def _agreement(outcomes: list[Outcome]) -> list[str]:
    differing = sum(
        o.keras["deltas"][d]["confusion_matrix"]
        != o.tflite["deltas"][d]["confusion_matrix"]
        for o in outcomes
        for d in o.tflite["deltas"]
    )
    total = sum(len(o.tflite["deltas"]) for o in outcomes)
    return [
        f"Keras in the file's integers and the .tflite: {total - differing} "
        f"of {total} confusion matrices are the same in both."
    ]
