"""Which of several machines a training runs on."""

from bifsmn_tf._keras import tf


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
