"""Accuracy against bytes, multiply-accumulates and modelled cycles."""

import dataclasses
import json

import numpy as np

from bifsmn_tf import whole_file
from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments import sc10
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

# Title, and the line that it belongs to in the picture.
_BASELINES = {
    "ds_cnn": ("DS-CNN", "DS-CNN"),
    "bc_resnet_1": ("BC-ResNet-1", "BC-ResNet"),
    "bc_resnet_2": ("BC-ResNet-2", "BC-ResNet"),
}

_FORMS = {"float32": "fp32", "int8": "int8"}

# By row: its line in the picture.
_OURS = {
    "dfsmn": "D-FSMN, fp32",
    "dfsmn_s": "D-FSMN, fp32",
    "bifsmn_mixed": "BiFSMN, mixed precision",
    "bifsmn_wide": "BiFSMN, wider front end",
    "bifsmn": "BiFSMN",
    "bifsmn_s": "BiFSMN_S",
}

_FAMILIES = _OURS | {
    f"{model}_{form}": f"{family}, {precision}"
    for model, (_, family) in _BASELINES.items()
    for form, precision in _FORMS.items()
}

ROWS = (
    *(row for row in sc10.ROWS if row.name in _OURS),
    *(
        dataclasses.replace(
            recipes.baseline(
                f"{model}_{form}",
                f"{title}, {precision}",
                model,
                own_epochs=True,
            ),
            report=f"report_{form}",
        )
        for model, (title, _) in _BASELINES.items()
        for form, precision in _FORMS.items()
    ),
)

# Networks of the same sizes in results/benchmark/a53_cycles.json, whose
# baselines have other features than ours.
_ALIKE = {
    "dfsmn": "D-FSMN fp32, graph by hand",
    "bifsmn_mixed": "BiFSMN, mixed precision",
    "bifsmn_wide": "BiFSMN, wider front end",
    "bifsmn": "BiFSMN",
    "bifsmn_s": "BiFSMN_S",
}

MODELS = "pareto_models.json"
"""A list of the runs' files beside them, for ``benchmarks/a53/network.py``."""

_BYTES = "bytes of the .tflite"
_MACS = "multiply-accumulates; 64 of one bit are one"
_CYCLES = "modelled Cortex-A53 cycles"


def _costs(results: Results, name: str, delta: str) -> dict[str, float]:
    """Returns what is known of the costs of a row at a depth."""
    found: dict[str, float] = {}
    sizes = [o.file_bytes for o in results.of(name) if o.file_bytes]
    if sizes:
        found[_BYTES] = float(np.mean(sizes))
    cost, summary = results.cost(name), results.summary(name)
    if cost:
        binary, macs = cost["one_bit_macs"], cost["macs"]
        found[_MACS] = macs - binary + binary / 64
    elif summary:
        totals = summary.at(int(delta))
        assert totals.binary_macs is not None and totals.other_macs is not None
        found[_MACS] = totals.other_macs + totals.binary_macs / 64
    cycles = results.strict_cycles(name, delta) or results.strict_cycles(
        _ALIKE.get(name, ""), delta
    )
    if cycles:
        found[_CYCLES] = cycles
    return found


def models(results: Results) -> list[dict[str, str | None]]:
    """Returns the file of each row's first seed, once for each depth."""
    found = []
    for row in results.rows:
        for outcome in results.of(row.name)[:1]:
            form = row.report and row.report.partition("_")[2]
            file = f"model_{form}.tflite" if form else "model.tflite"
            for delta in results.deltas(row.name):
                found.append(
                    {
                        "name": row.name if form else f"{row.name} δ={delta}",
                        "file": f"{outcome.folder.name}/{file}",
                        "signature": None if form else f"delta_{delta}",
                        "kernels": None,
                    }
                )
    return found


def draw(results: Results) -> None:
    """Draws the points that the figures hold."""
    plots.trade_offs(results.figures["points"], results.folder / "pareto.png")


def _body(results: Results) -> list[str]:
    if not results.commands.collect:
        text = json.dumps(models(results), indent=1, ensure_ascii=False)
        path = results.runner.folder / MODELS
        whole_file.write_text(path, text + "\n")
    lines = []
    points: dict[str, list[tuple[str, float, dict[str, float]]]] = {}
    for row in results.rows:
        for delta in results.deltas(row.name) or ["1"]:
            costs = _costs(results, row.name, delta)
            lines.append(
                [
                    row.title,
                    delta,
                    results.accuracy(row.name, delta),
                    *(
                        f"{costs[cost]:,.0f}" if cost in costs else ""
                        for cost in (_BYTES, _MACS, _CYCLES)
                    ),
                ]
            )
            runs = list(results.accuracies(row.name, delta).values())
            if runs:
                label = row.title.partition(",")[0]
                several = len(results.deltas(row.name)) > 1
                points.setdefault(_FAMILIES[row.name], []).append(
                    (
                        f"δ = {delta}" if several else label,
                        float(np.mean(runs)),
                        costs,
                    )
                )
    results.figures["points"] = points
    draw(results)
    return [
        tables.markdown(
            ("network", "δ", "test accuracy, %", _BYTES, _MACS, _CYCLES), lines
        ),
        "",
        "Bytes of a thinnable network are those of all its depths. Cycles are "
        "modelled, not measured: of these files, where they were modelled, by",
        "",
        f"    python benchmarks/a53/network.py BOARD RUNS/{MODELS} "
        "--json=results/pareto/a53_cycles.json",
        "",
        "or else, for our networks, those of the same sizes with 12 classes "
        "([a53.md](a53.md)). The baselines there read other features than "
        "here.",
        "",
        results.picture("pareto.png", "accuracy against three costs"),
        "",
    ]


EXPERIMENT = Experiment(
    "pareto",
    "What one would run instead",
    "BiFSMN with our whole recipe beside its full-precision teachers and small "
    "networks of the field, trained on the same clips with the same "
    "augmentation, converted, and evaluated as files. The networks of the "
    "field had 60 epochs, as the teachers, BiFSMN 150.",
    ROWS,
    _body,
)
