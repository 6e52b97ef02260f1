"""Hard negatives: the sound without a keyword that wakes a network most."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.data.pieces import Moments
from bifsmn_tf.errors import UserError

_BATCH = 64

_APART = 8
"""Decisions of which the worst alone counts: others hear much the same."""

Features = npt.NDArray[np.float16]


class Listener(Protocol):
    """A network that reads a stream, such as ``FSMN``."""

    @property
    def config(self) -> Any:
        """A ``NetworkConfig``."""

    def decisions(self, features: tf.Tensor, delta: int) -> tf.Tensor:
        """Returns the logits of every decision, (batch, decisions, classes)."""


def hardest(
    network: Listener,
    pool: Iterable[tuple[int, Features]],
    statistics: FeatureStatistics,
    keywords: Sequence[bool],
    count: int,
) -> tuple[Features, Moments]:
    """Returns what of a pool sounds most like a keyword.

    A moment counts as its likeliest keyword at the network's largest depth, and
    of about a second the worst one.

    Args:
        network: The one that listens.
        pool: Parts, each a number and float16 (n, frames, mels) in dB, of
            stretches with no keyword that are longer than what a decision
            depends on.
        statistics: What normalises them.
        keywords: For each class, whether it is a keyword.
        count: How many pieces to keep at most.

    Returns:
        float16 (n, input_frames, mels) in dB, the worst first, and where in
        the pool they begin.

    Raises:
        UserError: The pool is empty.
    """
    frames, step = network.config.input_frames, network.config.step_frames
    listen = tf.function(lambda x: tf.nn.softmax(network.decisions(x, 1)))
    is_keyword = np.asarray(keywords)
    kept = np.empty((0, frames, 0), np.float16)
    scores = np.empty(0, np.float32)
    places = np.empty((3, 0), np.int32)
    for number, part in pool:
        found = np.concatenate(
            [
                listen(statistics.normalise(np.float32(part[i : i + _BATCH])))
                for i in range(0, len(part), _BATCH)
            ]
        )[:, :, is_keyword].max(axis=2)
        # The last decision is that of the last frame.
        begin = part.shape[1] - frames - step * (found.shape[1] - 1)
        rows, moments = _worst(found)
        order = np.argsort(-found[rows, moments], kind="stable")[:count]
        both = np.concatenate([scores, found[rows, moments][order]])
        rows, first = rows[order], begin + moments[order] * step
        pieces = np.stack(
            [
                part[row, frame:][:frames]
                for row, frame in zip(rows, first, strict=True)
            ]
        )
        where = np.stack([np.full(len(rows), number), rows, first])
        places = np.concatenate([places, where.astype(np.int32)], axis=1)
        pieces = pieces if not len(kept) else np.concatenate([kept, pieces])
        # Stable, so that the same pool gives the same order.
        order = np.argsort(-both, kind="stable")[:count]
        kept, scores = np.ascontiguousarray(pieces[order]), both[order]
        places = places[:, order]
    if not len(kept):
        raise UserError("there are no pieces of negatives to choose from")
    return kept, Moments(*places)


def _worst(
    found: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns rows and moments of the worst of each few decisions."""
    groups = [
        (first, found[:, first : first + _APART].argmax(axis=1))
        for first in range(0, found.shape[1], _APART)
    ]
    rows = np.tile(np.arange(len(found)), len(groups))
    moments = np.concatenate([first + place for first, place in groups])
    return rows, moments
