"""Keras and the file, a stream and one pass, engine and engine."""

import functools

import numpy as np
import pytest
from drawn import arrays
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from networks import describe
from networks import random_network

from bifsmn_tf import KeywordSpotter
from bifsmn_tf import StreamingSpotter
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.conversion.integer_network import IntegerNetwork
from bifsmn_tf.model_file.signatures import signature_key
from bifsmn_tf.network import architectures
from bifsmn_tf.runtime.interpreter import make_interpreter
from bifsmn_tf.runtime.runners import ENGINES

# Sizes that fill no word, vector or tile.
ODD = {"frames": 13, "mels": 11, "front_kernel": 3, "blocks": 4}


def assert_the_file_is_keras(config, features):
    network = random_network(config)
    model = convert_binary(network, describe(config)).content
    integers = IntegerNetwork(network)
    interpreter = make_interpreter(model)
    for delta in config.deltas:
        run = interpreter.get_signature_runner(signature_key(delta))
        found = [run(features=clip[None])["logits"][0] for clip in features]
        wanted = integers.infer(features, delta).numpy()
        np.testing.assert_array_equal(found, wanted)


@settings(max_examples=4)
@given(
    sizes=st.fixed_dictionaries(
        {
            "front_channels": st.integers(1, 9),
            "memory_size": st.integers(1, 70),
            "hidden_size": st.integers(1, 70),
            "look_back": st.integers(0, 3),
            "look_ahead": st.integers(0, 3),
            "stride_back": st.integers(1, 3),
            "deltas": st.sampled_from([(1,), (2,), (1, 4)]),
        }
    ),
    data=st.data(),
)
def test_networks_of_any_size(sizes, data):
    config = architectures.bifsmn(5, **ODD, **sizes)
    features = arrays(data, (3, config.frames, config.mels))
    assert_the_file_is_keras(config, features)


@functools.cache
def small():
    """A network in Keras' integers and its file, once for all examples."""
    config = architectures.bifsmn(
        5, **ODD, front_channels=5, memory_size=37, hidden_size=50, deltas=(2,)
    )
    network = random_network(config)
    content = convert_binary(network, describe(config)).content
    runner = make_interpreter(content).get_signature_runner(signature_key(2))
    return config, IntegerNetwork(network), runner


@given(data=st.data(), scale=st.sampled_from([1e-3, 0.5, 1.0, 30.0]))
def test_any_features(data, scale):
    config, integers, run = small()
    features = arrays(data, (1, config.frames, config.mels), scale)
    np.testing.assert_array_equal(
        run(features=features)["logits"], integers.infer(features, 2).numpy()
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file that reads a stream."""
    config = architectures.bifsmn_stream(
        4, blocks=2, memory_size=32, hidden_size=24, deltas=(1, 2)
    )
    network = random_network(config)
    content = convert_binary(network, describe(config, BOARD_FEATURES)).content
    path = tmp_path_factory.mktemp("stream") / "model.tflite"
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def spotters(model):
    return [KeywordSpotter(model, engine=engine) for engine in ENGINES]


@given(
    sizes=st.lists(st.integers(0, 6000), max_size=12),
    level=st.sampled_from([0.0, 1e-3, 0.2, 1.0]),
    seed=st.integers(0, 2**32 - 1),
    delta=st.sampled_from([1, 2]),
)
def test_a_stream_in_pieces_is_one_pass(spotters, sizes, level, seed, delta):
    rng = np.random.default_rng(seed)
    sound = (level * rng.normal(size=sum(sizes))).clip(-1, 1).astype(np.float32)
    found = []
    for spotter in spotters:
        spotter.delta = delta
        whole = StreamingSpotter(spotter).push(sound)
        stream = StreamingSpotter(spotter)
        ends = np.cumsum([0, *sizes])
        cut = zip(ends[:-1], ends[1:], strict=True)
        pieces = [d for a, b in cut for d in stream.push(sound[a:b])]
        assert [d.end for d in pieces] == [d.end for d in whole]
        found.append([d.probabilities for d in pieces])
        np.testing.assert_array_equal(
            found[-1], [d.probabilities for d in whole]
        )
    np.testing.assert_array_equal(*found)
