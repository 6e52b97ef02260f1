"""Hard negatives."""

from types import SimpleNamespace

import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.errors import UserError
from bifsmn_tf.training import mining

STATISTICS = FeatureStatistics(10.0, 2.0)
FRAMES, STEP = 5, 2


class Listener:
    """Takes for its first class what is loud at the end of what it hears."""

    config = SimpleNamespace(input_frames=FRAMES, step_frames=STEP)

    def decisions(self, features, delta):
        assert delta == 1
        level = tf.reduce_mean(features, axis=2)[:, ::-1][:, ::STEP][:, ::-1]
        level = level[:, (FRAMES - 1) // STEP :]
        return tf.stack([level, 0 * level, 0 * level], axis=2)


def part(*levels, frames=FRAMES):
    shape = (len(levels), 1, 1)
    return np.broadcast_to(
        np.reshape(levels, shape), (len(levels), frames, 2)
    ).astype(np.float16)


def levels(found):
    return found[:, 0, 0].tolist()


def test_keeps_the_worst_of_the_pool():
    pool = [(4, part(1, 9, 3)), (5, part(2, 8, 7)), (7, part(0, 30, 9))]
    keywords = [True, False, False]
    found, moments = mining.hardest(Listener(), pool, STATISTICS, keywords, 3)
    # The first of equals in front.
    assert levels(found) == [30, 9, 9]
    assert found.dtype == np.float16
    assert moments.copies.tolist() == [7, 4, 7]
    assert moments.rows.tolist() == [1, 1, 2]
    assert moments.frames.tolist() == [0, 0, 0]
    found, _ = mining.hardest(Listener(), pool, STATISTICS, keywords, 99)
    assert len(found) == 9


def test_what_is_no_keyword_does_not_count():
    pool = [(0, part(1, 9, 3, 4))]
    found, _ = mining.hardest(
        Listener(), pool, STATISTICS, [False, True, False], 4
    )
    # Quiet is what leaves the second class a chance.
    assert levels(found) == [1, 3, 4, 9]


def test_pieces_are_what_a_decision_heard():
    """In a stretch of more than two seconds' decisions, each at its end."""
    stretch = part(0, 0, frames=FRAMES + STEP * 19 + 1).copy()
    # Two loud frames in the first group of decisions, one in the last.
    loud = {1 + STEP * 2 + FRAMES - 1: 20, 1 + STEP * 5 + FRAMES - 1: 30}
    for frame, level in loud.items():
        stretch[0, frame] = level
    stretch[0, -1] = 25
    found, moments = mining.hardest(
        Listener(), [(0, stretch)], STATISTICS, [True, False, False], 2
    )
    assert found.shape == (2, FRAMES, 2)
    assert found[:, -1, 0].tolist() == [30, 25]
    assert not found[:, :-1].any()
    for piece, row, frame in zip(
        found, moments.rows, moments.frames, strict=True
    ):
        np.testing.assert_array_equal(piece, stretch[row, frame:][:FRAMES])


def test_an_empty_pool_is_an_error():
    with pytest.raises(UserError, match="no pieces"):
        mining.hardest(Listener(), [], STATISTICS, [True], 3)
