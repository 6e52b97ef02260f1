"""Counts what a network costs, as the papers do."""

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf._keras import tf


def parameters(model: tf.keras.Model) -> int:
    """Everything that is trained; BatchNorm's moving statistics are not."""
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def macs(content: bytes) -> int:
    """Multiply-accumulates of one clip, those with padding too.

    Convolutions and fully connected layers are counted; what is done to each
    element apart is not.

    Args:
        content: a .tflite of builtin operations.

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
