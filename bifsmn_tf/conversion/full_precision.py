"""Writes a full-precision D-FSMN as a plain .tflite of builtin operations.

The graph is the one a careful engineer would deploy, so that a comparison with
it is fair: BatchNorm folded into the weights, the memory as one depthwise
convolution, every pointwise layer a fully connected one.
"""

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.conversion.converted_model import ConvertedModel
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import graph as graphs
from bifsmn_tf.model_file import metadata as descriptions
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file import writer as model_writer
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.export import ExportedNetwork
from bifsmn_tf.network.export import ExportedStage
from bifsmn_tf.network.export import Floats
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.topology import FEATURES
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import nodes

_OPERATORS = schema.BuiltinOperator


def convert_full_precision(
    network: FSMN, description: descriptions.ModelMetadata
) -> ConvertedModel:
    """Converts a full-precision D-FSMN.

    Args:
        network: A network with trained weights.
        description: What goes into the file beside the network.

    Returns:
        A file with the signatures, inputs and outputs of
        :func:`~bifsmn_tf.conversion.binary.convert_binary`.

    Raises:
        UserError: A weight is not finite: the training diverged.
    """
    config = network.config
    if config.binary:
        raise UserError("a binary network has a conversion of its own")
    if config.streaming:
        raise UserError(
            "there is no file of a streaming network in full precision, which "
            "is a teacher: evaluate the run itself, or convert one of clips"
        )
    exported = network.export()
    writer = model_writer.ModelWriter(
        description=f"D-FSMN keyword spotter, {config.classes} classes"
    )
    for delta in config.deltas:
        key = signatures.signature_key(delta)
        graph = writer.subgraph(key)
        _build(graph, exported, delta)
        writer.signature(key, graph)
    writer.metadata(descriptions.NAME, description.to_bytes())
    return ConvertedModel.of(writer)


def _build(
    graph: graphs.Subgraph, network: ExportedNetwork, delta: int
) -> None:
    config = network.config
    shape = (1, config.frames, config.mels)
    features = graph.input(signatures.FEATURES, shape, np.float32)
    results = {FEATURES: graph.reshape(features, (*shape, 1), "image")}
    for node in nodes(config, delta):
        x = results[node.reads]
        if node.kind is Kind.CLASSIFIER:
            logits = graph.fully_connected(
                x,
                np.ascontiguousarray(network.classifier_weights.T),
                network.classifier_bias,
                node.name,
            )
            graph.output(signatures.LOGITS, logits)
            break
        stage = network.stage(node, delta)
        if node.kind in (Kind.FIRST_CONVOLUTION, Kind.CONVOLUTION):
            y = _convolution(graph, stage, x)
        elif node.kind is Kind.MEMORY:
            y = _memory(graph, config, stage, x)
        elif node.strides != (1, 1):
            y = _strided_projection(graph, stage, x)
        else:
            if node.joins_bands:
                frames = (1, x.shape[1], 1, x.shape[2] * x.shape[3])
                x = graph.reshape(x, frames, f"{node.name}/frames")
            y = _pointwise(graph, stage, x)
        if node.adds_to:
            y = _add(graph, f"{node.name}/sum", results[node.adds_to], y)
        results[node.name] = y


def _strided_projection(
    graph: graphs.Subgraph, stage: ExportedStage, x: graphs.Tensor
) -> graphs.Tensor:
    """Adds a projection of some frames only, as a convolution."""
    node = stage.node
    kernel, bias, slope = _folded(stage)
    _, _, bands, channels = x.shape
    weights = kernel.T.reshape(len(bias), 1, bands, channels)
    (y,) = graph.builtin_op(
        _OPERATORS.CONV_2D,
        [
            x,
            graph.constant(f"{node.name}/weights", weights),
            graph.constant(f"{node.name}/bias", bias),
        ],
        [(node.name, (1, node.output_shape[0], 1, len(bias)), np.float32)],
        options=schema.Conv2DOptionsT(
            padding=schema.Padding.VALID, strideH=node.strides[0], strideW=1
        ),
    )
    return _prelu(graph, node.name, y, slope)


