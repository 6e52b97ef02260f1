"""The checkpoints of a run: those of its last complete epoch.

::

    checkpoints/
      epoch-00012/
        last            network and optimizer: what a stopped run goes on from
        best            of the best epoch: what evaluate and convert read
        metrics.json    the history up to this epoch

An epoch is one step, whenever a process is killed: its folder is written under
another name, to the disk, and then renamed. What is no whole epoch, and older
epochs, are removed.

Where the weights are averaged, ``network`` is the average and the last
checkpoint has the weights themselves as ``trained``.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.errors import UserError

BEST = "best"
LAST = "last"
METRICS = "metrics.json"

_EPOCH = "epoch-"
_PARTIAL = "partial-"


def newest(folder: Path) -> Path | None:
    """Returns the folder of the last complete epoch, if there is one.

    Args:
        folder: A run's folder of checkpoints.

    Raises:
        OSError: The folder cannot be read; glob would find nothing in it.
    """
    if not folder.exists():
        return None
    epochs = sorted(x for x in os.listdir(folder) if x.startswith(_EPOCH))
    return folder / epochs[-1] if epochs else None


def read_metrics(epoch: Path) -> dict[str, Any]:
    """Returns the metrics that an epoch ended with.

    Raises:
        UserError: They are damaged.
    """
    path = epoch / METRICS
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise UserError(
            f"{path} is damaged ({error}): train again in a new folder"
        ) from error


def restore(checkpoint: tf.train.Checkpoint, path: str) -> None:
    """Reads a checkpoint into objects that exist already.

    Raises:
        UserError: It is damaged or belongs to other objects.
    """
    try:
        status = checkpoint.read(path)
        status.assert_existing_objects_matched().expect_partial()
    except tf.errors.PermissionDeniedError:
        # Nothing is wrong with what is in it.
        raise
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
    """Writes a training's epochs and takes it up again.

    Every worker takes part in writing a checkpoint, since reading the moving
    statistics averages them over all; only the chief's is kept.

    Args:
        folder: The run's folder of checkpoints.
        evaluated: The network that is evaluated and kept.
        trained: The network that the optimizer updates, if it is another.
        optimizer: The optimizer with its state.
        worker: The number of a worker that is not the chief; ``None`` for
            the chief.
        hints: What is trained beside the network and not kept with it.
    """

    def __init__(
        self,
        folder: Path,
        evaluated: Any,
        trained: Any,
        optimizer: tf.keras.optimizers.Optimizer,
        worker: int | None,
        hints: tf.Module | None = None,
    ) -> None:
        self._folder = folder
        self._worker = worker
        self._partial = folder / f"{_PARTIAL}{worker or 0}"
        parts = {"network": evaluated, "optimizer": optimizer}
        if trained is not evaluated:
            parts["trained"] = trained
        if hints is not None:
            parts["hints"] = hints
        self._last = tf.train.Checkpoint(**parts)

    def resume(self) -> dict[str, Any] | None:
        """Reads the last complete epoch.

        Returns:
            Its metrics; ``None`` if there is no epoch.

        Raises:
            UserError: The checkpoint is damaged or of another network.
        """
        epoch = newest(self._folder)
        if epoch is None:
            return None
        restore(self._last, str(epoch / LAST))
        return read_metrics(epoch)

    def save(self, metrics: Mapping[str, Any], improved: bool) -> None:
        """Writes an epoch, wholly or not at all.

        Args:
            metrics: The run's metrics, with the epoch's entry.
            improved: Whether the network is the best so far.
        """
        try:
            self._write(metrics, improved)
        except BaseException:
            # At a full disk, half an epoch is room.
            shutil.rmtree(self._partial, ignore_errors=True)
            raise
        if self._worker is None:
            self._tidy()

    def _write(self, metrics: Mapping[str, Any], improved: bool) -> None:
        partial = self._partial
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self._last.write(str(partial / LAST))
        if self._worker is not None:
            shutil.rmtree(partial)
            return
        # Who reads the best network passes over the optimizer beside it.
        source, name = partial, LAST
        if not improved:
            before = newest(self._folder)
            assert before is not None
            source, name = before, BEST
        for path in list(source.glob(f"{name}.*")):
            shutil.copyfile(path, partial / f"{BEST}{path.suffix}")
        (partial / METRICS).write_text(json.dumps(metrics))
        for path in (*partial.iterdir(), partial):
            _to_disk(path)
        number = len(metrics["history"])
        os.rename(partial, self._folder / f"{_EPOCH}{number:05d}")
        _to_disk(self._folder)

    def _tidy(self) -> None:
        """Removes older epochs, each under a name that is no epoch's."""
        for epoch in sorted(self._folder.glob(f"{_EPOCH}*"))[:-1]:
            shutil.rmtree(self._partial, ignore_errors=True)
            os.rename(epoch, self._partial)
        shutil.rmtree(self._partial, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
