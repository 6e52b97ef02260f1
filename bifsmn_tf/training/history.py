"""What a training writes down of each epoch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.energies import wavelet_energies
from bifsmn_tf.distillation.student import Student

_ENERGY_CLIPS = 256
"""The number of validation clips whose states give the wavelet energies."""

_ACCURACY = "val_accuracy_delta"


def entry(
    epoch: int,
    training: Mapping[str, float],
    validation: Mapping[str, float],
    learning_rate: float,
    seconds: float,
    energies: dict[str, dict[str, float]],
) -> dict[str, Any]:
    """Returns an epoch's entry in ``metrics.json``.

    Args:
        epoch: The epoch's number from 0.
        training: The epoch's means over the training batches.
        validation: The means over the validation clips.
        learning_rate: The rate behind the epoch's last step.
        seconds: What the epoch's steps took.
        energies: What :func:`energies` gave.
    """
    return {
        "epoch": epoch,
        **training,
        **{f"val_{name}": float(value) for name, value in validation.items()},
        "learning_rate": learning_rate,
        "seconds": round(seconds, 2),
        "wavelet_energy_high": energies,
    }


def score(entry: Mapping[str, Any]) -> float:
    """Returns the number that selects the best epoch.

    It is the accuracy on the validation clips, mean over δ.
    """
    return float(
        np.mean([v for k, v in entry.items() if k.startswith(_ACCURACY)])
    )


def describe(entry: Mapping[str, Any]) -> str:
    """Returns an epoch's loss and accuracies by depth in a few words."""
    accuracies = "/".join(
        f"{100 * v:.1f}" for k, v in entry.items() if k.startswith(_ACCURACY)
    )
    return f"loss {entry['loss']:.3f}, validation {accuracies} %"


def energies(
    network: Student, teacher: Student | None, features: np.ndarray
) -> dict[str, dict[str, float]]:
    """Returns p_H (Eq. 7) by network and depth, and by block.

    Args:
        network: The one that is evaluated.
        teacher: Its teacher, if it has one.
        features: validation clips, normalised, (clips, time, mels); the first
            ones are taken.

    Returns:
        p_H by ``delta_1`` and so on or ``teacher``, and the block's number as
        text, which JSON wants.
    """
    clips = tf.constant(features[:_ENERGY_CLIPS])
    found = {
        f"delta_{delta}": wavelet_energies(network, delta, clips)
        for delta in network.config.deltas
    }
    if teacher is not None:
        found["teacher"] = wavelet_energies(teacher, 1, clips)
    return {
        name: {str(block): share for block, share in shares.items()}
        for name, shares in found.items()
    }


def write_summaries(
    writer: tf.summary.SummaryWriter, entry: Mapping[str, Any]
) -> None:
    """Writes an epoch's entry for TensorBoard."""
    with writer.as_default(step=entry["epoch"]):
        for name, value in entry.items():
            if name == "wavelet_energy_high":
                for who, blocks in value.items():
                    for block, share in blocks.items():
                        tf.summary.scalar(f"p_H/{who}/block{block}", share)
                        tf.summary.scalar(f"p_L/{who}/block{block}", 1 - share)
            elif name != "epoch":
                tf.summary.scalar(name, value)
    writer.flush()
