"""Hard negatives."""

import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.errors import UserError
from bifsmn_tf.training import mining

STATISTICS = FeatureStatistics(10.0, 2.0)


class Listener:
    """Takes what is loud for its first class."""

    def infer(self, features, delta):
        assert delta == 1
        level = tf.reduce_mean(features, axis=(1, 2))
        return tf.stack([level, 0 * level, 0 * level], axis=1), None


def part(*levels):
    shape = (len(levels), 1, 1)
    return np.broadcast_to(
        np.reshape(levels, shape), (len(levels), 3, 2)
    ).astype(np.float16)


def levels(found):
    return found[:, 0, 0].tolist()


def test_keeps_the_worst_of_the_pool():
    pool = [part(1, 9, 3), part(2, 8, 7), part(0, 30, 9)]
    found = mining.hardest(Listener(), pool, STATISTICS, [True, False, False])
    # The first of equals in front.
    assert levels(found) == [30, 9, 9]
    assert found.dtype == np.float16


def test_what_is_no_keyword_does_not_count():
    pool = [part(1, 9, 3, 4)]
    found = mining.hardest(Listener(), pool, STATISTICS, [False, True, False])
    # Quiet is what leaves the second class a chance.
    assert levels(found) == [1, 3, 4, 9]


def test_an_empty_pool_is_an_error():
    with pytest.raises(UserError, match="no pieces"):
        mining.hardest(Listener(), [], STATISTICS, [True])
