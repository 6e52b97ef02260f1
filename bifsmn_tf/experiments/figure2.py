"""Figure 2: where the wavelet energy of binarized representations is."""

from typing import Any

import numpy as np

from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments import table1
from bifsmn_tf.experiments.results import NOT_RUN
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

_KINDS = {
    "states": "states",
    "signs": "their signs",
    "permuted": "states, channels permuted",
}

_BINARY = (
    table1.BIFSMN_VANILLA,
    table1.BIFSMN_PLAIN,
    table1.BIFSMN_HED,
)


def _measured(results: Results) -> dict[str, list[dict[str, Any]]]:
    """Returns what ``wavelets`` found, by row and seed."""
    found: dict[str, list[dict]] = {}
    for outcome in results.outcomes.values():
        report = results.commands.measure(
            outcome.folder,
            "wavelets",
            "bifsmn_tf.experiments.wavelets",
            f"--model={outcome.folder}",
        )
        if report is not None:
            found.setdefault(outcome.row.name, []).append(report)
    return found


def _shares(
    reports: list[dict[str, Any]], kind: str, delta: str = "1"
) -> dict[str, float]:
    """Returns p_H by block, the mean over the seeds."""
    runs = [report["deltas"][delta]["p_high"][kind] for report in reports]
    return {b: float(np.mean([run[b] for run in runs])) for b in runs[0]}


def draw(results: Results) -> None:
    """Draws the shares that the figures hold."""
    titles = {row.name: row.title for row in results.rows}
    shares = results.figures["p_high"]
    plots.wavelet_energies(
        {
            f"{titles[name]}: {_KINDS[kind]}": shares[name][kind]
            for name in (recipes.TEACHER.name, table1.BIFSMN_HED.name)
            if name in shares
            for kind in ("states", "signs")
        },
        results.folder / "wavelet_energy.png",
    )
    plots.wavelet_energies(
        {titles[name]: kinds["states"] for name, kinds in shares.items()},
        results.folder / "networks.png",
    )


def _body(results: Results) -> list[str]:
    reports = _measured(results)
    if not reports:
        return [f"Wavelet energies: {NOT_RUN}.", ""]
    titles = {row.name: row.title for row in results.rows}
    blocks = list(_shares(next(iter(reports.values())), "states"))
    results.figures["p_high"] = {
        name: {kind: _shares(found, kind) for kind in _KINDS}
        for name, found in reports.items()
    }
    lines = [
        [
            titles[name],
            what,
            *(f"{_shares(found, kind)[block]:.3f}" for block in blocks),
        ]
        for name, found in reports.items()
        for kind, what in _KINDS.items()
    ]
    draw(results)
    plots.representations(
        {
            f"{titles[name]}: {_KINDS[kind]}": np.array(values)
            for name in (recipes.TEACHER.name, table1.BIFSMN_HED.name)
            if name in reports
            for kind, values in reports[name][0]["deltas"]["1"][
                "example"
            ].items()
        },
        results.folder / "example.png",
    )
    first = next(iter(reports.values()))[0]
    return [
        f"p_H (Eq. 7) of what each block reads at δ = 1, on {first['clips']:,} "
        "validation clips, one decomposition over time and channels, mean over "
        "the seeds; p_L is 1 - p_H. White noise has 0.75. *Signs* are what the "
        "sign in front of the block's memory makes of the states; in full "
        "precision, what a sign would. *Permuted*: channels have no order, so "
        "that where this is much the same, the high frequencies are those of "
        "time and of no structure along the channels.",
        "",
        tables.markdown(
            ("network", "of", *(f"block {block}" for block in blocks)),
            lines,
            left=2,
        ),
        "",
        results.picture("wavelet_energy.png", "before and after the sign"),
        results.picture("networks.png", "states of the networks"),
        "",
        f"One clip (`{first['example_label']}`), what the last block reads; "
        "time to the right, channels upwards:",
        "",
        results.picture("example.png", "representations of one clip"),
        "",
        "The paper's Figure 2 shows one representation, in which the share of "
        "the high frequencies grows from full precision to binary; it prints "
        "no figures for a table.",
        "",
    ]


EXPERIMENT = Experiment(
    "figure2",
    "Figure 2: wavelet energy of representations",
    "The observation that HED starts from: that binarizing moves the energy of "
    "a representation to its high frequencies. The runs are those of Table 1.",
    (recipes.TEACHER, *_BINARY),
    _body,
    recipes.EPOCHS,
)
