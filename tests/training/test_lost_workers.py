"""What a training over several processes says when one is lost."""

import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.errors import UserError
from bifsmn_tf.training import workers


class _Workers:
    """As a strategy of several workers."""

    class cluster_resolver:  # noqa: N801
        task_type, task_id = "worker", 0


def test_a_lost_worker_is_said():
    error = tf.errors.UnavailableError(None, None, "connection reset")
    with (
        pytest.raises(UserError, match="start all workers again"),
        workers.in_touch(_Workers()),
    ):
        raise error
    with (
        pytest.raises(tf.errors.UnavailableError),
        workers.in_touch(tf.distribute.get_strategy()),
    ):
        raise error
