"""Networks with random weights: ours, and what a user would run instead.

No weight is at its initial value: equal constants would be stored once, and a
normalisation that does nothing would be left out.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.baselines.bc_resnet import bc_resnet
from bifsmn_tf.baselines.ds_cnn import ds_cnn
from bifsmn_tf.baselines.plain import PlainFSMN
from bifsmn_tf.baselines.tflite_converter import convert
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.conversion.full_precision import convert_full_precision
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.model_file.signatures import CLIP_SIGNATURE
from bifsmn_tf.model_file.signatures import FRAME_SIGNATURE
from bifsmn_tf.model_file.signatures import signature_key
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.fsmn import FSMN

_SAMPLES = 20
_SEED = 0


def make(
    name: str, architecture: str, classes: int, kernels: Mapping[str, str]
) -> list[BenchmarkModel]:
    """Makes the models of one of the benchmark command's networks.

    Args:
        name: ``"dfsmn"``, ``"bifsmn"``, ``"bifsmn_wide"``, ``"bifsmn_mixed"``,
            ``"ds_cnn"`` or ``"bc_resnet"``.
        architecture: The sizes of the first two, ``"bifsmn"`` or
            ``"bifsmn_s"``.
        classes: The outputs of the network.
        kernels: As for :func:`make_bifsmn`.

    Raises:
        KeyError: There is no network of this name.
    """
    return {
        "dfsmn": lambda: make_dfsmn(architecture, classes),
        "bifsmn": lambda: make_bifsmn(architecture, classes, kernels),
        "bifsmn_wide": lambda: make_configuration(
            "BiFSMN, wider front end", ARCHITECTURES["bifsmn_wide"](classes)
        ),
        "bifsmn_mixed": lambda: make_configuration(
            "BiFSMN, mixed precision", ARCHITECTURES["bifsmn_mixed"](classes)
        ),
        "ds_cnn": lambda: _both("DS-CNN", ds_cnn(classes)),
        "bc_resnet": lambda: _both("BC-ResNet-1", bc_resnet(classes)),
    }[name]()


def make_dfsmn(architecture: str, classes: int) -> list[BenchmarkModel]:
    """Makes the full-precision counterpart, by two ways to convert it.

    TensorFlow's converter writes it from stock Keras layers, in float32 and in
    8-bit integers; :mod:`~bifsmn_tf.conversion.full_precision` writes the
    graph by hand.

    Args:
        architecture: The counterpart's name, ``"bifsmn"`` or ``"bifsmn_s"``.
        classes: The outputs of the network.
    """
    title = {"bifsmn": "D-FSMN", "bifsmn_s": "D-FSMN_S"}[architecture]
    config = ARCHITECTURES[architecture.replace("bifsmn", "dfsmn")](classes)
    network = _random(FSMN(config))
    plain = PlainFSMN(config)
    plain.copy_from(network)
    shape = (config.frames, config.mels)

    def model(features: tf.Tensor) -> tf.Tensor:
        return plain(features)[0]

    return [
        _baseline(f"{title} fp32", convert(model, shape)),
        BenchmarkModel(
            f"{title} fp32, graph by hand",
            convert_full_precision(network, _describe(config)).content,
            signature_key(1),
            Role.BASELINE,
        ),
        _baseline(f"{title} int8", convert(model, shape, _samples(shape))),
    ]


def make_bifsmn(
    architecture: str, classes: int, kernels: Mapping[str, str]
) -> list[BenchmarkModel]:
    """Makes our network at all its depths, and what makes its features.

    Args:
        architecture: The network's name, ``"bifsmn"`` or ``"bifsmn_s"``.
        classes: The outputs of the network.
        kernels: Choices of kernels to run the same file with, too: the names
            of the kernels, separated by commas, by what to call the choice.
    """
    title = {"bifsmn": "BiFSMN", "bifsmn_s": "BiFSMN_S"}[architecture]
    config = ARCHITECTURES[architecture](classes)
    ours = make_configuration(title, config)
    files = {
        "features": ours[0].content,
        "board's features": convert_random(config, BOARD_FEATURES),
    }
    front_ends = [
        BenchmarkModel(
            f"{title}, {name} of a {of}", content, key, Role.FRONT_END
        )
        for name, content in files.items()
        for key, of in (
            (CLIP_SIGNATURE, "clip"),
            (FRAME_SIGNATURE, "frame"),
        )
    ]
    variants = [
        dataclasses.replace(
            model,
            name=f"{model.name}, {name}",
            role=Role.VARIANT,
            kernels=names,
        )
        for name, names in kernels.items()
        for model in ours
    ]
    return ours + variants + front_ends


def make_configuration(
    title: str, config: NetworkConfig
) -> list[BenchmarkModel]:
    """Makes a binary network of any sizes, one file with all its depths.

    Args:
        title: What to call it.
        config: The network's settings.

    Returns:
        A model for each depth, with the same file.
    """
    content = convert_random(config)
    return [
        BenchmarkModel(f"{title} δ={d}", content, signature_key(d), Role.OURS)
        for d in config.deltas
    ]


def smallest_bifsmn() -> BenchmarkModel:
    """Makes a network of one channel and one block.

    What it takes is what every invoke costs.
    """
    config = bifsmn(
        1,
        frames=1,
        mels=1,
        front_channels=1,
        front_kernel=1,
        memory_size=1,
        hidden_size=1,
        blocks=1,
        deltas=(1,),
        look_back=0,
        look_ahead=0,
    )
    return BenchmarkModel(
        "smallest BiFSMN",
        convert_random(config),
        signature_key(1),
        Role.GLUE,
    )


def make_board_front_end() -> BenchmarkModel:
    """Makes what computes one frame of board's features in a stream."""
    return BenchmarkModel(
        "board's features of a frame",
        convert_random(bifsmn(1), BOARD_FEATURES),
        FRAME_SIGNATURE,
        Role.FRONT_END,
    )


