"""A stream in one pass and step by step: Keras, NumPy and the file agree."""

import numpy as np
import pytest
from networks import describe
from networks import random_network

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import log_mel_stream
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.conversion.full_precision import convert_full_precision
from bifsmn_tf.conversion.integer_network import IntegerNetwork
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.conversion.stream_graph import NumpyStream
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.network.architectures import bifsmn_stream
from bifsmn_tf.network.architectures import dfsmn_stream
from bifsmn_tf.runtime.interpreter import make_interpreter

SIZES = {
    "classes": 5,
    "front_channels": 5,
    "front_outputs": 20,
    "memory_size": 40,
    "hidden_size": 24,
    "blocks": 4,
}

CASES = {
    "default": {},
    "look_back_2": {"look_back": 2},
    "strides": {"look_back": 2, "stride_back": 3},
    "no_skip": {"front_skip": False},
    "kernel_3": {"front_kernel": 3, "frames": 16},
    "two_bits": {"two_bit_sites": ("conv2", "projection", "memory")},
    "two_bits_in_memories": {"two_bit_sites": ("memory",)},
    "int8_conv2": {"int8_sites": ("conv2",)},
    "int8_projection": {"int8_sites": ("conv2", "projection")},
    "int8_behind_two_bits": {
        "int8_sites": ("projection",),
        "two_bit_sites": ("conv2", "memory", "expand", "shrink"),
    },
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def network(request):
    return random_network(bifsmn_stream(**{**SIZES, **request.param}))


def features_of(config, steps, seed=0):
    """Rows of which the last step's last one is the last."""
    rng = np.random.default_rng(seed)
    shape = (steps * config.step_frames, config.mels)
    return rng.normal(size=shape).astype(np.float32)


def test_one_pass_and_steps_agree_in_keras_numpy_and_the_file(network):
    config = network.config
    integers = IntegerNetwork(network)
    stream = NumpyStream(network.export())
    file = convert_binary(network, describe(config), audio="none")
    interpreter = make_interpreter(file.content)
    features = features_of(config, config.reach_steps(1) + 3)
    for delta in config.deltas:
        in_keras = integers.decisions(features[np.newaxis], delta).numpy()[0]
        np.testing.assert_array_equal(
            stream.decisions(features, delta), in_keras
        )
        run = interpreter.get_signature_runner(f"stream_delta_{delta}")
        state, native = stream.zeros(delta), stream.zeros(delta)
        found = []
        for start in range(0, len(features), config.step_frames):
            new = features[np.newaxis, start : start + config.step_frames]
            logits, state = stream.step(new, state, delta)
            result = run(features=new, state=native)
            native = result["state"].copy()
            np.testing.assert_array_equal(native, state)
            np.testing.assert_array_equal(result["logits"], logits)
            found.append(logits[0])
        # What the zeros at the beginning reach is past by then.
        settled = len(found) - config.reach_steps(delta) + 1
        np.testing.assert_array_equal(found[-settled:], in_keras[-settled:])


def test_floats_agree_too():
    network = random_network(bifsmn_stream(**SIZES))
    precision = Precision(residual="float32", classifier="float32")
    stream = NumpyStream(network.export(), precision)
    features = features_of(network.config, 20)
    file = convert_binary(
        network, describe(network.config), precision, audio="none"
    )
    run = make_interpreter(file.content).get_signature_runner("stream_delta_1")
    state = stream.zeros(1)
    for start in range(0, len(features), 4):
        new = features[np.newaxis, start : start + 4]
        result = run(features=new, state=state)
        logits, state = stream.step(new, state, 1)
        np.testing.assert_array_equal(result["state"], state)
        np.testing.assert_allclose(
            result["logits"], logits, rtol=1e-5, atol=1e-4
        )
    np.testing.assert_allclose(
        network.infer(features[np.newaxis], 1)[0], logits, rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize(
    "parameters", [FeatureParameters(), BOARD_FEATURES], ids=["paper", "board"]
)
@pytest.mark.parametrize(
    ("audio", "samples"),
    [("features", "float32"), ("features", "int16"), ("none", "float32")],
)
def test_sound_to_logits(parameters, audio, samples, tmp_path):
    network = random_network(bifsmn_stream(**SIZES))
    description = describe(network.config, parameters)
    path = tmp_path / "stream.tflite"
    file = convert_binary(network, description, None, audio, samples)
    path.write_bytes(file.content)
    spotter = KeywordSpotter(path)
    rng = np.random.default_rng(3)
    sound = np.rint(3000 * rng.normal(size=30000)).astype(np.float32) / 32768
    # Silence in front, and a hop is the unit of both.
    lead = np.zeros(20 * 2048 + -len(sound) % 2048 + parameters.overlap)
    heard = np.concatenate([lead, sound]).astype(np.float32)
    rows = description.statistics.normalise(log_mel_stream(heard, parameters))
    for delta in spotter.deltas:
        spotter.delta = delta
        found = spotter.steps.decisions(sound, delta)
        wanted = IntegerNetwork(network).decisions(rows[np.newaxis], delta)
        # Where features are rounded another way a bit may differ.
        close = np.abs(found - wanted[0, -len(found) :]) < 0.1
        assert close.all(axis=1).mean() >= 0.9


def test_states_have_the_sizes_that_the_page_states():
    network = random_network(bifsmn_stream(10))
    content = convert_binary(network, describe(network.config)).content
    signatures = ModelFile(content).signatures
    # 3 rows of features and of bits, a frame for each block, 7 of the residual.
    fixed = 3 * 32 * 4 + 3 * 16 * 2 + 7 * 128 * 2
    sound = 1536 * 4
    for delta, blocks in ((1, 8), (2, 4), (4, 2)):
        state = signatures[f"stream_delta_{delta}"].inputs["state"]
        assert state.shape == (1, sound + fixed + blocks * 16)


def test_full_precision_is_refused_by_name():
    network = random_network(dfsmn_stream(**{**SIZES, "blocks": 2}))
    with pytest.raises(UserError, match="streaming network in full precision"):
        convert_full_precision(network, describe(network.config))


def test_a_step_is_one_partition():
    network = random_network(bifsmn_stream(**SIZES))
    content = convert_binary(network, describe(network.config)).content
    interpreter = make_interpreter(content)
    # The first subgraph is the default one.
    interpreter.allocate_tensors()
    names = [op["op_name"] for op in interpreter._get_ops_details()]
    assert names.count("DELEGATE") == 1
    ours = [name for name in names if name != "DELEGATE"]
    assert ours and all(name.startswith("Bifsmn") for name in ours)
