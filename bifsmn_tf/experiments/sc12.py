"""The field's twelve classes, on a part of Speech Commands: the frontier anew.

What is best on the frontier, its teachers and small networks of the field on
the same clips; none was chosen here.
"""

import dataclasses

import numpy as np

from bifsmn_tf.evaluation import plots
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import frontier
from bifsmn_tf.experiments import pareto
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

_PEERS = {row.name: row for row in pareto.ROWS if row.report}
OURS = ("shallow_wide", "shallow", "shallow_one_bit", "shallow_64")
"""Of the frontier's winners, those that no other one is above."""

# A tenth of silence is zeros, as of a microphone that is switched off.
_ZEROS = "--digital_silence=0.1"

ROWS = tuple(
    dataclasses.replace(row, flags=(*row.flags, _ZEROS))
    for row in (
        recipes.TEACHER,
        dataclasses.replace(recipes.SMALL_TEACHER, seeds=(0,)),
        *(row for row in frontier.ROWS if row.name in OURS),
        *(dataclasses.replace(row, seeds=(0,)) for row in _PEERS.values()),
    )
)

_NETWORKS = {name: frontier.CANDIDATES[name].network for name in OURS} | {
    "dfsmn": "dfsmn",
    "dfsmn_s": "dfsmn_s",
    **{name: name for name in _PEERS},
}

_CYCLES = "modelled Cortex-A53 cycles"
_BYTES = "bytes of the .tflite"

_LINES = {
    "dfsmn": "D-FSMN, fp32",
    "dfsmn_s": "D-FSMN, fp32",
    "ds_cnn_float32": "DS-CNN, fp32",
    "ds_cnn_int8": "DS-CNN, int8",
    "bc_resnet_1_float32": "BC-ResNet, fp32",
    "bc_resnet_2_float32": "BC-ResNet, fp32",
    "bc_resnet_1_int8": "BC-ResNet, int8",
    "bc_resnet_2_int8": "BC-ResNet, int8",
}
"""What a point belongs to in the picture; ours are by the bits in them."""


def draw(results: Results) -> None:
    """Draws the points that the figures hold."""
    plots.trade_offs(
        results.figures["points"], results.folder / "trade_offs.png"
    )


def _line(name: str) -> str:
    two = "two_bit_sites" in _NETWORKS[name]
    return f"BiFSMN, {'two bits in places' if two else 'one bit'}"


def _points(
    results: Results,
) -> dict[str, list[tuple[str, float, dict[str, float]]]]:
    found: dict[str, list[tuple[str, float, dict[str, float]]]] = {}
    for row in results.rows:
        for delta in results.deltas(row.name):
            runs = list(results.accuracies(row.name, delta).values())
            cycles = results.strict_cycles(_NETWORKS[row.name], delta)
            sizes = [o.file_bytes for o in results.of(row.name) if o.file_bytes]
            if not runs or not sizes or not cycles:
                continue
            label = row.name.replace("_float32", "").replace("_int8", "")
            if len(results.deltas(row.name)) > 1:
                label += f" δ={delta}"
            found.setdefault(
                _LINES.get(row.name) or _line(row.name), []
            ).append(
                (
                    label,
                    float(np.mean(runs)),
                    {_BYTES: float(np.mean(sizes)), _CYCLES: cycles},
                )
            )
    return found


def _body(results: Results) -> list[str]:
    points = results.figures["points"] = _points(results)
    picture = []
    if points:
        draw(results)
        title = "accuracy against cycles and bytes"
        picture = [results.picture("trade_offs.png", title), ""]
    return [
        *comparison.table(
            results,
            columns={
                "file, bytes": comparison.file_bytes,
                "modelled A53 cycles, thousands": comparison.thousand_cycles(
                    _NETWORKS
                ),
            },
        ),
        *picture,
    ]


EXPERIMENT = Experiment(
    "sc12",
    "Speech Commands V2, twelve classes on a part of the clips",
    "All ten keywords, unknown and silence: *on* and *off* with four hundred "
    "clips each to train on, other keywords with up to nine hundred, so that "
    "these two are rare here. What is best on [the frontier](frontier.md), "
    "its teachers and small networks of the field, trained on the same clips "
    "with the same augmentation and evaluated as files. A tenth of silence is "
    "zeros. Nothing was chosen on these clips. Cycles are modelled "
    "([architecture_cycles.md](architecture_cycles.md); the networks of the "
    "field and those in full precision with ten classes, "
    "[pareto.md](pareto.md)).",
    ROWS,
    _body,
)