def _convolution(
    graph: graphs.Subgraph, stage: ExportedStage, x: graphs.Tensor
) -> graphs.Tensor:
    node = stage.node
    kernel, bias, slope = _folded(stage)
    (y,) = graph.builtin_op(
        _OPERATORS.CONV_2D,
        [
            x,
            graph.constant(
                f"{node.name}/weights", kernel.transpose(3, 0, 1, 2)
            ),
            graph.constant(f"{node.name}/bias", bias),
        ],
        [(node.name, (1, *node.output_shape), np.float32)],
        options=schema.Conv2DOptionsT(
            padding=schema.Padding.SAME,
            strideH=node.strides[0],
            strideW=node.strides[1],
        ),
    )
    return _prelu(graph, node.name, y, slope)


def _pointwise(
    graph: graphs.Subgraph, stage: ExportedStage, x: graphs.Tensor
) -> graphs.Tensor:
    name = stage.node.name
    kernel, bias, slope = _folded(stage)
    (y,) = graph.builtin_op(
        _OPERATORS.FULLY_CONNECTED,
        [
            x,
            graph.constant(f"{name}/weights", kernel.T),
            graph.constant(f"{name}/bias", bias),
        ],
        [(name, (*x.shape[:-1], len(bias)), np.float32)],
        version=2,
        options=schema.FullyConnectedOptionsT(keepNumDims=True),
    )
    return _prelu(graph, name, y, slope)


def _memory(
    graph: graphs.Subgraph,
    config: NetworkConfig,
    stage: ExportedStage,
    x: graphs.Tensor,
) -> graphs.Tensor:
    name = stage.node.name
    kernel, bias, slope = _folded(stage)
    offsets = config.offsets
    # Strides become zero weights, and an asymmetric reach too: "same" padding
    # of an odd kernel is symmetric.
    reach = max(abs(offset) for offset in offsets)
    taps = np.zeros((2 * reach + 1, kernel.shape[1]), np.float32)
    taps[[reach + offset for offset in offsets]] = kernel
    (y,) = graph.builtin_op(
        _OPERATORS.DEPTHWISE_CONV_2D,
        [
            x,
            graph.constant(f"{name}/weights", taps[np.newaxis, :, np.newaxis]),
            graph.constant(f"{name}/bias", bias),
        ],
        [(name, x.shape, np.float32)],
        options=schema.DepthwiseConv2DOptionsT(
            padding=schema.Padding.SAME, strideH=1, strideW=1, depthMultiplier=1
        ),
    )
    return _prelu(graph, name, y, slope)


def _prelu(
    graph: graphs.Subgraph,
    name: str,
    x: graphs.Tensor,
    slope: npt.NDArray[np.float32],
) -> graphs.Tensor:
    alpha = graph.constant(
        f"{name}/slope", slope.reshape((1,) * (len(x.shape) - 2) + (-1,))
    )
    (y,) = graph.builtin_op(
        _OPERATORS.PRELU, [x, alpha], [(f"{name}/prelu", x.shape, np.float32)]
    )
    return y


def _add(
    graph: graphs.Subgraph,
    name: str,
    x: graphs.Tensor,
    y: graphs.Tensor,
) -> graphs.Tensor:
    (z,) = graph.builtin_op(
        _OPERATORS.ADD,
        [x, y],
        [(name, x.shape, np.float32)],
        options=schema.AddOptionsT(),
    )
    return z


def _folded(stage: ExportedStage) -> tuple[Floats, Floats, Floats]:
    """Returns kernel and bias with BatchNorm inside, and PReLU's slopes."""
    epilogue = stage.epilogue
    return stage.kernel * epilogue.scale, epilogue.offset, epilogue.slope
