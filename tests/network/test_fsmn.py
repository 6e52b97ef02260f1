import dataclasses
import math

import numpy as np
import numpy_reference as reference
import pytest
from fsmn_cases import BINARIZED
from fsmn_cases import CONFIGS
from fsmn_cases import OPTIONS
from fsmn_cases import SMALL
from fsmn_cases import features_of
from fsmn_cases import randomised

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.architectures import bifsmn_s
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.network.config import FLOAT_WEIGHTS
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.fsmn import FSMN


class TestInference:
    @pytest.mark.parametrize("name", list(CONFIGS))
    def test_equals_the_numpy_reference(self, name):
        config = CONFIGS[name]
        self.compare(config, randomised(config), features_of(config))

    def test_equals_the_numpy_reference_at_full_size(self):
        config = bifsmn(12)
        self.compare(config, randomised(config), features_of(config, 1))

    @staticmethod
    def compare(config, network, features):
        for delta in config.deltas:
            expect = reference.Reference(
                config, reference.weights_of(network, delta)
            )
            want, want_states = expect(features.astype(np.float64))
            # Nearer, float32 may fall on the other side of a threshold.
            assert expect.margin > 1e-5
            logits, states = network.infer(features, delta)
            assert sorted(states) == sorted(want_states)
            assert sorted(states) == list(
                range(delta, config.blocks + 1, delta)
            )
            for number, state in states.items():
                np.testing.assert_allclose(
                    state, want_states[number], rtol=1e-3, atol=2e-3
                )
            np.testing.assert_allclose(logits, want, rtol=1e-3, atol=2e-2)

    @pytest.mark.parametrize(
        "name",
        [
            "bifsmn",
            "paper",
            "front_skip",
            "mixed_precision",
            "dfsmn_thinnable",
            *BINARIZED,
            *OPTIONS,
        ],
    )
    def test_equals_training_with_the_batch_s_statistics(self, name):
        # Without this norm a dot product of 0 meets a threshold of 0, and
        # training's sum of +alpha and -alpha need not be 0 exactly.
        config = dataclasses.replace(
            {**CONFIGS, **BINARIZED, **OPTIONS}[name],
            dropout=0.0,
            projection_norm=True,
        )
        network = randomised(config)
        for layer in network.submodules:
            if isinstance(layer, layers.VariantNorm):
                layer.momentum = 0.0
        features = features_of(config, 6)
        # With momentum 0 the moving statistics are those of the batch, but
        # for the variance being the unbiased one.
        logits, states = network.forward(features)
        # A rounding apart, an 8-bit activation is a step apart.
        tolerance = 5e-2 if config.int8_sites else 1e-2
        for layer in network.submodules:
            if isinstance(layer, layers.VariantNorm):
                rows = self.rows(config, layer, network)
                layer.moving_variance.assign(
                    layer.moving_variance * (rows - 1) / rows
                )
        for i, delta in enumerate(config.deltas):
            inferred, inferred_states = network.infer(features, delta)
            np.testing.assert_allclose(
                inferred, logits[i], rtol=1e-3, atol=tolerance
            )
            for number, state in inferred_states.items():
                index = config.variants(number).index(i)
                np.testing.assert_allclose(
                    state,
                    states[number][:, :, index],
                    rtol=1e-3,
                    atol=tolerance,
                )

    @staticmethod
    def rows(config, layer, network):
        if layer is network.stages["conv1"].norm:
            return 6 * -(-config.frames // 2) * -(-config.mels // 2)
        if layer is network.stages["conv2"].norm:
            return 6 * math.prod(network.stages["conv2"].node.output_shape[:2])
        return 6 * config.memory_frames

    def test_another_depth_is_refused(self):
        network = FSMN(CONFIGS["thin"])
        with pytest.raises(ValueError, match=r"no delta 4: one of \[2, 8\]"):
            network.infer(features_of(network.config), 4)

    def test_call_gives_every_depth(self):
        config = CONFIGS["bifsmn"]
        network = randomised(config)
        features = features_of(config)
        logits = network(features)
        assert logits.shape == (3, 3, 5)
        for i, delta in enumerate(config.deltas):
            np.testing.assert_array_equal(
                logits[:, i], network.infer(features, delta)[0]
            )
        training = network(features, training=True)
        np.testing.assert_array_equal(
            training, tf.stack(network.forward(features)[0], axis=1)
        )


class TestWeights:
    def test_parameters_of_the_paper(self):
        network = FSMN(dfsmn(12))
        parameters = sum(np.prod(v.shape) for v in network.trainable_weights)
        assert parameters == 600_263

    @pytest.mark.parametrize(
        "architecture", ["bifsmn", "bifsmn_s", "bifsmn_wide"]
    )
    def test_everything_is_one_bit_but_the_ends(self, architecture):
        network = randomised(ARCHITECTURES[architecture](12))
        one_bit = [
            stage.linear
            for name, stage in network.stages.items()
            if name != "conv1"
        ]
        assert len(one_bit) == 2 + network.config.front_skip + 3 * 8
        for layer in one_bit:
            assert layer.kernel_quantizer.precision == 1
            kernel = layer.kernel.numpy()
            deployed = layer.kernel_quantizer(tf.constant(kernel)).numpy()
            np.testing.assert_allclose(
                deployed,
                np.where(kernel >= 0, 1, -1) * reference.alpha(kernel),
                rtol=1e-5,
            )
            for channel in np.moveaxis(deployed, -1, 0):
                assert len(np.unique(np.abs(channel))) == 1
        others = [
            layer
            for layer in network.submodules
            if hasattr(layer, "kernel")
            and all(layer is not known for known in one_bit)
        ]
        assert len(others) == 2
        assert network.classifier in others
        assert network.stages["conv1"].linear in others
        assert network.stages["conv1"].linear.kernel_quantizer.precision == 8

    def test_only_pointwise_weights_of_w32a1_are_floats(self):
        network = FSMN(BINARIZED["w32a1"])
        for name in ("conv2", "projection"):
            linear = network.stages[name].linear
            assert linear.kernel_quantizer.precision == 1
        for block in network.blocks:
            assert [
                stage.linear.kernel_quantizer.precision
                for stage in block.stages.values()
            ] == [1, 32, 32]

    def test_larq_agrees_that_they_are_one_bit(self):
        network = FSMN(bifsmn_s(4))
        with lq.context.quantized_scope(True):
            for layer in network.submodules:
                if not isinstance(
                    layer, (layers.BinaryDense, layers.BinaryConv2D)
                ):
                    continue
                (weights,) = layer.get_weights()
                for channel in np.moveaxis(weights, -1, 0):
                    assert len(np.unique(np.abs(channel))) == 1

    def test_norms_of_a_block_have_a_set_for_each_depth(self):
        network = FSMN(bifsmn(**SMALL))
        for number, block in enumerate(network.blocks, 1):
            expected = len(network.config.variants(number))
            for stage in block.stages.values():
                for part, name in (
                    (stage.norm, "gamma"),
                    (stage.norm, "moving_mean"),
                    (stage.prelu, "slope"),
                    (stage.sign, "thresholds"),
                ):
                    assert getattr(part, name).shape[0] == expected
        for stage in network.front:
            assert stage.norm.gamma.shape[0] == 1

    def test_slopes_of_a_binary_network_are_bounded(self):
        for config, bounded in (
            (bifsmn(**SMALL), True),
            (dfsmn(**SMALL), False),
        ):
            for stage in FSMN(config).stages.values():
                assert stage.prelu.bounded == bounded

    def test_blocks_without_a_depth_do_not_exist(self):
        network = FSMN(bifsmn(**SMALL, deltas=(2, 8)))
        assert [block.number for block in network.blocks] == [2, 4, 6, 8]

    @pytest.mark.parametrize(
        "name", ["bifsmn", "front_skip", "mixed_precision"]
    )
    def test_survives_a_checkpoint(self, tmp_path, name):
        config = CONFIGS[name]
        network = randomised(config)
        path = tf.train.Checkpoint(network=network).write(tmp_path / "weights")
        again = FSMN(config)
        tf.train.Checkpoint(network=again).read(path).assert_consumed()
        features = features_of(config)
        for delta in config.deltas:
            np.testing.assert_array_equal(
                again.infer(features, delta)[0],
                network.infer(features, delta)[0],
            )


def test_shapes_for_any_batch_in_a_graph():
    config = NetworkConfig(**SMALL, deltas=(1, 2))
    network = FSMN(config)
    specification = tf.TensorSpec((None, config.frames, config.mels))
    for function in (
        lambda x: network.infer(x, 2)[0],
        lambda x: network.forward(x)[0][1],
    ):
        run = tf.function(function, input_signature=[specification])
        assert run(features_of(config, 2)).shape == (2, 5)
        assert run(features_of(config, 7)).shape == (7, 5)


def test_another_network_starts_none():
    network = FSMN(bifsmn(**SMALL))
    narrower = FSMN(bifsmn(**{**SMALL, "hidden_size": 10}))
    with pytest.raises(ValueError, match="cannot start one with"):
        network.start_from(narrower)
    shorter = FSMN(bifsmn(**SMALL, blocks=4))
    with pytest.raises(ValueError, match="cannot start one of conv1"):
        network.start_from(shorter)


def test_a_learned_window_is_nothing_in_inference():
    features = features_of(CONFIGS["bifsmn"])
    plain = randomised(CONFIGS["bifsmn"])
    windowed = FSMN(dataclasses.replace(plain.config, learned_window=True))
    windowed.start_from(plain)
    for part in windowed.submodules:
        if hasattr(part, "window"):
            part.window.assign(tf.fill(part.window.shape, 3.0))
    for theirs, mine in zip(
        (v for v in plain.weights if "moving" in v.name),
        (v for v in windowed.weights if "moving" in v.name),
        strict=True,
    ):
        np.testing.assert_array_equal(theirs, mine)
    for delta in (1, 2, 4):
        np.testing.assert_array_equal(
            windowed.infer(features, delta)[0], plain.infer(features, delta)[0]
        )


@pytest.mark.parametrize("clipped", [True, False])
def test_latents_are_clipped_or_not(clipped):
    network = FSMN(bifsmn(**SMALL, clip_latents=clipped))
    for name in ("conv2", "projection", "block1/memory", "block1/shrink"):
        kernel = network.stages[name].linear.kernel
        found = kernel.constraint(tf.fill(kernel.shape, 3.0))
        assert np.all(found == (1.0 if clipped else 3.0))


def test_a_second_stage_starts_where_the_first_ended():
    config = bifsmn(**SMALL, learned_window=True)
    first = randomised(
        dataclasses.replace(config, kernel_quantizer=FLOAT_WEIGHTS)
    )
    second = FSMN(config)
    second.start_from(first)
    windows = {
        id(part.kernel_quantizer.window)
        for part in second.submodules
        if hasattr(part, "kernel_quantizer")
        and hasattr(part.kernel_quantizer, "window")
    }
    assert len(windows) == 2 + 3 * config.blocks
    ours = [v for v in second.weights if id(v) not in windows]
    for mine, theirs in zip(ours, first.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_dual_signs_start_from_single_ones():
    plain = randomised(CONFIGS["bifsmn"])
    dual = FSMN(dataclasses.replace(plain.config, dual_activations=True))
    dual.start_from(plain)
    again = FSMN(dual.config)
    dual.stages["conv2"].sign.scale.assign([[0.8]])
    again.start_from(dual)
    for network in (dual, again):
        np.testing.assert_array_equal(
            network.stages["conv2"].sign.first.thresholds,
            plain.stages["conv2"].sign.thresholds,
        )
    np.testing.assert_allclose(again.stages["conv2"].sign.scale, [[0.8]])
    back = FSMN(plain.config)
    back.start_from(dual)
    np.testing.assert_array_equal(
        back.stages["conv2"].sign.thresholds,
        plain.stages["conv2"].sign.thresholds,
    )


@pytest.mark.parametrize("delta", [1, 2, 4])
def test_thresholds_and_slopes_are_already_rprelu(delta, monkeypatch):
    """PReLU(x - γ) + ζ, where thresholds and biases move along, is PReLU."""
    network = randomised(CONFIGS["bifsmn"])
    features = features_of(network.config, 6)
    expected, _ = network.infer(features, delta)
    variant = network.config.deltas.index(delta)
    generator = np.random.default_rng(9)
    shifts = {}

    def move(sign, by):
        row = min(variant, sign.variants - 1)
        values = sign.thresholds.numpy()
        values[row] += by
        sign.thresholds.assign(values)

    def shifted(stage):
        channels = stage.linear.kernel.shape[-1]
        first, second = generator.normal(size=(2, channels)).astype(np.float32)
        row = min(variant, stage.prelu.variants - 1)
        # BatchNorm's own shift takes the first one up.
        values = stage.norm.beta.numpy()
        values[row] += first
        stage.norm.beta.assign(values)
        shifts[id(stage.prelu)] = first, second
        return second

    stages = network.stages
    move(stages["conv2"].sign, shifted(stages["conv1"]))
    move(stages["projection"].sign, shifted(stages["conv2"]))
    residual = shifted(stages["projection"])
    for block in network.blocks:
        if delta not in block.depths:
            continue
        memory, expand, shrink = block.stages.values()
        move(memory.sign, residual)
        residual = residual + shifted(memory)
        move(expand.sign, residual)
        move(shrink.sign, shifted(expand))
        residual = residual + shifted(shrink)
    kernel = network.classifier.kernel.numpy()
    on_all_frames = np.tile(residual, network.config.memory_frames)
    network.classifier.bias.assign_sub(on_all_frames @ kernel)

    plain = layers.VariantPReLU.apply
    moved, _ = network.infer(features, delta)
    assert np.max(np.abs(moved - expected)) > 1

    def rprelu(layer, inputs, row):
        first, second = shifts[id(layer)]
        return plain(layer, inputs - first, row) + second

    monkeypatch.setattr(layers.VariantPReLU, "apply", rprelu)
    found, _ = network.infer(features, delta)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
