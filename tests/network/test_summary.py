import math
import subprocess
import sys

import numpy as np
import pytest

from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.architectures import BINARIZERS
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.architectures import bifsmn_s
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.network.architectures import dfsmn_s
from bifsmn_tf.network.config import FLOAT_WEIGHTS
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.costs import summarise
from bifsmn_tf.network.summary import text

SMALL = {
    "frames": 13,
    "mels": 10,
    "front_channels": 6,
    "front_kernel": 3,
    "memory_size": 24,
    "hidden_size": 40,
}

CONFIGS = {
    **{name: make(12) for name, make in ARCHITECTURES.items()},
    "small": bifsmn(5, **SMALL, look_back=3, stride_back=2),
    "plain": bifsmn(
        5, **SMALL, thresholds=False, prelu="shared", projection_norm=False
    ),
    "thin": bifsmn(5, **SMALL, deltas=(2, 8)),
    "front skip": bifsmn(5, **SMALL, front_outputs=20, front_skip=True),
    "plain front skip": bifsmn(
        5, **SMALL, front_skip=True, thresholds=False, prelu="shared"
    ),
    "mixed precision with a skip": bifsmn(
        5, **SMALL, front_skip=True, int8_sites=("conv2", "projection")
    ),
    "skip beside 8 bits": bifsmn(
        5, **SMALL, front_skip=True, int8_sites=("conv2",)
    ),
    "mixed precision": bifsmn(
        5,
        **SMALL,
        float_sites=("memory", "projection"),
        int8_sites=("conv2", "shrink"),
    ),
    **{
        name: bifsmn(5, **SMALL, deltas=(1, 4), **changes)
        for name, changes in BINARIZERS.items()
    },
    "windows": bifsmn(5, **SMALL, learned_window=True),
    "dual": bifsmn(5, **SMALL, dual_activations=True, learned_window=True),
    "dual_plain": bifsmn(5, **SMALL, dual_activations=True, thresholds=False),
    "two bits": bifsmn(
        5,
        **SMALL,
        front_skip=True,
        two_bit_sites=("conv2", "projection", "shrink"),
        learned_window=True,
    ),
    "first_stage": bifsmn(5, **SMALL, kernel_quantizer=FLOAT_WEIGHTS),
    "dual beside 8 bits": bifsmn(
        5,
        **SMALL,
        dual_activations=True,
        learned_window=True,
        int8_sites=("shrink",),
    ),
    "float": dfsmn(5, **SMALL, deltas=(1, 4), prelu="channel"),
}


def flops(config):
    """The paper's figures: millions, two decimals, by δ."""
    summary = summarise(config)
    return [f"{summary.paper_flops(d) / 1e6:.2f}" for d in config.deltas]


class TestPaper:
    @pytest.mark.parametrize(
        ("classes", "full", "binary"),
        [
            (12, "710.15", ["40.46", "29.90", "24.62"]),
            (20, "711.20", ["41.50", "30.95", "25.67"]),
            (35, "713.16", ["43.47", "32.91", "27.63"]),
        ],
    )
    def test_flops_of_table_2(self, classes, full, binary):
        assert flops(dfsmn(classes)) == [full]
        assert flops(bifsmn(classes)) == binary

    @pytest.mark.parametrize(
        ("binarizer", "found"),
        [
            ("dorefa", "40.46"),
            ("bnn", "35.87"),
            ("rad", "35.87"),
            ("xnor", "45.04"),
            ("bireal", "40.46"),
            ("irnet", "40.46"),
        ],
    )
    def test_flops_of_other_binarizers_in_table_2(self, binarizer, found):
        config = bifsmn(12, deltas=(1,), **BINARIZERS[binarizer])
        assert flops(config) == [found]

    def test_flops_of_xnor_with_35_classes(self):
        assert flops(bifsmn(35, deltas=(1,), **BINARIZERS["xnor"])) == ["48.06"]

    def test_flops_of_the_small_network_in_table_3(self):
        assert flops(dfsmn_s(12)) == ["91.62"]
        assert flops(bifsmn_s(12)) == ["11.94", "10.08", "9.16"]

    @pytest.mark.parametrize("config", [dfsmn(12), bifsmn(12)])
    def test_macs_of_the_reference(self, config):
        summary = summarise(config)
        macs = {layer.name: layer.macs for layer in summary.layers}
        assert macs["conv1"] == 102_400
        assert macs["conv2"] == 819_200
        assert macs["projection"] == 262_144
        assert macs["classifier"] == 12_288
        for number in range(1, 9):
            parts = [
                macs[f"block{number}/{part}"]
                for part in ("memory", "expand", "shrink")
            ]
            assert sum(parts) == 529_408
        totals = summary.at(1)
        assert totals.binary_macs + totals.other_macs == 5_431_296
        assert totals.binary_macs == (5_316_608 if config.binary else 0)

    def test_parameters(self):
        assert summarise(dfsmn(12)).at(1).parameters == 600_263


