"""What can be trained, and the kinds of it by name.

The loop, a run's folder and ``evaluate`` see a network as a
:class:`TrainableNetwork` and nothing more. A run's ``run.json`` names its kind;
the module of a kind registers it::

    @register("baseline", BaselineConfig)
    class BaselineNetwork(tf.keras.Model): ...
"""

import importlib
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple
from typing import Protocol
from typing import TypeVar

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.student import Student
from bifsmn_tf.distillation.student import StudentConfig
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.fsmn import FSMN


class TrainableConfig(StudentConfig, Protocol):
    """A network's settings, as one value that travels with every checkpoint."""

    @property
    def binary(self) -> bool:
        """Whether weights and activations are one bit."""

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""


class TrainableNetwork(Student, Protocol):
    """A network that the loop trains, keeps and evaluates."""

    @property
    def config(self) -> TrainableConfig:
        """The network's settings."""

    @property
    def stages(self) -> Mapping[str, tf.keras.layers.Layer]:
        """The layers by a name that says where in the network they are."""

    def set_progress(self, fraction: float) -> None:
        """Says which fraction of the training is over, in [0, 1].

        Surrogate gradients that sharpen as it goes on follow it.
        """

    def start_from(self, other: Any) -> None:
        """Takes over the weights of another network of the same sizes."""


class Kind(NamedTuple):
    """A kind of network.

    Attributes:
        name: The one in ``run.json``.
        read_config: Makes a configuration of what its ``to_dict`` gave.
        network: Makes the untrained network of a configuration.
    """

    name: str
    read_config: Callable[[Mapping[str, Any]], TrainableConfig]
    network: Callable[..., TrainableNetwork]


# Kinds of higher rooms, which are imported only for a run of theirs.
_MODULES = {"baseline": "bifsmn_tf.baselines.network"}

_KINDS: dict[type, Kind] = {}

_Network = TypeVar("_Network", bound=type)


def register(name: str, config: Any) -> Callable[[_Network], _Network]:
    """Returns a decorator that makes a class of networks a kind.

    Args:
        name: The kind's name in ``run.json``.
        config: The class of its configurations, which the network takes; its
            ``from_dict`` is the inverse of ``to_dict``.
    """

    def registered(network: _Network) -> _Network:
        _KINDS[config] = Kind(name, config.from_dict, network)
        return network

    return registered


def kind_of(config: TrainableConfig) -> Kind:
    """Returns the kind that a configuration belongs to."""
    return _KINDS[type(config)]


def kind_named(name: str) -> Kind:
    """Returns the kind of a name, and imports its module where necessary.

    Raises:
        UserError: There is no such kind.
    """
    if name in _MODULES:
        importlib.import_module(_MODULES[name])
    for kind in _KINDS.values():
        if kind.name == name:
            return kind
    raise UserError(f"there is no kind of network {name!r} in this version")


def make_network(config: TrainableConfig) -> TrainableNetwork:
    """Makes the untrained network of a configuration."""
    return kind_of(config).network(config, name="network")


# It lies in a lower room, which does not know this one.
register("fsmn", NetworkConfig)(FSMN)
