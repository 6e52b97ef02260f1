"""Accuracy in exact counts, with intervals, for each depth and class."""

import math
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

_Z95 = 1.959964
"""Standard deviations of a two-sided 95 % interval."""


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson, 1927).

    Args:
        correct: how many were right.
        total: of how many.

    Returns:
        Its bounds, in [0, 1].

    Raises:
        ValueError: the counts are no proportion.
    """
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


def student_t(probability: float, freedom: int) -> float:
    """The two-sided quantile of Student's t distribution.

    Args:
        probability: that a value lies between minus and plus the quantile.
        freedom: degrees of freedom.

    Raises:
        ValueError: the probability is not in (0, 1), or freedom is below 1.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError(f"no t of {probability} with {freedom} degrees")
    low, high = 0.0, 1.0
    while _within(high, freedom) < probability:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return high


def _within(t: float, freedom: int) -> float:
    """P(abs(T) <= t), Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """A mean with its 95 % interval by Student's t.

    Args:
        values: at least two, such as differences between paired runs.

    Returns:
        The mean and the bounds of the interval.

    Raises:
        ValueError: there are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"no interval from {len(values)} values")
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = student_t(0.95, len(values) - 1) * error
    return mean, mean - half, mean + half


def confusion(
    labels: np.ndarray, predicted: np.ndarray, classes: int
) -> np.ndarray:
    """Counts of each (label, prediction): int64 (classes, classes)."""
    return np.bincount(
        np.asarray(labels, np.int64) * classes + predicted,
        minlength=classes * classes,
    ).reshape(classes, classes)


def report(
    labels: np.ndarray,
    logits: Mapping[int, np.ndarray],
    label_names: Sequence[str],
) -> dict:
    """Everything that is said of a model on some clips, ready for JSON.

    Args:
        labels: int (n,).
        logits: for each δ, (n, classes).
        label_names: of the classes.

    Returns:
        ``clips``, ``label_names`` and ``deltas``: for each δ, as text, its
        ``correct``, ``accuracy``, ``interval``, ``classes`` (precision,
        recall, f1 and support by label; None where nothing was counted) and
        ``confusion_matrix`` (rows are labels, columns predictions).

    Raises:
        ValueError: there are no clips, or the logits are of another shape.
    """
    labels = np.asarray(labels)
    if not len(labels):
        raise ValueError("there are no clips to evaluate")
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


def _class_figures(matrix: np.ndarray, i: int) -> dict:
    right = int(matrix[i, i])
    predicted, support = int(matrix[:, i].sum()), int(matrix[i].sum())
    either = predicted + support
    return {
        "precision": right / predicted if predicted else None,
        "recall": right / support if support else None,
        "f1": 2 * right / either if either else None,
        "support": support,
    }


def table(results: dict) -> str:
    """A report as text: a line for each depth, then the recall by class."""
    lines = [f"{results['clips']} clips", ""]
    lines.append(f"{'δ':>4}  {'correct':>8}  accuracy  95 % interval")
    for delta, figures in results["deltas"].items():
        low, high = figures["interval"]
        lines.append(
            f"{delta:>4}  {figures['correct']:>8}  "
            f"{100 * figures['accuracy']:6.2f} %  "
            f"{100 * low:.2f}-{100 * high:.2f} %"
        )
    names = results["label_names"]
    width = max(len("class"), *map(len, names))
    heads = "".join(f"  {'δ = ' + d:>7}" for d in results["deltas"])
    lines += ["", f"{'class':{width}}  {'clips':>6}{heads}   recall"]
    for name in names:
        by_delta = [
            figures["classes"][name] for figures in results["deltas"].values()
        ]
        cells = "".join(f"  {_percent(c['recall']):>7}" for c in by_delta)
        lines.append(f"{name:{width}}  {by_delta[0]['support']:>6}{cells}")
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
