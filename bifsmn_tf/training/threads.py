"""How TensorFlow's threads are shared between its operations."""

import os

from bifsmn_tf._keras import tf

_VARIABLES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def shares(threads: int) -> tuple[int, int]:
    """Returns the threads within operations, and operations at a time.

    Two at a time: most operations are too short to be worth sharing, and a
    gradient has two products that do not wait for each other. The threads
    within are one pool for all operations, beside the threads that run them.

    Args:
        threads: How many there are, 1 or more.
    """
    return max(1, threads - 1), min(threads, 2)


def use(threads: int) -> None:
    """Fixes TensorFlow's threads, before its first operation.

    Args:
        threads: How many; 0 for one a processor, if TensorFlow has not begun
            and its own variables in the environment do not say otherwise.

    Raises:
        RuntimeError: TensorFlow has begun with others than are asked for.
    """
    if not threads and any(name in os.environ for name in _VARIABLES):
        return
    within, together = shares(threads or _processors())
    try:
        tf.config.threading.set_intra_op_parallelism_threads(within)
        tf.config.threading.set_inter_op_parallelism_threads(together)
    except RuntimeError:
        if threads:
            raise


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
