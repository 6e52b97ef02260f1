"""Counts what a network costs, as the papers do."""

import dataclasses
import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.audiomer import LinearAttention
from bifsmn_tf.baselines.bc_resnet import SubSpectralNorm
from bifsmn_tf.baselines.layers import InputScaled
from bifsmn_tf.network.costs import BINARY_SPEEDUP
from bifsmn_tf.network.costs import PAPER_BATCH


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a Keras model costs for one clip.

    Attributes:
        parameters: The number of trained parameters.
        one_bit_parameters: How many of them are one bit.
        macs: The multiply-accumulates, those with padding too.
        one_bit_macs: How many of them multiply one bit by one bit.
        paper_flops: The FLOPs of one clip as the BiFSMN paper counts them; see
            :func:`cost`.
    """

    parameters: int
    one_bit_parameters: int
    macs: int
    one_bit_macs: int
    paper_flops: float

    @property
    def paper_mflops(self) -> float:
        """The figure that the paper prints: millions for a batch of 128."""
        return PAPER_BATCH * self.paper_flops / 1e6

    def to_dict(self) -> dict[str, float]:
        """Returns plain values for JSON."""
        return {
            **dataclasses.asdict(self),
            "paper_mflops_batch_128": self.paper_mflops,
        }


def parameters(model: tf.keras.Model) -> int:
    """Returns the number of trained parameters.

    BatchNorm's moving statistics are none.
    """
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def cost(model: tf.keras.Model) -> Cost:
    """Counts what a functional model of the baselines' layers costs.

    The paper's FLOPs are a multiply-accumulate as 1 and a convolution's bias as
    one more, in a one-bit layer 1/64 of both and 1 for scaling each output, 2
    with XNOR-Net's K; and 2 for each element that a norm sees. Products of
    activations, those of attention, are left out.

    Args:
        model: A model with one input.
    """
    layers = {layer.name: layer for layer in model.layers}
    probe = tf.keras.Model(
        model.input,
        {
            name: layer.output
            for name, layer in layers.items()
            if _macs_each(layer) or _norm(layer)
        },
    )
    outputs = probe(np.zeros((1, *model.input_shape[1:]), np.float32))
    one_bit_parameters = macs = one_bit_macs = 0
    flops = 0.0
    for name, output in outputs.items():
        layer = layers[name]
        elements = math.prod(output.shape)
        if _norm(layer):
            flops += 2 * elements
            continue
        count = elements * _macs_each(layer)
        macs += count
        counted = count
        if getattr(layer, "use_bias", False) and not _dense(layer):
            counted += elements
        if _one_bit(layer):
            one_bit_macs += count
            one_bit_parameters += math.prod(_kernel(layer).shape)
            scales = 2 if isinstance(layer, InputScaled) else 1
            flops += counted / BINARY_SPEEDUP + scales * elements
        else:
            flops += counted
    for layer in layers.values():
        if isinstance(layer, LinearAttention):
            queries, keys, _ = layer.input_shape
            macs += layer.macs(queries[1], keys[1])
    return Cost(
        parameters(model), one_bit_parameters, macs, one_bit_macs, flops
    )


def _norm(layer: tf.keras.layers.Layer) -> bool:
    return isinstance(
        layer, (tf.keras.layers.BatchNormalization, SubSpectralNorm)
    )


def _dense(layer: tf.keras.layers.Layer) -> bool:
    return isinstance(layer, tf.keras.layers.Dense)


def _kernel(layer: tf.keras.layers.Layer) -> tf.Variable:
    if isinstance(layer, tf.keras.layers.DepthwiseConv2D):
        return layer.depthwise_kernel
    return layer.kernel


def _macs_each(layer: tf.keras.layers.Layer) -> int:
    """Returns the multiply-accumulates behind each output of a layer."""
    if isinstance(layer, tf.keras.layers.DepthwiseConv2D):
        return math.prod(layer.kernel_size)
    if isinstance(layer, tf.keras.layers.Conv2D) or _dense(layer):
        return math.prod(layer.kernel.shape[:-1])
    return 0


def _one_bit(layer: tf.keras.layers.Layer) -> bool:
    quantizers = (
        getattr(layer, "input_quantizer", None),
        getattr(layer, "depthwise_quantizer", None)
        or getattr(layer, "kernel_quantizer", None),
    )
    return all(q is not None and q.precision == 1 for q in quantizers)


def macs(content: bytes) -> int:
    """Counts the multiply-accumulates of one clip, those with padding too.

    Convolutions and fully connected layers are counted; what is done to each
    element apart is not.

    Args:
        content: A .tflite file of builtin operations.

    Returns:
        The sum over its first graph.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph = model.subgraphs[0]
    codes = schema.BuiltinOperator
    total = 0
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind not in (
            codes.CONV_2D,
            codes.DEPTHWISE_CONV_2D,
            codes.FULLY_CONNECTED,
        ):
            continue
        weights = graph.tensors[operator.inputs[1]].shape
        output = graph.tensors[operator.outputs[0]].shape
        # (outputs, ...) of which each takes all the rest; a depthwise one's
        # is (1, rows, columns, outputs).
        if kind == codes.DEPTHWISE_CONV_2D:
            weights = weights[:-1]
        else:
            weights = weights[1:]
        total += int(np.prod(output)) * int(np.prod(weights))
    return total