def integers(model: tf.keras.Model) -> bytes:
    """Converts a model with random weights to 8-bit integers.

    Args:
        model: A model of features (batch, time, frequency, 1).

    Returns:
        The content of the file.
    """
    shape = model.input_shape[1:]
    return convert(_random(model), shape, _samples(shape))


def convert_random(
    config: NetworkConfig, features: FeatureParameters | None = None
) -> bytes:
    """Converts a binary network with random weights.

    Args:
        config: The network.
        features: What it reads; by default the paper's.

    Returns:
        The content of the file.
    """
    described = _describe(config, features)
    return convert_binary(_random(FSMN(config)), described).content


def _both(name: str, model: tf.keras.Model) -> list[BenchmarkModel]:
    """Converts a model to float32 and to 8-bit integers."""
    _random(model)
    shape = model.input_shape[1:]
    return [
        _baseline(f"{name} fp32", convert(model, shape)),
        _baseline(f"{name} int8", convert(model, shape, _samples(shape))),
    ]


def _baseline(name: str, content: bytes) -> BenchmarkModel:
    return BenchmarkModel(name, content, None, Role.BASELINE)


def _samples(shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    return np.random.default_rng(_SEED).normal(size=(_SAMPLES, *shape))


def _random(model: tf.keras.Model) -> tf.keras.Model:
    """Moves every variable a little from where it is, and returns the model."""
    set_random_seed(_SEED)
    for variable in model.variables:
        noise = tf.random.normal(variable.shape, stddev=0.1)
        # Variances and slopes have to stay positive.
        variable.assign_add(
            noise if "kernel" in variable.name else tf.abs(noise)
        )
    return model


def _describe(
    config: NetworkConfig, features: FeatureParameters | None = None
) -> ModelMetadata:
    return ModelMetadata(
        label_names=tuple(f"word {i}" for i in range(config.classes)),
        features=features or FeatureParameters(),
        statistics=FeatureStatistics(0.0, 1.0),
        network=config,
        dataset={"name": "none", "options": {}},
    )
