"""The folder of a run: all that evaluate and convert need.

::

    run.json          kind and settings of the network, labels, features, data
                      set, all that the result depends on
    flags.txt         the flagfile that repeats the run
    metrics.json      one entry an epoch, the best epoch, whether it is complete
    curves.png        the training in a picture
    checkpoints/      the last complete epoch: last (with optimizer), best
    tensorboard/      what TensorBoard reads
    teacher/          a run of its own, when the teacher was trained with it
    first_stage/      a run of its own, when training has two stages
    before_mining/    a run of its own, when hard negatives are looked for
    mined.npz         features of those that were found, and where
    embedding.npz     what speech embeddings teach, and who
    student/          both again, when the network that a teacher teaches is
                      asked, too
    look_alikes.txt   what is said because it sounds like a keyword
    model.tflite      the file with its thresholds, where a rate was asked for
    report.md         how it does, with report.json and pictures
"""

import contextlib
import dataclasses
import fcntl
import io
import json
import os
import zipfile
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf import whole_file
from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.audio.waveforms import features_from_dict
from bifsmn_tf.errors import UserError
from bifsmn_tf.training import checkpoints
from bifsmn_tf.training.protocol import TrainableConfig
from bifsmn_tf.training.protocol import TrainableNetwork
from bifsmn_tf.training.protocol import kind_named
from bifsmn_tf.training.protocol import kind_of
from bifsmn_tf.training.protocol import make_network

FORMAT = 2


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What a run trains on and trains.

    Attributes:
        network: The network's settings, of any registered kind.
        label_names: The classes in order.
        features: How sound becomes what the network reads.
        statistics: Mean and deviation of the training set's features, which
            normalise all.
        dataset: ``name`` and ``options`` of the data set.
        training: Everything else that the result depends on, by name.
    """

    network: TrainableConfig
    label_names: tuple[str, ...]
    features: Features
    statistics: FeatureStatistics
    dataset: dict[str, Any]
    training: dict[str, Any]

    @property
    def kind(self) -> str:
        """The kind of the network, such as ``"fsmn"``."""
        return kind_of(self.network).name

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "network": self.network.to_dict(),
            "label_names": list(self.label_names),
            "features": self.features.to_dict(),
            "statistics": dataclasses.asdict(self.statistics),
            "dataset": self.dataset,
            "training": self.training,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Returns the configuration that :meth:`to_dict` gave.

        Raises:
            UserError: It is of another version.
        """
        if values.get("format") != FORMAT:
            raise UserError(
                f"run.json has format {values.get('format')!r}, this version "
                f"reads {FORMAT}: train again"
            )
        return cls(
            network=kind_named(values["kind"]).read_config(values["network"]),
            label_names=tuple(values["label_names"]),
            features=features_from_dict(values["features"]),
            statistics=FeatureStatistics(**values["statistics"]),
            dataset=values["dataset"],
            training=values["training"],
        )


