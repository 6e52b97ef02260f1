import dataclasses
import json

import pytest

from bifsmn_tf.network import architectures
from bifsmn_tf.network import config as network_config
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.topology import nodes


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_survives_json(name):
    config = ARCHITECTURES[name](12, look_back=3, frames=40)
    text = json.dumps(config.to_dict())
    again = NetworkConfig.from_dict(json.loads(text))
    assert again == config
    assert isinstance(again.deltas, tuple)


def test_every_field_says_what_it_is():
    for field in dataclasses.fields(NetworkConfig):
        if field.name != "classes":
            sentence = field.metadata["help"]
            assert sentence[0].isupper() and sentence.endswith(".")


def test_sites_have_bits():
    config = architectures.bifsmn(
        12, float_sites=("memory",), int8_sites=("conv2", "shrink")
    )
    assert [config.bits(site) for site in network_config.SITES] == [
        8,
        1,
        32,
        1,
        8,
    ]
    teacher = architectures.dfsmn(12)
    assert {teacher.bits(site) for site in network_config.SITES} == {32}


def test_unknown_settings_are_refused():
    values = {**architectures.bifsmn(12).to_dict(), "depth": 3, "colour": 1}
    with pytest.raises(ValueError, match="'colour', 'depth'"):
        NetworkConfig.from_dict(values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(
            ({name: 0}, f"{name} must be at least 1")
            for name in (
                "classes",
                "frames",
                "mels",
                "front_channels",
                "front_kernel",
                "memory_size",
                "hidden_size",
                "blocks",
                "stride_back",
                "stride_ahead",
            )
        ),
        ({"look_back": -1}, "look_back"),
        ({"front_outputs": -1}, "front_outputs"),
        ({"look_ahead": -1}, "look_ahead"),
        ({"prelu": "both"}, "'both'"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"distribution_weight": -1.0, "binary": True}, "not be negative"),
        ({"distribution_weight": float("nan")}, "not be negative"),
        ({"distribution_weight": 1.0}, "of binary networks"),
        ({"input_scale": True}, "input_scale is a setting of binary networks"),
        ({"float_pointwise": True}, "of binary networks"),
        (
            {"input_scale": True, "binary": True, "thresholds": True},
            "set thresholds to False",
        ),
        ({"learned_window": True}, "learned_window is a setting of binary"),
        ({"dual_activations": True}, "of binary networks"),
        (
            {
                "learned_window": True,
                "binary": True,
                "kernel_quantizer": "bifsmn_sign",
            },
            "needs the kernel quantizer bifsmn_scaled_sign, not bifsmn_sign",
        ),
        ({"deltas": ()}, "deltas"),
        ({"deltas": (2, 1)}, "ascend"),
        ({"deltas": (1, 1)}, "repeats"),
        ({"deltas": (3,), "blocks": 6}, "power of two"),
        ({"deltas": (1, 4), "blocks": 6}, "divides"),
        ({"deltas": (0, 1)}, "power of two"),
        ({"binary": True, "float_sites": ("conv1",)}, "have no 'conv1'"),
        (
            {
                "binary": True,
                "float_sites": ("memory",),
                "int8_sites": ("expand", "memory"),
            },
            "memory is named twice",
        ),
        (
            {
                "binary": True,
                "int8_sites": ("conv2",),
                "two_bit_sites": ("conv2",),
            },
            "conv2 is named twice",
        ),
        ({"two_bit_sites": ("memory",)}, "full precision everywhere"),
        ({"int8_sites": ("memory",)}, "full precision everywhere"),
    ],
)
def test_what_makes_no_network_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**{"classes": 12, **changes})


def test_is_a_value():
    config = architectures.bifsmn(12)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.classes = 20
    assert NetworkConfig(12, deltas=[1, 2]).deltas == (1, 2)


@pytest.mark.parametrize(
    ("frames", "mels", "memory_frames", "bands"),
    [(32, 32, 8, 8), (33, 40, 9, 10), (1, 1, 1, 1), (98, 29, 25, 8)],
)
def test_sizes_behind_the_front_end(frames, mels, memory_frames, bands):
    config = NetworkConfig(12, frames=frames, mels=mels)
    assert config.memory_frames == memory_frames
    (projection,) = (n for n in nodes(config) if n.name == "projection")
    assert projection.input_shape[:2] == (memory_frames, bands)


def test_variants_are_the_first_depths():
    config = architectures.bifsmn(12)
    by_block = {block: config.variants(block) for block in range(1, 9)}
    assert by_block == {
        1: (0,),
        2: (0, 1),
        3: (0,),
        4: (0, 1, 2),
        5: (0,),
        6: (0, 1),
        7: (0,),
        8: (0, 1, 2),
    }
    thin = NetworkConfig(12, deltas=(2, 8))
    assert [thin.variants(b) for b in (1, 2, 8)] == [(), (0,), (0, 1)]


def test_the_paper_s_architectures():
    teacher = architectures.dfsmn(12)
    assert not teacher.binary
    assert teacher.deltas == (1,)
    student = architectures.bifsmn(12)
    assert student.binary
    assert student.deltas == (1, 2, 4)
    assert (student.memory_size, student.hidden_size, student.taps) == (
        128,
        256,
        5,
    )
    small = architectures.bifsmn_s(12)
    assert (small.memory_size, small.hidden_size, small.front_kernel) == (
        32,
        64,
        3,
    )
    assert architectures.bifsmn(12, deltas=(1,), blocks=4).blocks == 4


@pytest.mark.parametrize("name", list(architectures.BINARIZERS))
def test_binarizers_change_nothing_but_how_to_binarize(name):
    changes = architectures.BINARIZERS[name]
    config = architectures.bifsmn(12, deltas=(1,), **changes)
    plain = architectures.bifsmn(12, deltas=(1,))
    differing = {
        key
        for key, value in dataclasses.asdict(config).items()
        if value != dataclasses.asdict(plain)[key]
    }
    assert differing <= {
        "activation_quantizer",
        "kernel_quantizer",
        "input_scale",
        "float_pointwise",
        "distribution_weight",
        "thresholds",
    }
    assert not config.thresholds
    assert NetworkConfig.from_dict(config.to_dict()) == config


def test_weights_of_a_first_stage_are_not_one_bit():
    student = architectures.bifsmn(12)
    assert student.one_bit_weights
    assert not dataclasses.replace(
        student, kernel_quantizer=network_config.FLOAT_WEIGHTS
    ).one_bit_weights
    assert not architectures.dfsmn(12).one_bit_weights
