"""HED against plain distillation over γ of Eq. 15."""

import numpy as np

from bifsmn_tf.evaluation import metrics
from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import NOT_RUN
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

GAMMAS = ("0.001", "0.01", "0.1", "1")

_METHODS = {"plain": "plain distillation", "hed": "HED"}
_NONE = "none"


def _name(method: str, gamma: str) -> str:
    return f"{method}_{gamma}"


ROWS = (
    recipes.TEACHER,
    recipes.vanilla(_NONE, "BiFSMN, γ = 0: no distillation"),
    *(
        recipes.distilled(
            _name(method, gamma),
            f"BiFSMN, {title}, γ = {gamma}",
            f"--distillation={method}",
            f"--gamma={gamma}",
            recipes.NO_LOGITS,
        )
        for gamma in GAMMAS
        for method, title in _METHODS.items()
    ),
)


def _by_seed(results: Results, name: str, delta: str) -> dict[int, float]:
    """Returns the accuracy by seed, of one depth or the mean over all."""
    if delta != "mean":
        return results.accuracies(name, delta)
    depths = [results.accuracies(name, d) for d in results.deltas(name)]
    seeds = depths[0] if depths else ()
    return {s: float(np.mean([depth[s] for depth in depths])) for s in seeds}


def _differences(results: Results) -> list[list[str]]:
    """Returns the table of HED minus plain distillation, row by row."""
    lines = []
    pooled: list[float] = []
    found = results.figures["hed_minus_plain"] = {}
    for gamma in (*GAMMAS, "all"):
        if gamma == "all":
            differences = pooled
        else:
            hed, plain = (
                _by_seed(results, _name(method, gamma), "mean")
                for method in ("hed", "plain")
            )
            differences = [hed[s] - plain[s] for s in hed if s in plain]
            pooled += differences
        if len(differences) < 2:
            lines.append([gamma, str(len(differences)), NOT_RUN, "", ""])
            continue
        mean, low, high = metrics.mean_interval(differences)
        found[gamma] = {
            "differences": differences,
            "mean": mean,
            "interval": [low, high],
        }
        lines.append(
            [
                gamma,
                str(len(differences)),
                f"{mean:+.2f}",
                f"{np.std(differences, ddof=1):.2f}",
                f"{low:+.2f} to {high:+.2f}",
            ]
        )
    return lines


def draw(results: Results) -> None:
    """Draws the accuracy of both methods over γ."""
    curves = {
        title: {
            gamma: list(_by_seed(results, name, "mean").values())
            for gamma, name in (
                ("0", _NONE),
                *((gamma, _name(method, gamma)) for gamma in GAMMAS),
            )
        }
        for method, title in _METHODS.items()
    }
    plots.sweep(
        curves,
        results.folder / "gamma.png",
        "γ",
        "test accuracy, mean over δ, %",
    )


def _body(results: Results) -> list[str]:
    draw(results)
    return [
        *comparison.table(results),
        "## HED minus plain distillation",
        "",
        "Differences between runs of the same seed, mean over δ, in points; "
        "the interval is Student's t, 95 %. *all* takes the runs of every γ "
        "> 0 together, which share seeds and a teacher, so that its interval "
        "is rather too small.",
        "",
        tables.markdown(
            ("γ", "pairs", "mean", "s.d.", "95 % interval"),
            _differences(results),
        ),
        "",
        results.picture("gamma.png", "accuracy over γ"),
        "",
    ]


EXPERIMENT = Experiment(
    "gamma",
    "Does HED beat plain distillation?",
    "BiFSMN with HED (Eq. 8-10) and with plain distillation of the hidden "
    "states, at several weights γ of Eq. 15; the paper has 0.01. γ = 0 is the "
    "baseline of both. The distillation of the logits is off in all rows, all "
    "else the same.",
    ROWS,
    _body,
    recipes.EPOCHS,
)
