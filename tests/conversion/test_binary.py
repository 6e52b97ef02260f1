"""Keras and the converted file agree, and the file is what was promised."""

import numpy as np
import pytest
from networks import describe
from networks import random_network

from bifsmn_tf.conversion import residual
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.conversion.full_precision import convert_full_precision
from bifsmn_tf.conversion.integer_network import IntegerNetwork
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.model_file.ops import residual_epilogue
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.signatures import signature_key
from bifsmn_tf.network import architectures
from bifsmn_tf.network.topology import nodes
from bifsmn_tf.runtime import interpreter as runtime

# Sizes that fill no word, vector or tile.
ODD = {
    "frames": 29,
    "mels": 23,
    "front_channels": 5,
    "front_kernel": 3,
    "memory_size": 37,
    "hidden_size": 50,
    "blocks": 4,
    "deltas": (2, 4),
}


CONFIGS = {
    "default": architectures.bifsmn(12),
    "small": architectures.bifsmn_s(12),
    "windows": architectures.bifsmn_s(12, learned_window=True),
    "paper's plain form": architectures.bifsmn(
        12,
        thresholds=False,
        prelu="shared",
        projection_norm=False,
        activation_quantizer="bifsmn_sign",
    ),
    "odd sizes": architectures.bifsmn(
        7,
        **ODD,
        look_back=3,
        look_ahead=1,
        stride_back=2,
        stride_ahead=3,
    ),
    "front skip": architectures.bifsmn(
        12, front_skip=True, front_outputs=48, deltas=(4,)
    ),
    "odd front skip": architectures.bifsmn(
        7,
        **ODD,
        front_outputs=19,
        front_skip=True,
    ),
    "wide front": architectures.bifsmn(12, front_channels=32, deltas=(4,)),
    "mixed precision": architectures.bifsmn_mixed(12, deltas=(2, 4)),
    "8 bits in a convolution": architectures.bifsmn_wide(
        12, int8_sites=("conv2",), deltas=(4,)
    ),
    "odd mixed precision": architectures.bifsmn(
        7,
        **ODD,
        front_outputs=19,
        int8_sites=("conv2", "projection"),
        prelu="shared",
        projection_norm=False,
    ),
    "8 bits behind one": architectures.bifsmn_wide(
        12, int8_sites=("projection",), deltas=(4,)
    ),
    "8 bits behind two": architectures.bifsmn(
        12,
        int8_sites=("projection",),
        two_bit_sites=("conv2", "memory"),
        deltas=(4,),
    ),
    "8 bits before two": architectures.bifsmn(
        7,
        **ODD,
        front_outputs=19,
        int8_sites=("conv2",),
        two_bit_sites=("projection", "expand"),
    ),
    "8 bits and two": architectures.bifsmn_wide(
        12,
        int8_sites=("conv2", "projection"),
        two_bit_sites=("memory", "expand", "shrink"),
        deltas=(4,),
    ),
    "two bits in front": architectures.bifsmn(
        12, two_bit_sites=("conv2", "projection"), deltas=(4,)
    ),
    "two bits and one": architectures.bifsmn_s(
        7,
        deltas=(1, 4),
        front_skip=True,
        two_bit_sites=("projection", "memory"),
    ),
    "odd two bits": architectures.bifsmn(
        7,
        **ODD,
        front_outputs=19,
        two_bit_sites=("conv2", "memory", "expand", "shrink"),
        thresholds=False,
    ),
    "long memory": architectures.bifsmn(
        12, look_back=4, look_ahead=4, hidden_size=512, deltas=(4,)
    ),
    "wide memory": architectures.bifsmn(
        12,
        look_back=3,
        look_ahead=3,
        memory_size=192,
        hidden_size=384,
        deltas=(4,),
    ),
}


CONFIGS |= {
    name: architectures.bifsmn_s(
        12, deltas=(1, 4), **architectures.BINARIZERS[name]
    )
    for name in ("bnn", "rad", "bireal", "irnet")
}


AS_TRAINED = Precision(residual="float32", classifier="float32")


def _logits(content, config, features):
    interpreter = runtime.make_interpreter(content)
    return {
        delta: np.concatenate(
            [runner(features=clip[np.newaxis])["logits"] for clip in features]
        )
        for delta in config.deltas
        for runner in [interpreter.get_signature_runner(signature_key(delta))]
    }


