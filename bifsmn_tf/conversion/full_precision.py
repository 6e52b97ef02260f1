"""Writes a full-precision D-FSMN as a plain .tflite of builtin operations.

The graph is the one a careful engineer would deploy, so that a comparison with
it is fair: BatchNorm folded into the weights, the memory as one depthwise
convolution, every pointwise layer a fully connected one.
"""

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.conversion.binary import ConvertedModel
from bifsmn_tf.conversion.binary import epilogue_of
from bifsmn_tf.model_file import metadata as descriptions
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file import writer as model_writer
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.fsmn import Stage

_OPERATORS = schema.BuiltinOperator


def convert_float(
    network: FSMN, description: descriptions.ModelMetadata
) -> ConvertedModel:
    """Converts a full-precision D-FSMN.

    Args:
        network: with trained weights.
        description: what goes into the file beside the network.

    Returns:
        A file with the signatures, inputs and outputs of
        :func:`~bifsmn_tf.conversion.binary.convert_binary`.
    """
    writer = model_writer.ModelWriter(
        description=f"D-FSMN keyword spotter, {network.config.classes} classes"
    )
    for delta in network.config.deltas:
        key = signatures.signature_key(delta)
        graph = writer.subgraph(key)
        _build(graph, network, delta)
        writer.signature(key, graph)
    writer.metadata(descriptions.NAME, description.to_bytes())
    return ConvertedModel.of(writer)


def _build(graph, network: FSMN, delta: int) -> None:
    config = network.config
    variant = config.deltas.index(delta)
    x = graph.input(
        signatures.FEATURES, (1, config.frames, config.mels), np.float32
    )
    x = graph.reshape(x, (1, config.frames, config.mels, 1), "image")
    x = _convolution(graph, "conv1", network.conv1, x)
    x = _front_end(graph, network, x)
    for number, block in network.running_blocks(delta):
        name = f"block{number}"
        y = x
        for memory in block.memories:
            part = f"{name}/{memory.name}"
            z = _memory(graph, part, memory, y, variant)
            y = _add(graph, f"{part}/sum", y, z)
        h = _pointwise(graph, f"{name}/expand", block.expand, y, variant)
        z = _pointwise(graph, f"{name}/shrink", block.shrink, h, variant)
        x = _add(graph, f"{name}/sum", y, z)
    logits = graph.fully_connected(
        x,
        np.ascontiguousarray(network.classifier.kernel.numpy().T),
        network.classifier.bias.numpy(),
        "classifier",
    )
    graph.output(signatures.LOGITS, logits)


def _front_end(graph, network: FSMN, first):
    """What starts the stream, of the first convolution's outputs."""
    frames = network.config.memory_frames
    starts = []
    for conv2, projection in network.branches:
        x = _convolution(graph, conv2.name, conv2, first)
        shape = (1, frames, 1, x.shape[2] * x.shape[3])
        x = graph.reshape(x, shape, "frames")
        starts.append(_pointwise(graph, projection.name, projection, x, 0))
    if network.front_skip:
        starts.append(_front_skip(graph, network.front_skip, first, frames))
    total, *rest = starts
    for i, x in enumerate(rest, 2):
        total = _add(graph, f"start_{i}", total, x)
    return total


def _front_skip(graph, stage: Stage, x, frames: int):
    """A projection of every second frame, as a convolution."""
    kernel, bias, slope = _folded(stage, 0)
    _, _, bands, channels = x.shape
    weights = kernel.T.reshape(len(bias), 1, bands, channels)
    (x,) = graph.builtin_op(
        _OPERATORS.CONV_2D,
        [
            x,
            graph.constant(f"{stage.name}/weights", weights),
            graph.constant(f"{stage.name}/bias", bias),
        ],
        [(stage.name, (1, frames, 1, len(bias)), np.float32)],
        options=schema.Conv2DOptionsT(
            padding=schema.Padding.VALID, strideH=2, strideW=1
        ),
    )
    return _prelu(graph, stage.name, x, slope)


def _convolution(graph, name, stage: Stage, x):
    kernel, bias, slope = _folded(stage, 0)
    rows, columns = stage.linear.strides
    shape = (
        1,
        math.ceil(x.shape[1] / rows),
        math.ceil(x.shape[2] / columns),
        len(bias),
    )
    (x,) = graph.builtin_op(
        _OPERATORS.CONV_2D,
        [
            x,
            graph.constant(f"{name}/weights", kernel.transpose(3, 0, 1, 2)),
            graph.constant(f"{name}/bias", bias),
        ],
        [(name, shape, np.float32)],
        options=schema.Conv2DOptionsT(
            padding=schema.Padding.SAME, strideH=rows, strideW=columns
        ),
    )
    return _prelu(graph, name, x, slope)


def _pointwise(graph, name, stage: Stage, x, variant: int):
    kernel, bias, slope = _folded(stage, variant)
    (x,) = graph.builtin_op(
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
    return _prelu(graph, name, x, slope)


def _memory(graph, name, stage: Stage, x, variant: int):
    kernel, bias, slope = _folded(stage, variant)
    offsets = stage.linear.offsets
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


def _prelu(graph, name, x, slope):
    alpha = graph.constant(
        f"{name}/slope", slope.reshape((1,) * (len(x.shape) - 2) + (-1,))
    )
    (y,) = graph.builtin_op(
        _OPERATORS.PRELU, [x, alpha], [(f"{name}/prelu", x.shape, np.float32)]
    )
    return y


def _add(graph, name, x, y):
    (z,) = graph.builtin_op(
        _OPERATORS.ADD,
        [x, y],
        [(name, x.shape, np.float32)],
        options=schema.AddOptionsT(),
    )
    return z


def _folded(stage: Stage, variant: int):
    """Kernel and bias with BatchNorm inside, and PReLU's slopes."""
    epilogue = epilogue_of(stage, variant)
    kernel = stage.linear.kernel.numpy() * epilogue.scale
    return kernel, epilogue.offset, epilogue.slope
