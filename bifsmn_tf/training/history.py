"""What a training writes down of each epoch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.distillation.energies import wavelet_energies
from bifsmn_tf.distillation.student import Student
from bifsmn_tf.distillation.trainer import ENERGY

_ENERGY_CLIPS = 256
"""The number of validation clips that give a teacher's wavelet energies."""

Energies = dict[str, dict[str, float]]
"""p_H by ``delta_1`` and so on or ``teacher``, and the block's number as text,
which JSON wants."""


def entry(
    epoch: int,
    training: Mapping[str, float],
    validation: Mapping[str, float],
    learning_rate: float,
    seconds: float,
    teacher: Energies,
) -> dict[str, Any]:
    """Returns an epoch's entry in ``metrics.json``.

    Args:
        epoch: The epoch's number from 0.
        training: The epoch's means over the training batches.
        validation: The means over the validation clips.
        learning_rate: The rate behind the epoch's last step.
        seconds: What the epoch's steps took.
        teacher: What :func:`teacher_energies` gave, or nothing.
    """
    energies: Energies = {}
    counted = {}
    for name, value in validation.items():
        if name.startswith(ENERGY):
            who, _, block = name.removeprefix(ENERGY).partition("/")
            energies.setdefault(who, {})[block] = float(value)
        else:
            counted[f"val_{name}"] = float(value)
    return {
        "epoch": epoch,
        **training,
        **counted,
        "learning_rate": learning_rate,
        "seconds": round(seconds, 2),
        "wavelet_energy_high": energies | teacher,
    }


def score(entry: Mapping[str, Any]) -> float:
    """Returns the number that selects the best epoch.

    It is the accuracy on the validation clips, mean over δ.
    """
    return float(np.mean(list(epoch_accuracy.by_depth(entry).values())))


def describe(entry: Mapping[str, Any]) -> str:
    """Returns an epoch's loss and accuracies by depth in a few words."""
    found = "/".join(
        f"{100 * v:.1f}" for v in epoch_accuracy.by_depth(entry).values()
    )
    return f"loss {entry['loss']:.3f}, validation {found} %"


def teacher_energies(teacher: Student, features: np.ndarray) -> Energies:
    """Returns p_H (Eq. 7) of a teacher, which no training changes.

    Args:
        teacher: It.
        features: validation clips, normalised, (clips, time, mels); the first
            ones are taken.
    """
    _, states = teacher.infer(tf.constant(features[:_ENERGY_CLIPS]), 1)
    return {
        "teacher": {
            str(block): float(share)
            for block, share in wavelet_energies(states).items()
        }
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
