"""How long each layer of one of our networks takes.

The delegate runs the whole network as one node of the runtime's. Inside it,
the native library can take the time of every op; of the runtime's own ops the
Python interpreter tells nothing.
"""

import dataclasses
import time

import numpy as np

from bifsmn_tf.benchmarking.invoke import Invocation
from bifsmn_tf.model_file import metadata as descriptions
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.signatures import signature_key
from bifsmn_tf.network.topology import operations
from bifsmn_tf.runtime import interpreter as runtime


@dataclasses.dataclass(frozen=True)
class LayerTime:
    """One op of a network.

    Attributes:
        layer: The layer's name, such as ``"block3/expand"``, or its number if
            the model is not described.
        op: The op that computes it.
        microseconds: The time of one run, the median over the rounds.
    """

    layer: str
    op: str
    microseconds: float


@dataclasses.dataclass(frozen=True)
class Profile:
    """Where the time of an invoke goes: medians over the rounds.

    Attributes:
        layers: Every op, in order.
        invoke: Microseconds of an invoke while ops are not timed.
        glue: Microseconds of it that no op takes: those of the runtime, the
            delegate and Python's call. What timing the ops takes is in their
            figures, so that it can come out a little below 0.
    """

    layers: tuple[LayerTime, ...]
    invoke: float
    glue: float


def profile(
    invocation: Invocation,
    content: bytes,
    rounds: int = 100,
    repetitions: int = 20,
) -> Profile:
    """Takes the time of every op of ours.

    Args:
        invocation: A model with our ops, as :mod:`bifsmn_tf.convert` makes
            them.
        content: The content of its file.
        rounds: How often runs with and without timing the ops take turns.
        repetitions: How many runs a turn has.

    Returns:
        The profile; it has no layers if the model has no op of ours.
    """
    times = []
    invokes = np.empty(rounds)
    for number in range(rounds):
        invocation.invoke()
        start = time.perf_counter()
        for _ in range(repetitions):
            invocation.invoke()
        invokes[number] = 1e6 * (time.perf_counter() - start) / repetitions
        runtime.set_profiling(True)
        try:
            for _ in range(repetitions):
                invocation.invoke()
            entries = runtime.profile()
        finally:
            runtime.set_profiling(False)
        times.append([x["nanoseconds"] / x["runs"] / 1000 for x in entries])
    ops = [entry["op"] for entry in entries]
    names = _layers(content, invocation.signature)
    if len(names) != len(ops):
        names = [str(number) for number in range(1, len(ops) + 1)]
    return Profile(
        tuple(
            LayerTime(name, op, float(microseconds))
            for name, op, microseconds in zip(
                names, ops, np.median(times, axis=0), strict=True
            )
        ),
        float(np.median(invokes)),
        float(np.median(invokes - np.sum(times, axis=1))),
    )


def _layers(content: bytes, signature: str | None) -> list[str]:
    """Returns the layers that a signature runs, in the order of the ops.

    A converted file does not name them. There are none if it does not say what
    network it holds.
    """
    model = ModelFile(content)
    if descriptions.NAME not in model.metadata_names:
        return []
    config = descriptions.ModelMetadata.of_model(model).network
    return [
        operation.name
        for delta in config.deltas
        if signature_key(delta) == signature
        for operation in operations(config, delta)
    ]
