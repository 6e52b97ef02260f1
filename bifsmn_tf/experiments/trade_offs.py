"""The picture of accuracy against cycles and bytes, for pages of networks."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from bifsmn_tf.evaluation import plots
from bifsmn_tf.experiments.commands import read_json
from bifsmn_tf.experiments.results import Results

CYCLES = "modelled Cortex-A53 cycles"
BYTES = "bytes of the .tflite"

Points = dict[str, list[tuple[str, float, dict[str, float]]]]
"""Label, accuracy in % and costs of networks, by family."""

_PICTURE = "trade_offs.png"


def draw(results: Results) -> None:
    """Draws the points that the figures hold."""
    plots.trade_offs(results.figures["points"], results.folder / _PICTURE)


def body(results: Results, points: Points) -> list[str]:
    """Keeps points among the figures and draws them, as lines of Markdown."""
    results.figures["points"] = points
    if not points:
        return []
    draw(results)
    title = "accuracy against cycles and bytes"
    return [results.picture(_PICTURE, title), ""]


def points(
    results: Results, networks: Mapping[str, str], families: Mapping[str, str]
) -> Points:
    """Returns the points of what has been evaluated and has known costs.

    Args:
        results: the outcomes of the experiment.
        networks: by the name of a row, what ``Results.cycles`` calls its
            network; rows of no network are left out.
        families: by the name of a row, what the picture joins it with; of the
            others it is the bits of their activations.
    """
    found: Points = {}
    for row in results.rows:
        network = networks.get(row.name, "")
        family = families.get(row.name) or _bits(network)
        for delta in results.deltas(row.name) if network else ():
            accuracies = list(results.accuracies(row.name, delta).values())
            cycles = results.strict_cycles(network, delta)
            sizes = [o.file_bytes for o in results.of(row.name) if o.file_bytes]
            if not accuracies or not sizes or not cycles:
                continue
            # The family of a network of the field says its precision.
            label = row.name
            if row.name in families:
                label = label.removesuffix("_float32").removesuffix("_int8")
            if len(results.deltas(row.name)) > 1:
                label += f" δ={delta}"
            costs = {BYTES: float(np.mean(sizes)), CYCLES: cycles}
            found.setdefault(family, []).append(
                (label, float(np.mean(accuracies)), costs)
            )
    return found


def of_page(results: Results, page: str, families: Sequence[str]) -> Points:
    """Returns what points another page has of these families, in its JSON."""
    saved = read_json(results.folder.parent / page / "results.json") or {}
    theirs = saved.get("figures", {}).get("points", {})
    return {
        family: [
            (label, accuracy, {name: costs[name] for name in (BYTES, CYCLES)})
            for label, accuracy, costs in theirs[family]
        ]
        for family in families
        if family in theirs
    }


def _bits(network: str) -> str:
    bits = "one bit"
    if "two_bit_sites" in network:
        bits = "two bits in places"
    if "int8_sites" in network:
        bits = "8 bits in places"
    return f"BiFSMN, {bits}"
