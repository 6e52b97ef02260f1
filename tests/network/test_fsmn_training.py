import dataclasses

import numpy as np
import pytest
from fsmn_cases import BINARIZED
from fsmn_cases import CONFIGS
from fsmn_cases import OPTIONS
from fsmn_cases import SMALL
from fsmn_cases import features_of
from fsmn_cases import randomised

from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers
from bifsmn_tf.network import quantizers
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.layers import sign


def alone(network, index):
    """One depth of a network as a network of its own."""
    config = network.config
    single = FSMN(dataclasses.replace(config, deltas=(config.deltas[index],)))
    single.classifier.set_weights(network.classifier.get_weights())
    for name, stage in single.stages.items():
        source = network.stages[name]
        stage.linear.set_weights(source.linear.get_weights())
        for part in ("sign", "norm", "prelu"):
            if getattr(stage, part):
                values = getattr(source, part).get_weights()
                if name.startswith("block"):
                    values = [v[index : index + 1] for v in values]
                getattr(stage, part).set_weights(values)
    return single


class TestTraining:
    @pytest.mark.parametrize(
        "name", ["bifsmn", "paper", "front_skip", "dfsmn_thinnable"]
    )
    def test_all_depths_at_once_equal_each_alone(self, name):
        config = dataclasses.replace(CONFIGS[name], dropout=0.0)
        network = randomised(config)
        features = features_of(config, 4)
        singles = [alone(network, i) for i in range(len(config.deltas))]
        logits, states = network.forward(features)
        for i, (delta, single) in enumerate(
            zip(config.deltas, singles, strict=True)
        ):
            (expected,), expected_states = single.forward(features)
            np.testing.assert_allclose(
                logits[i], expected, rtol=1e-4, atol=1e-4
            )
            assert sorted(expected_states) == list(
                range(delta, config.blocks + 1, delta)
            )
            for number, state in expected_states.items():
                index = config.variants(number).index(i)
                np.testing.assert_allclose(
                    states[number][:, :, index],
                    state[:, :, 0],
                    rtol=1e-4,
                    atol=1e-4,
                )
                mine, its = (
                    net.stages[f"block{number}/memory"].norm
                    for net in (network, single)
                )
                for statistic in ("moving_mean", "moving_variance"):
                    np.testing.assert_allclose(
                        getattr(mine, statistic)[index],
                        getattr(its, statistic)[0],
                        rtol=1e-4,
                        atol=1e-4,
                    )

    def test_the_front_end_is_computed_once(self):
        config = CONFIGS["bifsmn"]
        network = FSMN(config)
        calls = {"conv1": 0, "conv2": 0, "projection": 0}

        def counted(stage, name):
            original = stage.apply_linear

            def apply_linear(inputs):
                calls[name] += 1
                return original(inputs)

            stage.apply_linear = apply_linear

        for name in calls:
            counted(network.stages[name], name)
        network.forward(features_of(config))
        assert calls == {"conv1": 1, "conv2": 1, "projection": 1}

    def test_depths_start_from_the_same_front_end(self):
        config = CONFIGS["bifsmn"]
        network = randomised(config)
        features = features_of(config, 4)
        _, states = network.forward(features)
        assert {n: s.shape[2] for n, s in states.items()} == {
            1: 1,
            2: 2,
            3: 1,
            4: 3,
            5: 1,
            6: 2,
            7: 1,
            8: 3,
        }

    @pytest.mark.parametrize(
        "name",
        # DoReFa-Net's gradient has a window of width 1, where few inputs are.
        [
            "bifsmn",
            "front_skip",
            "mixed_precision",
            "dfsmn",
            *sorted(BINARIZED.keys() - {"dorefa"}),
            *OPTIONS,
        ],
    )
    def test_every_weight_gets_a_gradient(self, name):
        config = {**CONFIGS, **BINARIZED, **OPTIONS}[name]
        network = randomised(config)
        for layer in network.submodules:
            if isinstance(layer, quantizers.Int8Activation):
                # What lies outside is what moves it.
                layer.range.assign(0.5)
        with tf.GradientTape() as tape:
            logits, _ = network.forward(features_of(config, 4))
            loss = tf.add_n([tf.reduce_sum(tf.square(x)) for x in logits])
        for variable, gradient in zip(
            network.trainable_variables,
            tape.gradient(loss, network.trainable_variables),
            strict=True,
        ):
            assert gradient is not None, variable.name
            assert np.any(gradient != 0), variable.name

    def test_progress_reaches_every_quantizer_of_ir_net(self):
        network = FSMN(BINARIZED["irnet"])
        network.set_progress(0.25)
        found = [
            float(module.progress)
            for module in network.submodules
            if isinstance(module, quantizers.ErrorDecayEstimator)
        ]
        # Weights and activations of two layers and three a block.
        assert found == [0.25] * 2 * (2 + 3 * 8)

    def test_distribution_loss_is_the_mean_over_signs(self, monkeypatch):
        seen = []
        original = layers.distribution_loss

        def recorded(x, own_axes):
            seen.append(float(original(x, own_axes)))
            return original(x, own_axes)

        monkeypatch.setattr(sign, "distribution_loss", recorded)
        config = dataclasses.replace(BINARIZED["rad"], distribution_weight=0.7)
        network = randomised(config)
        for _ in range(2):
            seen.clear()
            network.forward(features_of(config))
            np.testing.assert_allclose(
                network.distribution_loss(), 0.7 * np.mean(seen), rtol=1e-6
            )
            assert len(seen) == 2 + 3 * 8

    def test_dropout_depends_on_nothing_but_its_seed(self):
        config = CONFIGS["dfsmn"]
        assert config.dropout
        network = randomised(config)
        features = features_of(config, 4)

        def logits(seed):
            seed = None if seed is None else tf.constant(seed, tf.int32)
            return network.forward(features, seed)[0][0].numpy()

        np.testing.assert_array_equal(logits([64, 0]), logits([64, 0]))
        assert np.any(logits([64, 0]) != logits([128, 0]))
        assert np.any(logits([64, 0]) != logits([64, 1]))
        np.testing.assert_array_equal(logits(None), logits(None))
        assert np.any(logits(None) != logits([64, 0]))

    def test_dropout_masks_are_all_different(self):
        config = dfsmn(**{**SMALL, "hidden_size": 16}, deltas=(1, 2, 4))
        masks = []
        original = tf.nn.experimental.stateless_dropout

        def recorded(x, rate, seed):
            masks.append(tuple(seed.numpy()))
            return original(x, rate, seed=seed)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tf.nn.experimental, "stateless_dropout", recorded)
            network = FSMN(config)
            for step in range(3):
                network.forward(
                    features_of(config), tf.constant([64 * step, 7])
                )
        assert len(masks) == 3 * (2 * 8 + 3)
        assert len(set(masks)) == len(masks)
