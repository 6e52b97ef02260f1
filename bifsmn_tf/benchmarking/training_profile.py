"""What a training step spends its time on, by kinds of operations."""

import collections
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bifsmn_tf._keras import tf

_OPERATION = re.compile(r"[^\s:]+:[A-Z_]\w*")

# oneDNN's operations, and those that have a neighbour in them.
_VARIANT = re.compile(r"^_(Mkl)?(Native)?(Fused)?")

_GRADIENT = "gradient_tape"

_REST = "TensorFlow's other operations"
_PRODUCTS = "products of floats"
_BETWEEN = "between two linear layers"
_SIGNS = "products of signs"

# Kinds that a step has in its forward part, the teacher's too, and in its
# gradient.
_TWICE = (_PRODUCTS, _BETWEEN, _SIGNS)

_KINDS = {
    "MatMul": _PRODUCTS,
    "Conv2D": _PRODUCTS,
    "Conv2DBackpropFilter": _PRODUCTS,
    "Conv2DBackpropInput": _PRODUCTS,
    "BifsmnKernelGradient": _PRODUCTS,
    "BifsmnEpilogue": _BETWEEN,
    "BifsmnEpilogueGradient": _BETWEEN,
    "BifsmnAffine": _BETWEEN,
    "BifsmnSign": _BETWEEN,
    "BifsmnSignGradient": _BETWEEN,
    "BifsmnSignProduct": _SIGNS,
    "BifsmnSignInputGradient": _SIGNS,
    "BifsmnSignKernelGradient": _SIGNS,
    "BifsmnScaledSign": "signs of weights",
    "BifsmnMemory": "memories",
    "BifsmnMemoryGradient": "memories",
    "BifsmnAdam": "Adam",
}
"""The kind of an operation of TensorFlow by its type."""

_DISTILLATION = "BifsmnAttention"


def kind(name: str) -> str:
    """Returns the kind of an operation.

    Args:
        name: As TensorFlow's profiler has it, ``"scope/name:Type"``.
    """
    scope, _, operation = name.rpartition(":")
    operation = _VARIANT.sub("", operation)
    if operation.startswith(_DISTILLATION):
        return "distillation of hidden states"
    found = _KINDS.get(operation, _REST)
    backward = _GRADIENT in scope or operation.endswith("Gradient")
    if found in _TWICE and backward:
        return f"{found}, gradient"
    return found


def profile(step: Callable[[], Any], steps: int = 10) -> dict[str, float]:
    """Measures what a step consists of.

    Args:
        step: Makes one step, and returns when it is done.
        steps: How many are measured, behind three that are not.

    Returns:
        Milliseconds of a step by kind, the largest first: what the operations
        took, all threads together.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    for _ in range(3):
        step()
    space = xplane_pb2.XSpace()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(steps):
                step()
        for path in Path(folder).rglob("*.xplane.pb"):
            space.MergeFromString(path.read_bytes())
    found: collections.Counter[str] = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                # Others, such as "ExecutorState::Process", hold operations.
                if _OPERATION.fullmatch(name):
                    found[kind(name)] += event.duration_ps / 1e9 / steps
    return dict(found.most_common())
