"""The streaming form of the network, in Keras: causal, and the same trained."""

import numpy as np
import pytest
from networks import random_network
from trainer_cases import make_trainer
from trainer_cases import shaken

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.errors import UserError
from bifsmn_tf.network import fused
from bifsmn_tf.network.architectures import bifsmn_stream
from bifsmn_tf.network.architectures import dfsmn_stream
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.topology import nodes

SIZES = {
    "classes": 3,
    "frames": 12,
    "mels": 8,
    "front_channels": 4,
    "memory_size": 16,
    "hidden_size": 24,
    "blocks": 4,
}


def rows(config, count, seed=0, batch=2):
    shape = (batch, count, config.mels)
    values = np.random.default_rng(seed).normal(size=shape)
    return values.astype(np.float32)


@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("look_back", [0, 1, 2])
@pytest.mark.parametrize("deltas", [(1, 2, 4), (2,)])
def test_a_decision_reads_its_frames_and_no_others(kernel, look_back, deltas):
    config = bifsmn_stream(
        **{**SIZES, "front_kernel": kernel},
        look_back=look_back,
        deltas=deltas,
    )
    network = random_network(config)
    features = rows(config, config.input_frames)
    logits, states = network.infer(features, deltas[0])
    assert logits.shape == (2, 3)
    assert states[config.blocks].shape[1] == config.memory_frames
    # One more in front changes nothing; the first and the last one count.
    longer = np.concatenate([rows(config, 4, seed=1), features], axis=1)
    np.testing.assert_array_equal(network.infer(longer, deltas[0])[0], logits)
    with pytest.raises(ValueError, match="frames of features"):
        network.infer(features[:, 4:], deltas[0])


def test_what_comes_later_changes_no_decision():
    config = dfsmn_stream(**SIZES, deltas=(1, 2, 4))
    network = random_network(config)
    features = rows(config, config.input_frames + 8)
    changed = features.copy()
    changed[:, -4:] += 1
    for delta in config.deltas:
        before = network.decisions(features, delta).numpy()
        after = network.decisions(changed, delta).numpy()
        np.testing.assert_array_equal(before[:, :-1], after[:, :-1])
        assert np.all(np.any(before[:, -1] != after[:, -1], axis=-1))


@pytest.mark.parametrize("make", [dfsmn_stream, bifsmn_stream])
def test_every_cutting_gives_the_same_decisions(make):
    config = make(**SIZES, deltas=(1, 2, 4))
    network = random_network(config)
    reach, step = config.input_frames, config.step_frames
    features = rows(config, reach + 5 * step)
    for delta in config.deltas:
        whole = network.decisions(features, delta).numpy()[:, -6:]
        for i in range(6):
            cut = features[:, i * step : i * step + reach]
            np.testing.assert_allclose(
                network.infer(cut, delta)[0], whole[:, i], rtol=1e-5, atol=1e-5
            )


def test_the_last_frame_counts_whatever_their_number():
    config = bifsmn_stream(**SIZES)
    network = random_network(config)
    features = rows(config, config.input_frames + 7)
    wanted = network.infer(features, 1)[0]
    for lead in range(1, 8):
        np.testing.assert_array_equal(
            network.infer(features[:, lead:], 1)[0], wanted
        )


def test_training_sees_what_inference_computes():
    config = dfsmn_stream(**SIZES, deltas=(1, 2, 4), dropout=0.0)
    network = random_network(config)
    features = rows(config, config.input_frames, batch=96)
    # With the statistics of this very batch both are the same.
    for stage in network.stages.values():
        if stage.norm:
            stage.norm.momentum = 0.0
    logits, states = network.forward(features)
    for number, state in states.items():
        assert state.shape[1] == config.memory_frames + config.blocks - number
    found, _ = network.infer(features, 1)
    np.testing.assert_allclose(found, logits[0], rtol=0.05, atol=0.05)


@pytest.mark.skipif(
    fused._library() is None, reason="the library of training is not built"
)
def test_the_native_operations_train_the_same():
    losses, kernels = [], []
    for choice in (fused.disabled, fused.forced):
        with choice():
            set_random_seed(0)
            config = bifsmn_stream(**SIZES, deltas=(1, 2, 4))
            student = shaken(FSMN(config), 0)
            teacher = shaken(FSMN(dfsmn_stream(**SIZES)), 1)
            trainer = make_trainer(
                student, teacher, optimizer=tf.keras.optimizers.legacy.SGD(0.1)
            )
            features = rows(config, config.input_frames)
            result = trainer.train_step((features, np.array([0, 2], np.int32)))
            losses.append({k: float(v) for k, v in result.items()})
            kernels.append(
                [s.linear.kernel.numpy() for s in student.stages.values()]
            )
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    for plain, native in zip(*kernels, strict=True):
        np.testing.assert_allclose(plain, native, rtol=1e-2, atol=1e-3)


def test_bits_that_never_change_are_not_blown_up():
    network = random_network(bifsmn_stream(**SIZES))
    memory = network.stages["block2/memory"]
    memory.norm.moving_variance.assign(memory.norm.moving_variance * 0)
    memory.norm.gamma.assign(memory.norm.gamma * 0 + 0.3)
    scale, _ = memory.affine(0)
    # The two taps of a latent weight of 1.
    assert float(tf.reduce_max(scale / memory.linear.weight_scale())) < 1


def test_shapes_are_those_of_a_step():
    config = bifsmn_stream(**SIZES)
    shapes = {n.name: (n.input_shape, n.history) for n in nodes(config)}
    assert shapes["conv1"] == ((4, 8, 1), 3)
    assert shapes["conv2"] == ((2, 4, 4), 3)
    assert shapes["projection"] == ((1, 2, 48), 0)
    assert shapes["block4/memory"] == ((1, 1, 16), 1)
    assert shapes["classifier"][1] == config.memory_frames - 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"look_ahead": 1}, "knows no future"),
        ({"front_kernel": 1}, "front_kernel"),
    ],
)
def test_refuses_what_no_stream_can_be(changes, message):
    with pytest.raises(UserError, match=message):
        bifsmn_stream(**{**SIZES, **changes})
