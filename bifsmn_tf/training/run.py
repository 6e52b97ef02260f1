"""The folder of a run: all that evaluate and convert need.

::

    run.json          network, losses, labels, features, data set, flags
    flags.txt         the flagfile that repeats the run
    metrics.json      one entry an epoch, the best epoch, whether it is complete
    curves.png        the training in a picture
    checkpoints/      last (with optimizer) and best (weights)
    tensorboard/      what TensorBoard reads
    teacher/          a run of its own, when the teacher was trained with it
    first_stage/      a run of its own, when training has two stages
"""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.audio.waveforms import features_from_dict
from bifsmn_tf.baselines.network import BaselineConfig
from bifsmn_tf.baselines.network import BaselineNetwork
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.fsmn import FSMN

FORMAT = 1

AnyConfig = NetworkConfig | BaselineConfig
AnyNetwork = FSMN | BaselineNetwork


def make_network(config: AnyConfig) -> AnyNetwork:
    """Makes the untrained network of a configuration."""
    if isinstance(config, BaselineConfig):
        return BaselineNetwork(config, name="network")
    return FSMN(config, name="network")


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What a run trains on and trains.

    Attributes:
        network: the architecture, ours or a baseline.
        label_names: of the classes, in order.
        features: how sound becomes what the network reads.
        statistics: of the training set's features, which normalise all.
        dataset: name and options of the data set.
        training: everything else that the result depends on.
    """

    network: AnyConfig
    label_names: tuple[str, ...]
    features: Features
    statistics: FeatureStatistics
    dataset: dict
    training: dict

    def to_dict(self) -> dict:
        """As plain values for JSON."""
        return {
            "format": FORMAT,
            "network": self.network.to_dict(),
            "label_names": list(self.label_names),
            "features": self.features.to_dict(),
            "statistics": dataclasses.asdict(self.statistics),
            "dataset": self.dataset,
            "training": self.training,
        }

    @classmethod
    def from_dict(cls, values: dict) -> "RunConfig":
        """The inverse of :meth:`to_dict`."""
        if values.get("format") != FORMAT:
            raise UserError(
                f"run.json has format {values.get('format')!r}, this version "
                f"reads {FORMAT}: train again"
            )
        kind = (
            BaselineConfig if "baseline" in values["network"] else NetworkConfig
        )
        return cls(
            network=kind.from_dict(values["network"]),
            label_names=tuple(values["label_names"]),
            features=features_from_dict(values["features"]),
            statistics=FeatureStatistics(**values["statistics"]),
            dataset=values["dataset"],
            training=values["training"],
        )


class RunFolder:
    """A run's folder.

    Args:
        path: the folder; made when something is written.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.best = self.checkpoints / "best"

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "run.json").is_file()

    def read_config(self) -> RunConfig:
        """Reads run.json.

        Raises:
            UserError: there is none, or it is damaged.
        """
        return RunConfig.from_dict(self._read("run.json"))

    def begin(self, config: RunConfig, flags: str) -> None:
        """Starts the run, or checks that it is the one that was started.

        Raises:
            UserError: the folder holds a run of another configuration.
        """
        wanted = json.loads(json.dumps(config.to_dict()))
        if self.exists:
            # Read and written again, as versions differ in which settings
            # they write out.
            found = json.loads(json.dumps(self.read_config().to_dict()))
            differing = sorted(_differences(found, wanted))
            if differing:
                raise UserError(
                    f"{self.path} holds a run with another configuration "
                    f"({'; '.join(differing)}). Choose another --run_dir, or "
                    "delete that folder."
                )
            return
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "flags.txt").write_text(flags)
        write_json(self.path / "run.json", wanted)

    def check_teacher(self, wanted: RunConfig, names: Sequence[str]) -> None:
        """Checks that this is the run of a teacher that fits.

        Args:
            wanted: what it should have trained on.
            names: the attributes of it that count.

        Raises:
            UserError: one of them is another, or this is no run.
        """
        theirs = self.read_config()
        for name in names:
            its, ours = getattr(theirs, name), getattr(wanted, name)
            if its != ours:
                raise UserError(
                    f"the teacher in {self.path} was trained with other "
                    f"{name}: {its}, not {ours}"
                )

    def read_metrics(self) -> dict:
        """Reads metrics.json; an empty history when there is none."""
        if not (self.path / "metrics.json").is_file():
            return {"history": [], "best": None, "complete": False}
        return self._read("metrics.json")

    def write_metrics(self, metrics: dict) -> None:
        """Writes metrics.json as a whole or not at all."""
        write_json(self.path / "metrics.json", metrics)

    def load_network(self, checkpoint: str = "best") -> AnyNetwork:
        """Builds the network with its trained weights.

        Args:
            checkpoint: ``"best"`` or ``"last"``.

        Raises:
            UserError: there is no such checkpoint, or it is of another
                configuration.
        """
        network = make_network(self.read_config().network)
        path = (
            str(self.best)
            if checkpoint == "best"
            else tf.train.latest_checkpoint(str(self.checkpoints))
        )
        if not path or not Path(path + ".index").is_file():
            raise UserError(
                f"{self.path} has no {checkpoint} checkpoint yet: train it "
                "first"
            )
        restore(tf.train.Checkpoint(network=network), path)
        return network

    def _read(self, name: str) -> dict:
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


def restore(checkpoint: tf.train.Checkpoint, path: str) -> None:
    """Reads a checkpoint into objects that exist already.

    Raises:
        UserError: it is damaged or of other objects.
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
        raise UserError(
            f"checkpoint {path} does not fit the run.json beside it or is "
            f"damaged: train again in a new folder ({_first_line(error)})"
        ) from error


def write_json(path: Path, values) -> None:
    """Writes JSON so that a reader sees the old file or the new one."""
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(json.dumps(values, indent=1) + "\n")
    os.replace(partial, path)


def _differences(found, wanted, name=""):
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in set(found) | set(wanted):
            inner = f"{name}.{key}" if name else key
            # A setting that came after the run was begun was off in it.
            if name == "training" and key not in found and not wanted[key]:
                continue
            yield from _differences(found.get(key), wanted.get(key), inner)
    elif found != wanted:
        yield f"{name}: {found!r} there, {wanted!r} here"


def _first_line(error) -> str:
    return str(error).strip().splitlines()[0]
