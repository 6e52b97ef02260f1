"""The field's twelve classes, on a part of Speech Commands: the frontier anew.

What is best on the frontier, its teachers and small networks of the field on
the same clips; none was chosen here.
"""

import dataclasses

from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import frontier
from bifsmn_tf.experiments import pareto
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments import trade_offs
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

_PEERS = {row.name: row for row in pareto.ROWS if row.report}
_PAPERS = (
    recipes.BOARD_TEACHER,
    recipes.BOARD,
    recipes.distilled_small("bifsmn_s", "BiFSMN_S"),
)
"""The paper's networks of three depths, which are in the package, and what
teaches one of them."""

OURS = (
    "shallow_int8",
    "shallow_wide",
    "shallow",
    "shallow_one_bit",
    "shallow_64",
    "mixed",
    "half_mixed",
    "half_levels",
)
"""Of the frontier's winners, those of one depth, of more than one seed."""

# A tenth of silence is zeros, as of a microphone that is switched off.
_ZEROS = "--digital_silence=0.1"

ROWS = tuple(
    dataclasses.replace(row, flags=(*row.flags, _ZEROS))
    for row in (
        recipes.TEACHER,
        *frontier.PEERS,
        *(row for row in frontier.ROWS if row.name in OURS),
        *(
            dataclasses.replace(row, seeds=(0,))
            for row in (*_PAPERS, *_PEERS.values())
        ),
    )
)

_NETWORKS = {name: frontier.CANDIDATES[name].network for name in OURS} | {
    "dfsmn": "dfsmn",
    "dfsmn_board": "dfsmn",
    "bifsmn_board": frontier.CANDIDATES["wide"].network,
    "bifsmn_s": "bifsmn_s",
    **{row.name: recipes.SMALL_TEACHER.name for row in frontier.PEERS},
    **{name: name for name in _PEERS},
}

# The picture is of the frontier: the paper's networks lie below it.
_DRAWN = {
    name: network
    for name, network in _NETWORKS.items()
    if name not in {row.name for row in _PAPERS}
}

_LINES = {
    "dfsmn": "D-FSMN, fp32",
    "dfsmn_s": "D-FSMN, fp32",
    "dfsmn_s_taught": "D-FSMN, fp32",
    "ds_cnn_float32": "DS-CNN, fp32",
    "ds_cnn_int8": "DS-CNN, int8",
    "bc_resnet_1_float32": "BC-ResNet, fp32",
    "bc_resnet_2_float32": "BC-ResNet, fp32",
    "bc_resnet_1_int8": "BC-ResNet, int8",
    "bc_resnet_2_int8": "BC-ResNet, int8",
}
"""What a point belongs to in the picture; ours are by the bits in them."""


def _body(results: Results) -> list[str]:
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
        *trade_offs.body(results, trade_offs.points(results, _DRAWN, _LINES)),
    ]


EXPERIMENT = Experiment(
    "sc12",
    "Speech Commands V2, twelve classes on a part of the clips",
    "All ten keywords, unknown and silence: *on* and *off* with four hundred "
    "clips each to train on, other keywords with up to nine hundred, so that "
    "these two are rare here. What is best on [the frontier](frontier.md), "
    "its teachers, the paper's networks and small networks of the field, "
    "trained on the same clips with the same augmentation and evaluated as "
    "files; the picture leaves the paper's out. A tenth of silence is zeros. "
    "Nothing was chosen on these clips. Cycles are modelled "
    "([architecture_cycles.md](architecture_cycles.md); the networks of the "
    "field and those in full precision with ten classes, "
    "[pareto.md](pareto.md)).",
    ROWS,
    _body,
    keeps=True,
)
