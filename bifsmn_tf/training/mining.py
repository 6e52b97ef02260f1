"""Hard negatives: the sound without a keyword that wakes a network most."""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.errors import UserError
from bifsmn_tf.training.protocol import TrainableNetwork

_BATCH = 512

Features = npt.NDArray[np.float16]


def hardest(
    network: TrainableNetwork,
    pool: Iterable[Features],
    statistics: FeatureStatistics,
    keywords: Sequence[bool],
) -> Features:
    """Returns those pieces of a pool that sound most like a keyword.

    A piece counts as its likeliest keyword at the network's largest depth. As
    many are kept as the pool has a part, so that the share that is kept falls
    with the number of parts.

    Args:
        network: The one that listens.
        pool: Parts, each float16 (n, frames, mels) in dB, none a keyword.
        statistics: What normalises them.
        keywords: For each class, whether it is a keyword.

    Returns:
        float16 (n, frames, mels) in dB, the worst first.

    Raises:
        UserError: The pool is empty.
    """
    infer = tf.function(lambda x: tf.nn.softmax(network.infer(x, 1)[0]))
    is_keyword = np.asarray(keywords)
    kept: Features | None = None
    scores = np.empty(0, np.float32)
    for part in pool:
        found = np.concatenate(
            [
                infer(statistics.normalise(np.float32(part[i : i + _BATCH])))
                for i in range(0, len(part), _BATCH)
            ]
        )[:, is_keyword].max(axis=1)
        both = np.concatenate([scores, found])
        # Stable, so that the same pool gives the same order.
        order = np.argsort(-both, kind="stable")[: len(part)]
        pieces = part if kept is None else np.concatenate([kept, part])
        kept, scores = np.ascontiguousarray(pieces[order]), both[order]
    if kept is None:
        raise UserError("there are no pieces of negatives to choose from")
    return kept