def _features(config, clips=40):
    rng = np.random.default_rng(1)
    shape = (clips, config.frames, config.mels)
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", CONFIGS)
def test_binary_file_agrees_with_keras(name):
    config = CONFIGS[name]
    network = random_network(config)
    features = _features(config)
    # Far out of range and on the quantizer's ties, too.
    features[0] *= 100
    features[1] = np.round(features[1] * 32) / 32 + 1 / 64
    model = convert_binary(network, describe(config), AS_TRAINED)
    found = _logits(model.content, config, features)
    for delta in config.deltas:
        wanted = network.infer(features, delta)[0].numpy()
        # Everything in front of the classifier is the same bit for bit.
        np.testing.assert_allclose(
            found[delta], wanted, atol=1e-5 * np.abs(wanted).max()
        )
        np.testing.assert_array_equal(
            found[delta].argmax(axis=1), wanted.argmax(axis=1)
        )


@pytest.mark.parametrize("name", CONFIGS)
def test_integer_file_agrees_with_tensorflow_bit_for_bit(name):
    config = CONFIGS[name]
    network = random_network(config)
    features = _features(config, 20)
    model = convert_binary(network, describe(config))
    found = _logits(model.content, config, features)
    integers = IntegerNetwork(network)
    for delta in config.deltas:
        np.testing.assert_array_equal(
            found[delta], integers.infer(features, delta).numpy()
        )


@pytest.mark.parametrize(
    "precision",
    [
        Precision(),
        Precision(classifier="float16"),
        Precision(residual="float32", classifier="int8"),
        Precision(classifier="float32", first_convolution="float32"),
    ],
)
def test_other_precisions_stay_near(precision):
    config = architectures.bifsmn(12)
    network = random_network(config)
    features = _features(config, 30)
    found = _logits(
        convert_binary(network, describe(config), precision).content,
        config,
        features,
    )
    for delta in config.deltas:
        wanted = network.infer(features, delta)[0].numpy()
        # A bit that falls on the other side changes what follows.
        error = np.median(np.abs(found[delta] - wanted))
        assert 0 < error < 0.1 * wanted.std()


def test_two_bits_are_none_of_a_first_convolution_in_floats():
    config = architectures.bifsmn_s(5, two_bit_sites=("conv2",))
    precision = Precision(first_convolution="float32")
    with pytest.raises(ValueError, match="with first_convolution int8"):
        convert_binary(random_network(config), describe(config), precision)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"two_bit_sites": ("projection", "memory", "shrink")},
        {"front_skip": True},
        {"front_skip": True, "int8_sites": ("conv2", "projection")},
    ],
)
def test_integer_residual_never_saturates(options):
    """Whatever comes in: the resolution is that of the worst case."""
    config = architectures.bifsmn_s(5, **options)
    network = random_network(config)
    exported = network.export()
    step = residual.step_of(exported)
    for delta in config.deltas:
        high = low = 0
        for node in nodes(config, delta):
            if not node.writes_residual:
                continue
            stage = residual.ResidualStage.of(exported.stage(node, delta))
            if not stage.multiplies:
                ends = np.stack([-stage.largest_dot, stage.largest_dot])
                values = np.rint(stage.epilogue(ends) / step)
                high = high + values.max(axis=0).clip(0).astype(int)
                low = low + values.min(axis=0).clip(None, 0).astype(int)
                continue
            largest = stage.largest_dot
            dots = np.arange(-largest, largest + 1)[:, np.newaxis]
            zeros = np.zeros(len(stage.epilogue.scale), np.float32)
            parameters = residual.parameters(stage, zeros, step)
            assert np.abs(parameters[:3].astype(int)).max() <= 32767
            values, _ = residual_epilogue(dots, parameters, stage.shift, None)
            high = high + values.max(axis=0).astype(int)
            low = low + values.min(axis=0).astype(int)
        assert np.max(high) <= 32767 and np.min(low) >= -32768
        # Nor is much of the range wasted.
        assert max(np.max(high), -np.min(low)) > 3000


def test_sums_of_8_bits_beyond_their_statistics_saturate():
    config = architectures.bifsmn_s(
        5, deltas=(4,), int8_sites=("conv2", "projection")
    )
    network = random_network(config)
    norm = network.stages["projection"].norm

    def projection():
        exported = network.export()
        (stage,) = exported.stages["projection"]
        step = residual.step_of(exported)
        return residual.ResidualStage.of(stage), step

    usual, step = projection()
    norm.moving_variance.assign(norm.moving_variance * 1e-6)
    norm.gamma.assign(norm.gamma * 1e-3)
    narrow, finer = projection()
    assert np.all(narrow.largest_dot < usual.largest_dot)
    assert finer < step
    features = _features(config, 20)
    model = convert_binary(network, describe(config))
    np.testing.assert_array_equal(
        _logits(model.content, config, features)[4],
        IntegerNetwork(network).infer(features, 4).numpy(),
    )


