"""Writes a binary network as one .tflite with a signature for each depth.

The network becomes the ops of :mod:`~bifsmn_tf.model_file.ops`; every depth's
subgraph uses the same packed weights, which are stored once.
"""

import numpy as np

from bifsmn_tf.conversion import audio_signatures
from bifsmn_tf.conversion import residual
from bifsmn_tf.conversion.converted_model import ConvertedModel
from bifsmn_tf.conversion.convertible import check_convertible
from bifsmn_tf.conversion.depth_graph import DepthGraph
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.conversion.stream_graph import build_step
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import metadata as descriptions
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file import writer as model_writer
from bifsmn_tf.model_file.ops.log_mel import supports
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.topology import nodes

AUDIO_FORMS = ("features", "logits", "none")

SAMPLE_TYPES = ("float32", "int16")
"""The types of samples that a step of a stream may take."""


def convert_binary(
    network: FSMN,
    description: descriptions.ModelMetadata,
    precision: Precision | None = None,
    audio: str = "features",
    samples: str = "float32",
) -> ConvertedModel:
    """Converts a BiFSMN or a binary D-FSMN.

    Args:
        network: A network with trained weights.
        description: What goes into the file beside the network.
        precision: The precision of what is not one bit; by default what is
            fastest.
        audio: What takes sound. ``"features"``: signatures ``audio`` (a clip to
            its features) and ``frame`` (one frame to its row, for streams);
            ``"logits"``: besides, a signature ``audio_delta_1``, ... from a
            clip to logits for each depth; ``"none"``. Feature parameters that
            the op does not have give a file without.
        samples: The type of the samples that a streaming network's step takes,
            one of ``SAMPLE_TYPES``.

    Returns:
        A file with a signature ``delta_1``, ``delta_2``, … for each depth:
        normalised ``features`` (1, frames, mels) to ``logits`` (1, classes).
        Of a streaming network it is ``stream_delta_1``, …: the ``audio`` of a
        step (1, samples), or its ``features`` (1, frames, mels) without sound,
        and ``state`` to ``logits`` and ``state``.

    Raises:
        UserError: The network cannot be folded (its training diverged, or a
            PReLU in front of a sign has a negative slope), its binarizer is
            none that the ops compute, or it has sites of more than a bit that
            no op is for.
    """
    check_convertible(network)
    precision = precision or Precision()
    config = network.config
    if config.bits("conv2") == 8 and precision.first_convolution != "int8":
        raise UserError(
            "a second convolution of 8 bits reads the first one's in 8 bits: "
            "convert with first_convolution int8"
        )
    levels = any(n.bits == 2 for n in nodes(config) if n.reads == "conv1")
    if levels and precision.first_convolution != "int8":
        raise UserError(
            "a first convolution in floats gives signs alone, and two bits are "
            "read of it: convert with first_convolution int8"
        )
    exported = network.export()
    step = residual.step_of(exported) if precision.residual == "int16" else None
    writer = model_writer.ModelWriter(
        description=f"BiFSMN keyword spotter, {config.classes} classes"
    )
    sounding = audio != "none" and supports(description.features)
    if config.streaming:
        for delta in config.deltas:
            key = signatures.stream_signature_key(delta)
            graph = writer.subgraph(key)
            build_step(
                graph,
                exported,
                delta,
                precision,
                step,
                description if sounding else None,
                np.dtype(samples),
            )
            writer.signature(key, graph)
        writer.metadata(descriptions.NAME, description.to_bytes())
        return ConvertedModel.of(writer)
    for delta in config.deltas:
        key = signatures.signature_key(delta)
        graph = writer.subgraph(key)
        shape = (1, config.frames, config.mels)
        features = graph.input(signatures.FEATURES, shape, np.float32)
        DepthGraph(exported, delta, graph, precision, step).build(features)
        writer.signature(key, graph)
    if sounding:
        sound = (description.features, description.statistics)
        audio_signatures.add_clip_signature(writer, *sound)
        audio_signatures.add_frame_signature(writer, *sound)
        for delta in config.deltas if audio == "logits" else ():
            key = signatures.audio_signature_key(delta)
            graph = writer.subgraph(key)
            features = audio_signatures.add_log_mel(graph, *sound)
            DepthGraph(exported, delta, graph, precision, step).build(features)
            writer.signature(key, graph)
    writer.metadata(descriptions.NAME, description.to_bytes())
    return ConvertedModel.of(writer)
