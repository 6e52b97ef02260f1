"""The checkpoints of a run: the last epoch's, and the best network's.

::

    checkpoints/
      last-N        network, optimizer, epoch: what a stopped run goes on from
      best          network: what evaluate and convert read

Where the weights are averaged, ``network`` is the average and the last
checkpoint has the weights themselves as ``trained``.
"""

from pathlib import Path
from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.errors import UserError

BEST = "best"


def latest(folder: Path) -> str | None:
    """Returns the path of a folder's last checkpoint, if there is one."""
    return tf.train.latest_checkpoint(str(folder))


def restore(checkpoint: tf.train.Checkpoint, path: str) -> None:
    """Reads a checkpoint into objects that exist already.

    Raises:
        UserError: It is damaged or belongs to other objects.
    """
    try:
        status = checkpoint.read(path)
        status.assert_existing_objects_matched().expect_partial()
    except (
        AssertionError,
        IndexError,
        ValueError,
        tf.errors.OpError,
    ) as error:
        first_line = str(error).strip().splitlines()[0]
        raise UserError(
            f"checkpoint {path} does not fit the run.json beside it or is "
            f"damaged: train again in a new folder ({first_line})"
        ) from error


class Checkpoints:
    """Writes a training's checkpoints and takes it up again.

    Every worker takes part in writing a checkpoint, since reading the moving
    statistics averages them over all; only the chief's is kept.

    Args:
        folder: The run's folder of checkpoints.
        evaluated: The network that is evaluated and kept.
        trained: The network that the optimizer updates, if it is another.
        optimizer: The optimizer with its state.
        worker: The number of a worker that is not the chief; ``None`` for
            the chief.
    """

    def __init__(
        self,
        folder: Path,
        evaluated: Any,
        trained: Any,
        optimizer: tf.keras.optimizers.Optimizer,
        worker: int | None,
    ) -> None:
        self._kept = folder
        self._own = folder if worker is None else folder / f"worker{worker}"
        self._epochs = tf.Variable(0, dtype=tf.int64, trainable=False)
        parts = {"network": evaluated, "optimizer": optimizer}
        if trained is not evaluated:
            parts["trained"] = trained
        self._last = tf.train.Checkpoint(**parts, epoch=self._epochs)
        self._best = tf.train.Checkpoint(network=evaluated)
        self._manager = tf.train.CheckpointManager(
            self._last, str(self._own), max_to_keep=1, checkpoint_name="last"
        )

    def resume(self) -> int:
        """Reads the last checkpoint; returns how many epochs were complete.

        Raises:
            UserError: The checkpoint is damaged or of another network.
        """
        path = latest(self._kept)
        if path:
            restore(self._last, path)
        return int(self._epochs.numpy())

    def save_best(self) -> None:
        """Writes the network as the best so far."""
        self._best.write(str(self._own / BEST))

    def save_last(self, epochs: int) -> None:
        """Writes everything that the training needs to go on.

        Args:
            epochs: how many are complete.
        """
        self._epochs.assign(epochs)
        self._manager.save()
