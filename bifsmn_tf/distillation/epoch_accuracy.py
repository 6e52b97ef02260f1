"""The accuracies by depth in what a training writes down of each epoch."""

from collections.abc import Mapping
from typing import Any

_TRAINING = "accuracy_delta_"
_VALIDATION = f"val_{_TRAINING}"


def training(delta: int | str) -> str:
    """Returns what an epoch calls its accuracy on the training batches."""
    return f"{_TRAINING}{delta}"


def validation(delta: int | str) -> str:
    """Returns what an epoch calls its accuracy on the validation clips."""
    return f"{_VALIDATION}{delta}"


def by_depth(entry: Mapping[str, Any]) -> dict[str, float]:
    """Returns an epoch's accuracies on the validation clips by depth."""
    return {
        key.removeprefix(_VALIDATION): value
        for key, value in entry.items()
        if key.startswith(_VALIDATION)
    }