def test_depths_share_their_weights():
    config = architectures.bifsmn(12)
    network = random_network(config)
    all_depths = convert_binary(network, describe(config))
    weights = {
        name: size
        for name, size in all_depths.bytes_by_part.items()
        if name.endswith("/weights")
    }
    # conv1, conv2, projection, three a block, the classifier; each one once.
    assert len(weights) == 3 + 3 * 8 + 1
    bits = 12_800 + 32_768 + 8 * (5 * 128 + 2 * 128 * 256)
    # The classifier's are packed.
    assert weights["classifier/weights"] < 12 * 1024
    binary = sum(weights.values()) - 400 - weights["classifier/weights"]
    assert binary == bits // 8


def test_two_first_convolutions_share_their_weights():
    config = architectures.bifsmn_wide(5, int8_sites=("conv2",))
    network = random_network(config)
    parts = convert_binary(network, describe(config)).bytes_by_part
    assert parts["conv1/weights"] == 25 * 16
    # The second one, to bits, has them with other signs.
    flips = parts.get("conv1_2/weights", 25 * 16)
    assert flips == 25 * 16
    assert parts["conv1_2/thresholds"] == 4 * 16


def test_the_file_is_smaller_than_the_papers_ratio():
    """15.5 times less than the full-precision network (Table 4); here 20.

    Packed sizes depend on the weights, by 0.2 % from one seed to another.
    """
    config = architectures.bifsmn(12)
    sizes = [
        len(
            convert_binary(
                random_network(config, seed), describe(config)
            ).content
        )
        for seed in range(3)
    ]
    teacher = architectures.dfsmn(12)
    full = convert_full_precision(random_network(teacher), describe(teacher))
    assert len(full.content) / np.mean(sizes) > 20.2


def test_the_same_network_gives_the_same_bytes():
    config = architectures.bifsmn_s(5)
    network = random_network(config)
    first, second = (
        convert_binary(network, describe(config)).content for _ in range(2)
    )
    assert first == second


def test_values_of_8_bits_are_computed_once_for_all_that_read_them():
    config = architectures.bifsmn_mixed(5)
    network = random_network(config)
    parts = convert_binary(network, describe(config)).bytes_by_part
    assert not any(name.startswith("conv1_2") for name in parts)
    assert parts["conv2/weights"] == 25 * 16 * 48
    assert parts["front_skip/weights"] == 16 * 16 * 128


@pytest.mark.parametrize(
    "config",
    [
        architectures.dfsmn(12),
        architectures.dfsmn(
            6,
            look_back=3,
            look_ahead=1,
            stride_back=2,
            projection_norm=True,
            prelu="channel",
            deltas=(1, 2),
        ),
        architectures.dfsmn_s(5, front_skip=True),
        architectures.dfsmn(7, frames=29, mels=23, front_skip=True),
    ],
)
def test_float_file_agrees_with_keras(config):
    network = random_network(config)
    features = _features(config, 10)
    model = convert_full_precision(network, describe(config))
    assert not ModelFile(model.content).custom_op_names
    found = _logits(model.content, config, features)
    for delta in config.deltas:
        wanted = network.infer(features, delta)[0].numpy()
        np.testing.assert_allclose(
            found[delta], wanted, atol=1e-5 * np.abs(wanted).max()
        )


def test_the_file_describes_itself():
    config = architectures.bifsmn_s(5)
    description = describe(config)
    content = convert_binary(random_network(config), description).content
    assert ModelMetadata.of_model(ModelFile(content)) == description


def test_a_learned_window_costs_nothing():
    small, windows = (random_network(CONFIGS[n]) for n in ("small", "windows"))
    # Packed sizes depend on the weights.
    windows.start_from(small)
    sizes = [
        {
            part: size
            for part, size in convert_binary(
                network, describe(network.config)
            ).bytes_by_part.items()
            if not part.startswith(("metadata", "structure"))
        }
        for network in (small, windows)
    ]
    assert sizes[0] == sizes[1]