class RunFolder:
    """A run's folder.

    Args:
        path: The folder; made when something is written.

    Attributes:
        checkpoints: The folder of its checkpoints.
        curves: The picture of its training.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.curves = self.path / "curves.png"

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "run.json").is_file()

    def read_config(self) -> RunConfig:
        """Reads run.json.

        Raises:
            UserError: There is none, it is damaged or of another version.
        """
        return RunConfig.from_dict(self._read("run.json"))

    def begin(self, config: RunConfig, flags: str) -> None:
        """Starts the run, or checks that it is the one that was started.

        Args:
            config: What the run trains.
            flags: The flagfile text that repeats it.

        Raises:
            UserError: The folder holds a run of another configuration.
        """
        wanted = json.loads(json.dumps(config.to_dict()))
        if self.exists:
            differing = sorted(_differences(self._read("run.json"), wanted))
            if differing:
                raise UserError(
                    f"{self.path} holds a run with another configuration "
                    f"({'; '.join(differing)}). Choose another run_dir, or "
                    "delete that folder."
                )
            return
        self.path.mkdir(parents=True, exist_ok=True)
        whole_file.write_text(self.path / "flags.txt", flags)
        write_json(self.path / "run.json", wanted)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the folder from other processes that train into it.

        Raises:
            UserError: One does; the message says which.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"{self.path} is in use by {_holder(descriptor)}: wait "
                    "until it has ended, or choose another run_dir"
                ) from error
            yield
        finally:
            os.close(descriptor)

    def check_fits(
        self, what: str, wanted: RunConfig, names: Sequence[str]
    ) -> None:
        """Checks that this is a run that a training can build on.

        Args:
            what: What it is for the training, such as ``"teacher"``.
            wanted: What it should have trained on.
            names: The attributes of it that count.

        Raises:
            UserError: One of them is another, or this is no run.
        """
        theirs = self.read_config()
        for name in names:
            its, ours = getattr(theirs, name), getattr(wanted, name)
            if its != ours:
                raise UserError(
                    f"the {what} in {self.path} was trained with other "
                    f"{name}: {its}, not {ours}"
                )

    def read_metrics(self) -> dict[str, Any]:
        """Returns the metrics of the last complete epoch.

        Without one the history is empty.
        """
        epoch = checkpoints.newest(self.checkpoints)
        if epoch is None:
            return {"history": [], "best": None, "complete": False}
        return checkpoints.read_metrics(epoch)

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Writes metrics.json, for whoever reads it: a copy of the epoch's."""
        path = self.path / "metrics.json"
        if not path.is_file() or path.read_text() != json_text(metrics):
            write_json(path, metrics)

    def load_network(self, checkpoint: str = "best") -> TrainableNetwork:
        """Builds the network with its trained weights.

        Args:
            checkpoint: ``"best"`` or ``"last"``.

        Raises:
            UserError: There is no such checkpoint, or it is of another
                configuration.
        """
        network = make_network(self.read_config().network)
        epoch = checkpoints.newest(self.checkpoints)
        if epoch is None:
            raise UserError(
                f"{self.path} has no complete epoch yet: train it first"
            )
        names = {"best": checkpoints.BEST, "last": checkpoints.LAST}
        checkpoints.restore(
            tf.train.Checkpoint(network=network),
            str(epoch / names[checkpoint]),
        )
        return network

    def _read(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            return json.loads(path.read_text())
        except FileNotFoundError as error:
            raise UserError(
                f"{self.path} is not the folder of a run: no {name} in it"
            ) from error
        except ValueError as error:
            raise UserError(
                f"{path} is damaged ({error}): train again in a new folder"
            ) from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays that a run keeps in a file, by name.

    Raises:
        UserError: The file is damaged.
    """
    try:
        # numpy would leave a damaged file open.
        with np.load(io.BytesIO(path.read_bytes())) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is damaged ({error}): delete it and go on"
        ) from error


def _holder(descriptor: int) -> str:
    """Returns which process has a lock on an open file."""
    inode = os.fstat(descriptor).st_ino
    try:
        locks = Path("/proc/locks").read_text().splitlines()
    except OSError:
        locks = []
    for line in locks:
        _, kind, _, _, process, place, *_ = line.split()
        if kind == "FLOCK" and int(place.split(":")[-1]) == inode:
            return f"process {process}"
    return "another process"


def json_text(values: Mapping[str, Any]) -> str:
    """Returns values as the text of a file."""
    return json.dumps(values, indent=1) + "\n"


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes JSON so that a reader sees the old file or the new one."""
    whole_file.write_text(path, json_text(values))


def _differences(found: Any, wanted: Any, name: str = "") -> Iterator[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in set(found) | set(wanted):
            inner = f"{name}.{key}" if name else key
            yield from _differences(found.get(key), wanted.get(key), inner)
    elif found != wanted:
        yield f"{name}: {found!r} there, {wanted!r} here"