@pytest.mark.parametrize("name", list(CONFIGS))
class TestNetwork:
    """Against the variables of the network as it is built."""

    @pytest.fixture
    def network(self, name):
        from bifsmn_tf.network.fsmn import FSMN

        return FSMN(CONFIGS[name])

    def test_has_as_many_variables_layer_by_layer(self, name, network):
        summary = summarise(CONFIGS[name])
        counted = set()
        for layer in summary.layers:
            found = self.find(network, layer.name)
            # A skip may share a sign's thresholds.
            own = [v for v in found.trainable_weights if id(v) not in counted]
            counted |= {id(v) for v in own}
            trainable = sum(math.prod(v.shape) for v in own)
            moving = sum(
                math.prod(v.shape) for v in found.non_trainable_weights
            )
            assert trainable == (
                layer.weights + layer.biases + layer.variants * layer.floats
            )
            assert moving == layer.variants * layer.statistics
        totals = summary.file()
        assert totals.parameters + totals.statistics == network.count_params()

    def test_has_weights_of_as_many_bits(self, name, network):
        for layer in summarise(CONFIGS[name]).layers:
            found = self.find(network, layer.name)
            linear = getattr(found, "linear", found)
            assert math.prod(linear.kernel.shape) == layer.weights
            quantizer = getattr(linear, "kernel_quantizer", None)
            bits = quantizer.precision if quantizer else 32
            if layer.name == "classifier" and CONFIGS[name].binary:
                # Trained in floats, converted to bytes.
                bits = 8
            assert layer.bits == bits

    def test_gives_outputs_of_these_shapes(self, name, network):
        config = CONFIGS[name]
        frames = config.input_frames
        features = np.zeros((1, frames, config.mels), np.float32)
        shapes = {x.name: x.output_shape for x in summarise(config).layers}
        given = {}

        def recorded(stage):
            infer = stage.infer

            def record(*arguments, **others):
                result = infer(*arguments, **others)
                given[stage.node.name] = tuple(result.shape)
                return result

            return record

        for stage in network.stages.values():
            stage.infer = recorded(stage)
        for delta in config.deltas:
            network.infer(features, delta)
        assert given.keys() == shapes.keys() - {"classifier"}
        for name, shape in given.items():
            frames, *_, channels = shapes[name]
            bands = shapes[name][1:-1] or (1,)
            if config.streaming:
                # Of a step; the stretch has more.
                frames = max(frames, shape[1])
            assert shape == (1, frames, *bands, channels)

    @staticmethod
    def find(network, name):
        if name == "classifier":
            return network.classifier
        return network.stages[name]


def test_operations_of_the_input_scale_of_xnor_net():
    xnor, bnn = (
        summarise(bifsmn(12, deltas=(1,), **BINARIZERS[name]))
        for name in ("xnor", "bnn")
    )
    found = {x.name: x.scale_macs for x in xnor.layers if x.scale_macs}
    outputs, hidden = 8 * 128, 8 * 256
    expected = {
        # Mean over channels, box filter, product with each output.
        "conv2": 16 * 16 * 16 + 8 * 8 * 25 + 8 * 8 * 32,
        "projection": 8 * 8 * 32 + outputs,
    }
    for number in range(1, 9):
        expected[f"block{number}/memory"] = outputs * 5 + outputs
        expected[f"block{number}/expand"] = outputs + hidden
        expected[f"block{number}/shrink"] = hidden + outputs
    assert found == expected
    assert xnor.at(1).binary_macs == bnn.at(1).binary_macs
    assert xnor.at(1).other_macs == bnn.at(1).other_macs + sum(
        expected.values()
    )
    assert all(x.scale_macs == 0 for x in bnn.layers)
    mixed = summarise(
        bifsmn(12, **BINARIZERS["xnor"], int8_sites=("conv2", "shrink"))
    )
    assert {x.name.split("/")[-1] for x in mixed.layers if x.scale_macs} == {
        "projection",
        "memory",
        "expand",
    }


