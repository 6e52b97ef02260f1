"""From a Keras model to a .tflite file, by TensorFlow's converter."""

import warnings
from collections.abc import Callable

import numpy as np

from bifsmn_tf import console
from bifsmn_tf._keras import tf


def convert(
    model: Callable[[tf.Tensor], tf.Tensor],
    input_shape: tuple[int, ...],
    samples: np.ndarray | None = None,
) -> bytes:
    """Converts a model for one clip at a time.

    Args:
        model: A Keras model or a function, from features
            (batch, *input_shape) to logits.
        input_shape: The shape of one clip's features.
        samples: Features (n, *input_shape) by which the ranges of 8-bit
            integers are chosen: with them all weights and activations become
            such integers, input and output too; without, all is float32.

    Returns:
        The file's content, with a signature ``serving_default`` from
        ``features`` (1, *input_shape) to ``logits``.

    Raises:
        ValueError: The samples have another shape.
    """
    if samples is not None and samples.shape[1:] != tuple(input_shape):
        raise ValueError(
            f"the samples have shape {samples.shape}, not "
            f"(n, {', '.join(map(str, input_shape))})"
        )
    # A fixed batch keeps operations that find out shapes out of the graph.
    function = tf.function(
        lambda features: {"logits": model(features)},
        input_signature=[tf.TensorSpec((1, *input_shape), name="features")],
    ).get_concrete_function()
    # The converter saves this object first: a Keras model would be traced once
    # more, layer by layer, which takes longer than all the rest.
    weights = tf.Module()
    weights.values = function.graph.variables
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function], weights
    )
    if samples is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [sample[np.newaxis].astype(np.float32)] for sample in samples
        )
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        ]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    with warnings.catch_warnings(), console.without_chatter():
        # Of a converter from before there were representative samples.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs")
        return converter.convert()
