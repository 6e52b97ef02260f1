"""Writes a TensorFlow Lite model file, without TensorFlow.

A converted network is a handful of custom ops and a classifier, so its file is
written directly: every byte in it is one that was asked for, the same input
gives the same bytes, and equal constants are stored once, however many
subgraphs (one for each depth) use them.

    writer = ModelWriter(description="BiFSMN")
    graph = writer.subgraph("delta_1")
    x = graph.input("features", (1, 32, 32), np.float32)
    w = graph.constant("conv1/weights", weights)
    ...
    h, = graph.custom_op(
        op, [x, w, thresholds],
        outputs=[("conv1", (1, 16, 16, 1), np.int16)],
    )
    graph.output("logits", graph.fully_connected(h, kernel, bias, "logits"))
    writer.signature("delta_1", graph)
    writer.metadata("labels", b"...")
    content = writer.build()

Constants are aligned to 16 bytes, as kernels that read them in place expect;
rows of bytes, which are packed and metadata, are not. Tensors have no names in
the file, but for inputs and outputs, and what is alike is stored once.
"""

from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.model_file.graph import Subgraph
from bifsmn_tf.model_file.graph import Tensor
from bifsmn_tf.model_file.schema import FILE_IDENTIFIER
from bifsmn_tf.model_file.shared import Buffers
from bifsmn_tf.model_file.shared import OperatorCodes
from bifsmn_tf.model_file.tables import SharingBuilder
from bifsmn_tf.model_file.tables import make

SCHEMA_VERSION = 3


class ModelWriter:
    """Collects the parts of a model file and writes it.

    Args:
        description: a line about the model, stored in the file.
    """

    def __init__(self, description: str = "") -> None:
        self._description = description
        self._subgraphs: list[Subgraph] = []
        self._signatures: list[tuple[str, Subgraph]] = []
        self._metadata: dict[str, int] = {}
        self._codes = OperatorCodes()
        self._buffers = Buffers()

    def subgraph(self, name: str) -> Subgraph:
        """Adds a subgraph; the first one is the one that runs by default."""
        index = len(self._subgraphs)
        graph = Subgraph(index, name, self._buffers, self._codes)
        self._subgraphs.append(graph)
        return graph

    def signature(self, key: str, graph: Subgraph) -> None:
        """Lets ``graph`` be called by ``key``, by its tensors' names.

        Raises:
            ValueError: The key or a name in it is taken.
        """
        if key in (taken for taken, _ in self._signatures):
            raise ValueError(f"signature {key} is there already")
        for pairs in (graph.inputs, graph.outputs):
            names = [name for name, _ in pairs]
            if len(set(names)) != len(names):
                raise ValueError(f"signature {key}: names repeat in {names}")
        self._signatures.append((key, graph))

    @property
    def signatures(self) -> tuple[str, ...]:
        """Keys of the signatures, in order."""
        return tuple(key for key, _ in self._signatures)

    def metadata(self, name: str, content: bytes) -> None:
        """Stores ``content`` in the file under a name.

        Raises:
            ValueError: The name is taken or there is no content.
        """
        if name in self._metadata:
            raise ValueError(f"metadata {name} is there already")
        if not content:
            raise ValueError(f"metadata {name} is empty")
        self._metadata[name] = self._buffers.add(f"metadata {name}", content, 1)

    def build(self) -> bytes:
        """Returns the file's content; the same parts give the same bytes."""
        builder = SharingBuilder(1 << 16)
        builder.Finish(self._table().Pack(builder), FILE_IDENTIFIER)
        return bytes(builder.Output())

    def bytes_by_part(self, content: bytes) -> dict[str, int]:
        """Returns how the file's bytes divide, largest part first.

        A constant counts under the name under which it was first added;
        ``structure`` is all that is neither constant nor metadata: tensors,
        operators, names, alignment.

        Args:
            content: What :meth:`build` gave.
        """
        parts = self._buffers.sizes()
        parts["structure"] = len(content) - sum(parts.values())
        return dict(sorted(parts.items(), key=lambda part: -part[1]))

    def _table(self) -> schema.ModelT:
        signatures = [
            make(
                schema.SignatureDefT,
                inputs=_tensor_map(graph.inputs),
                outputs=_tensor_map(graph.outputs),
                signatureKey=key,
                subgraphIndex=graph.index,
            )
            for key, graph in self._signatures
        ]
        metadata = [
            make(schema.MetadataT, name=name, buffer=buffer)
            for name, buffer in self._metadata.items()
        ]
        return make(
            schema.ModelT,
            version=SCHEMA_VERSION,
            operatorCodes=self._codes.tables(),
            subgraphs=[graph.table() for graph in self._subgraphs],
            description=self._description,
            buffers=self._buffers.tables(),
            metadata=metadata,
            signatureDefs=signatures,
        )


def _tensor_map(pairs: list[tuple[str, Tensor]]) -> list[schema.TensorMapT]:
    return [
        make(schema.TensorMapT, name=name, tensorIndex=tensor.index)
        for name, tensor in pairs
    ]
