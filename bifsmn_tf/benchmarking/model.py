"""A model with the part that it plays in a comparison."""

import dataclasses
import enum
from pathlib import Path

import numpy as np

from bifsmn_tf.benchmarking.invoke import Invocation
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.signatures import CLIP_SIGNATURE
from bifsmn_tf.model_file.signatures import FRAME_SIGNATURE
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.runtime import interpreter as runtime


class Role(enum.Enum):
    """What a model is compared as."""

    OURS = "ours"
    VARIANT = "ours with other kernels"
    BASELINE = "baseline"
    FRONT_END = "front end"
    GLUE = "glue"


@dataclasses.dataclass(frozen=True)
class BenchmarkModel:
    """One signature of one file.

    Attributes:
        name: unique in a comparison.
        content: of the file.
        signature: its key; ``None`` is the file's first one, or its first
            graph if it has none.
        role: what it is compared as.
        kernels: names of kernels to prefer, separated by commas; ``None`` is
            the library's own choice.
    """

    name: str
    content: bytes
    signature: str | None
    role: Role
    kernels: str | None = None

    def invocation(self) -> Invocation:
        """Makes it ready to run."""
        return Invocation(self.content, self.signature, self.kernels)


_FRONT_ENDS = {
    CLIP_SIGNATURE: Role.FRONT_END,
    FRAME_SIGNATURE: Role.FRONT_END,
}


def from_file(path: str | Path) -> list[BenchmarkModel]:
    """A model for each signature of a file, or one for the whole.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no whole model, or the runtime refuses it.
    """
    content = Path(path).read_bytes()
    try:
        keys = list(runtime.make_interpreter(content).get_signature_list())
        ours = any(
            name.startswith("Bifsmn")
            for name in ModelFile(content).custom_op_names
        )
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return [
        BenchmarkModel(
            f"{path}, {key}" if len(keys) > 1 else str(path),
            content,
            key,
            _FRONT_ENDS.get(key, Role.OURS) if ours else Role.BASELINE,
        )
        for key in keys or [None]
    ]


def smallest_model() -> BenchmarkModel:
    """One operation of the runtime's own, on four numbers."""
    writer = ModelWriter()
    graph = writer.subgraph("main")
    x = graph.input("x", (1, 4), np.float32)
    weights = np.ones((1, 4), np.float32)
    graph.output(
        "y", graph.fully_connected(x, weights, np.zeros(1, np.float32), "y")
    )
    writer.signature("main", graph)
    return BenchmarkModel(
        "one builtin operation", writer.build(), None, Role.GLUE
    )
