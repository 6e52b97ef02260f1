"""A model of a benchmark, with the part that it plays in the comparison."""

import dataclasses
import enum
from pathlib import Path

import numpy as np

from bifsmn_tf import pretrained
from bifsmn_tf.benchmarking.invoke import Invocation
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.signatures import CLIP_SIGNATURE
from bifsmn_tf.model_file.signatures import FRAME_SIGNATURE
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.runtime import interpreter as runtime


class Role(enum.Enum):
    """What a model is compared as."""

    OURS = "ours"
    """One of our networks."""

    VARIANT = "ours with other kernels"
    """One of our networks with other kernels than the library chooses."""

    BASELINE = "baseline"
    """A network that one would run instead."""

    FRONT_END = "front end"
    """The features of our networks, without a network."""

    GLUE = "glue"
    """Next to nothing: what every invoke costs."""


@dataclasses.dataclass(frozen=True)
class BenchmarkModel:
    """One signature of one file.

    Attributes:
        name: The name, unique in a comparison.
        content: The content of the file.
        signature: The signature's key; None is the file's first signature, or
            its first graph if it has no signature.
        role: What it is compared as.
        kernels: The names of kernels to prefer, separated by commas; None is
            the library's own choice.
        shape: The shape of the only input, where the file leaves it open.
    """

    name: str
    content: bytes
    signature: str | None
    role: Role
    kernels: str | None = None
    shape: tuple[int, ...] | None = None

    def invocation(self) -> Invocation:
        """Makes the model ready to run.

        Raises:
            UserError: There is no library or runtime, or the runtime refuses
                the model.
        """
        return Invocation(
            self.content, self.signature, self.kernels, self.shape
        )


_FRONT_ENDS = {
    CLIP_SIGNATURE: Role.FRONT_END,
    FRAME_SIGNATURE: Role.FRONT_END,
}


def from_file(path: str | Path) -> list[BenchmarkModel]:
    """Makes a model of each signature of a file, or one of the whole file.

    Args:
        path: The file, or the name of a model in the package.

    Returns:
        Models that are named by the path, and by the signature if the file
        has several.

    Raises:
        UserError: The file cannot be read or is no whole model, or the runtime
            refuses it.
    """
    file = ModelFile.read(pretrained.find(str(path)))
    ours = any(name.startswith("Bifsmn") for name in file.custom_op_names)
    try:
        keys = list(runtime.make_interpreter(file).get_signature_list())
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return [
        BenchmarkModel(
            f"{path}, {key}" if len(keys) > 1 else str(path),
            file.content,
            key,
            _FRONT_ENDS.get(key, Role.OURS) if ours else Role.BASELINE,
        )
        for key in keys or [None]
    ]


def smallest_model() -> BenchmarkModel:
    """Makes a model of one operation of the runtime's own, on four numbers."""
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