def test_most_weights_of_w32a1_are_floats():
    totals = summarise(bifsmn(12, deltas=(1,), **BINARIZERS["w32a1"])).at(1)
    pointwise = 8 * 2 * 128 * 256
    assert totals.one_bit == 574_976 - pointwise
    assert totals.other_macs == 102_400 + 12_288 + 8 * pointwise
    assert totals.bytes > 4 * pointwise


@pytest.mark.parametrize(
    "name",
    [
        "bifsmn_s",
        "small",
        "plain",
        "thin",
        "front skip",
        "plain front skip",
        "bnn",
        "rad",
        "bireal",
        "irnet",
        "windows",
    ],
)
def test_bytes_are_those_of_the_converter(name, monkeypatch):
    from bifsmn_tf.audio.log_mel import FeatureParameters
    from bifsmn_tf.audio.log_mel import FeatureStatistics
    from bifsmn_tf.conversion import binary as converter
    from bifsmn_tf.conversion import depth_graph
    from bifsmn_tf.model_file.metadata import ModelMetadata
    from bifsmn_tf.network.fsmn import FSMN

    config = CONFIGS[name]
    network = FSMN(config)
    generator = np.random.default_rng(0)
    for variable in network.trainable_weights:
        # Equal constants would be stored once.
        values = generator.normal(size=variable.shape)
        if variable.constraint and "slope" in variable.name:
            values = variable.constraint(np.abs(values).astype(np.float32))
        variable.assign(values)
    labels = tuple(f"word{i}" for i in range(config.classes))
    description = ModelMetadata(
        labels,
        FeatureParameters(),
        FeatureStatistics(0.0, 1.0),
        config,
        {"name": "none", "options": {}},
    )
    packed = len(converter.convert_binary(network, description).content)

    def plain(rows):
        # The classifier's are of 8 bits.
        weights = rows.ndim == 2 and len(rows) == config.classes
        return rows.astype(np.int8) if weights else rows

    monkeypatch.setattr(depth_graph, "pack_integers", plain)
    converted = converter.convert_binary(network, description)
    assert packed < len(converted.content)
    constants = {
        part: size
        for part, size in converted.bytes_by_part.items()
        if part != "structure" and not part.startswith("metadata")
    }
    summary = summarise(config)
    assert summary.file().bytes == sum(constants.values())
    for layer in summary.layers:
        if not layer.name.endswith("shrink"):
            continue
        weights = constants[f"{layer.name}/weights"]
        inputs = config.hidden_size
        assert weights == config.memory_size * 2 * -(-inputs // 16)


def test_bytes_of_a_site_are_those_of_its_bits():
    plain, bytes_, floats = (
        {layer.name: layer for layer in summarise(bifsmn(12, **sites)).layers}
        for sites in (
            {},
            {"int8_sites": ("conv2", "memory")},
            {"float_sites": ("conv2", "memory")},
        )
    )
    assert plain["conv2"].file_bytes == 12_800 // 8 + 2 * 32
    assert bytes_["conv2"].file_bytes == 12_800 + 16 * 32
    assert floats["conv2"].file_bytes == 4 * 12_800 + 16 * 32
    # Three depths run through the fourth block.
    assert bytes_["block4/memory"].file_bytes == 5 * 128 + 3 * 16 * 128
    assert bytes_["block4/expand"] == plain["block4/expand"]


def test_totals_of_depths_and_file():
    summary = summarise(bifsmn(12))
    totals = [summary.at(delta) for delta in (1, 2, 4)]
    file = summary.file()
    for thinner, thicker in zip(totals[1:], totals, strict=False):
        assert thinner.one_bit < thicker.one_bit
        assert thinner.bytes < thicker.bytes
        assert thinner.binary_macs < thicker.binary_macs
        assert thinner.other_macs == thicker.other_macs
    assert file.one_bit == totals[0].one_bit
    assert totals[0].bytes < file.bytes < sum(t.bytes for t in totals)
    assert file.binary_macs is None
    assert 0.9 < file.one_bit_share < 1
    assert summarise(dfsmn(12)).file().one_bit_share == 0


def test_another_depth_is_refused():
    with pytest.raises(ValueError, match=r"no delta 8: one of \[1, 2, 4\]"):
        summarise(bifsmn(12)).at(8)
    with pytest.raises(ValueError, match="no delta 3"):
        summarise(bifsmn(12)).paper_flops(3)


def test_table_has_every_layer_and_depth():
    summary = summarise(NetworkConfig(4, blocks=2, deltas=(1, 2), binary=True))
    lines = text(summary).splitlines()
    for layer in summary.layers:
        (line,) = [x for x in lines if x.startswith(f"{layer.name} ")]
        assert f"{layer.weights:,}" in line
        assert f"{layer.macs:,}" in line
    assert any(line.startswith("δ = 2") for line in lines)
    assert any(line.startswith("file") for line in lines)


def test_command_needs_no_tensorflow():
    command = (
        "import runpy, sys; sys.argv = ['summary', '--classes=20']; "
        "sys.modules['tensorflow'] = None; "
        "runpy.run_module('bifsmn_tf.network.summary', run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-c", command],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "41.50 M" in result.stdout


def test_windows_cost_nothing():
    plain, windows = (
        summarise(bifsmn(12, learned_window=learned))
        for learned in (False, True)
    )
    assert windows.file().bytes == plain.file().bytes
    for delta in (1, 2, 4):
        assert windows.at(delta).binary_macs == plain.at(delta).binary_macs


def test_dual_activations_cost_every_binary_product_twice():
    plain, dual = (
        summarise(bifsmn(12, dual_activations=two)) for two in (False, True)
    )
    for delta in (1, 2, 4):
        assert dual.at(delta).binary_macs == 2 * plain.at(delta).binary_macs
        assert dual.at(delta).other_macs == plain.at(delta).other_macs
    assert dual.file().one_bit == plain.file().one_bit
    by_name = {x.name: x for x in dual.layers}
    for layer in plain.layers:
        more = by_name[layer.name].file_bytes - layer.file_bytes
        # Two thresholds a channel, of four bytes or of two, and a scale.
        outputs = layer.output_shape[-1]
        expected = {"conv1": 8 * outputs, "classifier": 0, "conv2": 4 * outputs}
        depths = len(layer.depths)
        wanted = expected.get(layer.name, depths * 4 * outputs)
        if layer.name in ("conv2", "projection"):
            wanted += 2
        elif "/" in layer.name:
            wanted += 2 * depths
        assert more == wanted, layer.name


def test_two_bits_cost_their_products_twice_and_two_more_thresholds():
    plain, two = (
        summarise(bifsmn(12, two_bit_sites=sites))
        for sites in ((), ("conv2", "memory"))
    )
    by_name = {x.name: x for x in two.layers}
    for layer in plain.layers:
        found = by_name[layer.name]
        doubled = layer.name == "conv2" or layer.name.endswith("/memory")
        assert found.macs == layer.macs * (2 if doubled else 1), layer.name
        assert found.bits == layer.bits
        more = found.file_bytes - layer.file_bytes
        outputs = layer.output_shape[-1]
        # What conv2 reads is parted by thresholds of 32 bits, what a memory
        # does by the depth's own of 16.
        wanted = {"conv1": 8 * outputs, "projection": 3 * 4 * outputs}
        if layer.name.endswith("/shrink") and layer.name != "block8/shrink":
            wanted[layer.name] = len(layer.depths) * 4 * outputs
        assert more == wanted.get(layer.name, 0), layer.name


def test_float_weights_are_counted_as_floats():
    config = CONFIGS["first_stage"]
    totals = summarise(config).file()
    assert totals.one_bit == 0
    assert totals.bytes > 4 * summarise(CONFIGS["small"]).file().one_bit
