"""Which of several machines a training runs on."""

import contextlib
from collections.abc import Iterator

from bifsmn_tf._keras import tf
from bifsmn_tf.errors import UserError


def number(strategy: tf.distribute.Strategy) -> int:
    """Returns this worker's number, 0 where there is only one."""
    resolver = getattr(strategy, "cluster_resolver", None)
    return (resolver.task_id or 0) if resolver else 0


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this worker writes what the training leaves behind."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or resolver.task_type is None:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker"
        and resolver.task_id == 0
        and "chief" not in resolver.cluster_spec().jobs
    )


@contextlib.contextmanager
def in_touch(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Says what to do where workers lose each other.

    Raises:
        UserError: One of several workers has ended or cannot be reached.
    """
    try:
        yield
    except (
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.UnavailableError,
    ) as error:
        if getattr(strategy, "cluster_resolver", None) is None:
            raise
        first_line = str(error).strip().splitlines()[0]
        raise UserError(
            "a worker of this training has ended or cannot be reached: start "
            "all workers again with the same commands, and it goes on from its "
            f"last epoch ({first_line})"
        ) from error
