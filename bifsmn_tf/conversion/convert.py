"""From a run, or a trained network, to a .tflite: the function of the package.

bifsmn_tf.convert("runs/bifsmn", "bifsmn.tflite")
"""

import math
import os
from pathlib import Path

import numpy as np

from bifsmn_tf import whole_file
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.conversion.converted_model import ConvertedModel
from bifsmn_tf.conversion.full_precision import convert_full_precision
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.data.clips import SILENCE
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import is_keyword
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.training.run import RunFolder


def convert(
    source: str | os.PathLike[str] | FSMN,
    output: str | os.PathLike[str] | None = None,
    *,
    metadata: ModelMetadata | None = None,
    checkpoint: str = "best",
    full_precision: bool = False,
    precision: Precision | None = None,
    audio: str = "features",
    samples: str = "float32",
    keyword_bias: float = 0.0,
) -> ConvertedModel:
    """Converts a run or a network into one .tflite that needs nothing else.

    The file has a signature for each depth (``delta_1``, ``delta_2``, ...), all
    on the same packed weights, and carries labels, feature parameters and
    normalisation. A network in full precision becomes plain TFLite.

    Args:
        source: the folder of a run, or a network with trained weights.
        output: the .tflite to write; by default none is written.
        metadata: what the file says of a network; a run knows it.
        checkpoint: of a run: its ``"best"`` or ``"last"`` weights.
        full_precision: convert the teacher in a binary network's run instead.
        precision: of what is not one bit; by default what is fastest.
        audio: what takes sound: ``"features"`` adds signatures from sound to
            features; ``"logits"`` also one from sound to logits for each
            depth; ``"none"`` adds nothing.
        samples: what a streaming network's step takes of sound: ``"float32"``
            in [-1, 1], or ``"int16"``.
        keyword_bias: what is added to the logits of a run's keywords and of
            silence. Who was trained beside far more sound that is neither
            takes too much for unknown where a clip is as likely to be any of
            them (logit adjustment, Menon et al., arXiv:2007.07314).

    Returns:
        The content of the file, and where its bytes are.

    Raises:
        UserError: There is no such run, checkpoint or folder to write into, or
            the network cannot be converted.
        TypeError: A network comes without ``metadata``, or a run with it.
    """
    if output is not None and not Path(output).parent.is_dir():
        raise UserError(f"output: there is no folder {Path(output).parent}")
    if isinstance(source, FSMN):
        if metadata is None or keyword_bias:
            raise TypeError(
                "a network is converted with its metadata, and as it is"
            )
        network = source
    else:
        if metadata is not None:
            raise TypeError("a run has metadata of its own")
        network, metadata = _read(_folder(source, full_precision), checkpoint)
    if keyword_bias:
        if not math.isfinite(keyword_bias):
            raise UserError(f"keyword_bias: {keyword_bias} is not finite")
        likelier = [
            is_keyword(label) or label == SILENCE
            for label in metadata.label_names
        ]
        bias = network.classifier.bias
        bias.assign_add(keyword_bias * np.array(likelier, np.float32))
    if network.config.binary:
        model = convert_binary(network, metadata, precision, audio, samples)
    else:
        model = convert_full_precision(network, metadata)
    if output is not None:
        whole_file.write_bytes(output, model.content)
    return model


def _folder(path: str | os.PathLike[str], full_precision: bool) -> RunFolder:
    folder = RunFolder(path)
    if not full_precision or not folder.read_config().network.binary:
        return folder
    teacher = RunFolder(folder.path / "teacher")
    if not teacher.exists:
        raise UserError(
            f"{folder.path} has no teacher in it: convert the teacher's own run"
        )
    return teacher


def _read(folder: RunFolder, checkpoint: str) -> tuple[FSMN, ModelMetadata]:
    config = folder.read_config()
    if not isinstance(config.network, NetworkConfig):
        raise UserError(
            f"{folder.path} is the run of a network to compare with, which "
            "bifsmn_tf.baselines.train converts itself"
        )
    assert isinstance(config.features, FeatureParameters)
    network = folder.load_network(checkpoint)
    assert isinstance(network, FSMN)
    return network, ModelMetadata(
        label_names=config.label_names,
        features=config.features,
        statistics=config.statistics,
        network=config.network,
        dataset=config.dataset,
    )
