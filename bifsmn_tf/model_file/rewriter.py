"""Replaces the metadata of a finished model file, and nothing else.

A file is read into the schema's objects and written as ``ModelWriter`` writes
it: with the same metadata the same bytes come out.
"""

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.schema import FILE_IDENTIFIER
from bifsmn_tf.model_file.tables import CONSTANT_ALIGNMENT
from bifsmn_tf.model_file.tables import AlignedBuffer
from bifsmn_tf.model_file.tables import SharedOperator
from bifsmn_tf.model_file.tables import SharedTensor
from bifsmn_tf.model_file.tables import SharingBuilder
from bifsmn_tf.model_file.tables import indices


def with_metadata(model: ModelFile, name: str, content: bytes) -> bytes:
    """Returns a model file with other metadata under a name.

    Args:
        model: a file that ``ModelWriter`` wrote.
        name: of metadata that it has.
        content: to put in its place.

    Returns:
        The content of the file.

    Raises:
        UserError: The model has no metadata of that name.
    """
    if name not in model.metadata_names:
        raise UserError(f"{model.name} has no metadata {name!r}")
    table = schema.ModelT.InitFromPackedBuf(model.content, 0)
    _decode_names(table)
    aligned = _share(table)
    for number, buffer in enumerate(table.buffers):
        buffer.__class__ = AlignedBuffer
        buffer.alignment = CONSTANT_ALIGNMENT if number in aligned else 1
        buffer.data = b"" if buffer.data is None else bytes(buffer.data)
    for entry in table.metadata:
        if entry.name == name:
            table.buffers[entry.buffer].data = content
    builder = SharingBuilder(len(model.content))
    builder.Finish(table.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def _decode_names(table: schema.ModelT) -> None:
    """Makes texts of what was read as bytes, as the writer had them."""
    parts: list[Any] = [table, *table.operatorCodes, *table.metadata]
    for graph in table.subgraphs:
        parts += [graph, *graph.tensors]
    for signature in table.signatureDefs:
        parts += [signature, *signature.inputs, *signature.outputs]
    for part in parts:
        for field, value in vars(part).items():
            if isinstance(value, bytes):
                setattr(part, field, value.decode())


def _share(table: schema.ModelT) -> set[int]:
    """Lets alike tensors and operators be one; returns the aligned buffers."""
    aligned = set()
    for graph in table.subgraphs:
        for tensor in graph.tensors:
            tensor.__class__ = SharedTensor
            if tensor.shape is None:
                tensor.shape = indices([])
            # Rows of bytes are packed, see Subgraph.constant.
            is_packed = tensor.type == schema.TensorType.INT8
            if not is_packed or len(tensor.shape) != 1:
                aligned.add(tensor.buffer)
        for operator in graph.operators:
            if table.operatorCodes[operator.opcodeIndex].customCode:
                operator.__class__ = SharedOperator
    return aligned
