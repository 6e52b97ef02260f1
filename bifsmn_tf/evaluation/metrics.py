"""Accuracy in exact counts, with intervals, for each depth and class."""

import math
import statistics
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import tables
from bifsmn_tf.model_file.detection import is_other_word

_Z95 = statistics.NormalDist().inv_cdf(0.975)
"""Standard deviations from the mean to the ends of a 95 % interval."""


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Returns the 95 % score interval of a proportion (Wilson, 1927).

    Args:
        correct: how many were right.
        total: of how many.

    Returns:
        The bounds, in [0, 1].

    Raises:
        ValueError: The counts are no proportion.
    """
    # SciPy has it too, but a board that evaluates a file needs nothing else
    # of SciPy.
    if not 0 <= correct <= total or not total:
        raise ValueError(f"{correct} of {total} is no proportion")
    share = correct / total
    denominator = 1 + _Z95**2 / total
    centre = (share + _Z95**2 / (2 * total)) / denominator
    half = (
        _Z95
        * math.sqrt(share * (1 - share) / total + _Z95**2 / (4 * total**2))
        / denominator
    )
    # The formula gives the ends of [0, 1] but for a rounding.
    low = centre - half if correct else 0.0
    high = centre + half if correct < total else 1.0
    return low, high


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Returns a mean with its 95 % interval by Student's t.

    It needs SciPy, which ``bifsmn_tf[train]`` brings.

    Args:
        values: at least two, such as differences between paired runs.

    Returns:
        The mean and the bounds of the interval.

    Raises:
        ValueError: There are fewer than two values.
    """
    from scipy import stats

    if len(values) < 2:
        raise ValueError(f"no interval from {len(values)} values")
    mean = float(np.mean(values))
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return mean, mean - half, mean + half


def confusion(
    labels: npt.ArrayLike, predicted: npt.ArrayLike, classes: int
) -> npt.NDArray[np.int64]:
    """Counts each pair of label and prediction.

    Args:
        labels: the class of each clip, int (n,).
        predicted: the class that was predicted, int (n,).
        classes: how many there are.

    Returns:
        Counts, (classes, classes); rows are labels, columns predictions.
    """
    return np.bincount(
        np.asarray(labels, np.int64) * classes + np.asarray(predicted),
        minlength=classes * classes,
    ).reshape(classes, classes)


def as_unknown(
    logits: npt.NDArray[np.floating], label_names: Sequence[str]
) -> npt.NDArray[np.floating]:
    """Takes classes of other words for what they are to a user: unknown.

    Args:
        logits: (n, classes).
        label_names: the names of the classes.

    Returns:
        (n, classes that are left): without those of other words; that of
        unknown words has the largest logit of all of them.
    """
    other = [is_other_word(name) for name in label_names]
    if not any(other):
        return logits
    unknown = list(label_names).index(UNKNOWN)
    merged = logits.copy()
    mine = [*np.flatnonzero(other), unknown]
    merged[:, unknown] = logits[:, mine].max(axis=1)
    return merged[:, np.logical_not(other)]


def report(
    labels: npt.ArrayLike,
    logits: Mapping[int, npt.NDArray[np.floating]],
    label_names: Sequence[str],
) -> dict[str, Any]:
    """Returns everything that is said of a model on some clips, for JSON.

    Args:
        labels: the class of each clip, int (n,).
        logits: for each depth δ, (n, classes).
        label_names: the names of the classes.

    Returns:
        ``clips``, ``label_names`` and ``deltas``: for each δ, as text, its
        ``correct``, ``accuracy``, ``interval``, ``classes`` (precision,
        recall, f1 and support by label; None where nothing was counted) and
        ``confusion_matrix`` (rows are labels, columns predictions).

    Raises:
        UserError: There are no clips.
        ValueError: Logits have another shape.
    """
    labels = np.asarray(labels)
    if not len(labels):
        raise UserError("there are no clips to evaluate")
    classes = len(label_names)
    deltas = {}
    for delta, values in logits.items():
        if values.shape != (len(labels), classes):
            raise ValueError(
                f"logits of delta {delta} are {values.shape}, not "
                f"{(len(labels), classes)}"
            )
        matrix = confusion(labels, values.argmax(axis=1), classes)
        correct = int(np.trace(matrix))
        deltas[str(delta)] = {
            "correct": correct,
            "accuracy": correct / len(labels),
            "interval": list(wilson_interval(correct, len(labels))),
            "classes": {
                name: _class_figures(matrix, i)
                for i, name in enumerate(label_names)
            },
            "confusion_matrix": matrix.tolist(),
        }
    return {
        "clips": len(labels),
        "label_names": list(label_names),
        "deltas": deltas,
    }


def _class_figures(
    matrix: npt.NDArray[np.int64], i: int
) -> dict[str, float | int | None]:
    right = int(matrix[i, i])
    predicted, support = int(matrix[:, i].sum()), int(matrix[i].sum())
    either = predicted + support
    return {
        "precision": right / predicted if predicted else None,
        "recall": right / support if support else None,
        "f1": 2 * right / either if either else None,
        "support": support,
    }


def table(results: Mapping[str, Any]) -> str:
    """Returns a report as text: accuracy by depth, then recall by class.

    Args:
        results: what :func:`report` returns.
    """
    accuracies = []
    for delta, figures in results["deltas"].items():
        low, high = figures["interval"]
        accuracies.append(
            (
                delta,
                str(figures["correct"]),
                f"{100 * figures['accuracy']:.2f} %",
                f"{100 * low:.2f}-{100 * high:.2f} %",
            )
        )
    recalls = []
    for name in results["label_names"]:
        by_delta = [x["classes"][name] for x in results["deltas"].values()]
        recalls.append(
            (
                name,
                str(by_delta[0]["support"]),
                *(_percent(figures["recall"]) for figures in by_delta),
            )
        )
    depths = (f"recall, δ = {delta}" for delta in results["deltas"])
    return "\n\n".join(
        (
            f"{results['clips']} clips",
            tables.plain(
                ("δ", "correct", "accuracy", "95 % interval"), accuracies, 0
            ),
            tables.plain(("class", "clips", *depths), recalls),
        )
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
