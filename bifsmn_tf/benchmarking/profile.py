"""How long each layer of one of our networks takes.

The delegate runs the whole network as one node of the runtime's. Inside it,
the native library can take the time of every op; of the runtime's own ops the
Python interpreter tells nothing.
"""

import dataclasses

from bifsmn_tf.benchmarking.invoke import Invocation
from bifsmn_tf.deployment import metadata as descriptions
from bifsmn_tf.deployment import model_reader
from bifsmn_tf.deployment import runtime
from bifsmn_tf.network.summary import summarise


@dataclasses.dataclass(frozen=True)
class LayerTime:
    """One op of a network.

    Attributes:
        layer: its name, ``"block3/expand"``.
        op: the op that computes it.
        microseconds: the mean of one run.
    """

    layer: str
    op: str
    microseconds: float


def profile(
    invocation: Invocation, content: bytes, repetitions: int = 1000
) -> list[LayerTime]:
    """Takes the time of every op of ours, in order.

    Args:
        invocation: of a model with our ops.
        content: its file.
        repetitions: runs.

    Raises:
        ValueError: the model has other ops than its description says.
    """
    names = _layers(content, invocation.signature)
    for _ in range(repetitions // 10):
        invocation.invoke()
    runtime.set_profiling(True)
    try:
        for _ in range(repetitions):
            invocation.invoke()
        entries = runtime.profile()
    finally:
        runtime.set_profiling(False)
    if len(entries) != len(names):
        raise ValueError(
            f"the model's description has {len(names)} layers, but "
            f"{len(entries)} ops ran"
        )
    return [
        LayerTime(
            name, entry["op"], entry["nanoseconds"] / entry["runs"] / 1000
        )
        for name, entry in zip(names, entries, strict=True)
    ]


def _layers(content: bytes, signature: str) -> list[str]:
    """The layers that a signature runs; a converted file does not name them."""
    description = descriptions.ModelMetadata.from_bytes(
        model_reader.read_metadata(content, descriptions.NAME)
    )
    config = description.network
    (delta,) = (
        d for d in config.deltas if descriptions.signature_key(d) == signature
    )
    return [x.name for x in summarise(config).layers if delta in x.depths]
