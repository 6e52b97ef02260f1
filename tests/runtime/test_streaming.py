"""A stream in chunks of any size against the clips in it."""

import dataclasses

import numpy as np
import pytest
from networks import describe

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.conversion.audio_signatures import add_frame_signature
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import metadata as descriptions
from bifsmn_tf.model_file.signatures import signature_key
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.network.architectures import bifsmn_s
from bifsmn_tf.runtime.streaming import StreamingSpotter

SECONDS = 3
LABELS = 4


def spotter_file(path, features, with_frames):
    """A model whose logits are a fixed matrix product of the features."""
    description = describe(bifsmn_s(LABELS), features)
    writer = ModelWriter("linear")
    weights = np.random.default_rng(0).normal(size=(LABELS, 32 * 32))
    weights = (0.01 * weights).astype(np.float32)
    for delta in description.network.deltas:
        key = signature_key(delta)
        graph = writer.subgraph(key)
        entry = graph.input("features", (1, 32, 32), np.float32)
        logits = graph.fully_connected(
            entry, weights * delta, np.zeros(LABELS, np.float32), "logits"
        )
        graph.output("logits", logits)
        writer.signature(key, graph)
    if with_frames:
        add_frame_signature(
            writer, description.features, description.statistics
        )
    writer.metadata(descriptions.NAME, description.to_bytes())
    path.write_bytes(writer.build())
    return path


CASES = {
    "frame": (FeatureParameters(), True),
    "numpy": (FeatureParameters(), False),
    "board_frame": (BOARD_FEATURES, True),
    "board_numpy": (BOARD_FEATURES, False),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def spotter(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "linear.tflite"
    return KeywordSpotter(spotter_file(path, *request.param))


def first_end(spotter):
    """Samples of a stream up to its first decision."""
    return 31 * 512 + spotter.metadata.features.frame_length


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(1)
    loudness = np.abs(np.sin(np.arange(SECONDS * 16000) / 3000))
    samples = 0.2 * loudness * rng.standard_normal(SECONDS * 16000)
    return samples.astype(np.float32)


def softmax(logits):
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def expected(spotter, sound):
    """Decisions from the features of the sound as one long clip."""
    parameters = dataclasses.replace(
        spotter.metadata.features, duration=len(sound) / 16000
    )
    features = spotter.metadata.statistics.normalise(log_mel(sound, parameters))
    length = parameters.frame_length
    # A frame of a stream starts where one of a clip is centred.
    first = length // 2 // 512
    inside = features[first : first + 1 + (len(sound) - length) // 512]
    windows = np.stack([inside[i : i + 32] for i in range(len(inside) - 31)])
    return [softmax(logits) for logits in spotter.logits(windows)]


def assert_decisions(spotter, decisions, wanted):
    assert [d.end for d in decisions] == [
        first_end(spotter) + 512 * i for i in range(len(wanted))
    ]
    np.testing.assert_allclose(
        [d.probabilities for d in decisions], wanted, atol=1e-4
    )


@pytest.mark.parametrize("chunk", [160, 511, 512, 513, 2048, 7001, 48000])
def test_equals_the_clip_in_chunks_of_any_size(spotter, sound, chunk):
    stream = StreamingSpotter(spotter)
    decisions = []
    for start in range(0, len(sound), chunk):
        decisions += stream.push(sound[start : start + chunk])
    assert_decisions(spotter, decisions, expected(spotter, sound))


def test_random_chunks_some_of_them_empty(spotter, sound):
    rng = np.random.default_rng(2)
    stream = StreamingSpotter(spotter)
    decisions = []
    start = 0
    while start < len(sound):
        chunk = int(rng.choice([0, 1, 700, 3000]))
        decisions += stream.push(sound[start : start + chunk])
        start += chunk
    assert_decisions(spotter, decisions, expected(spotter, sound))


def test_a_decision_comes_with_its_last_sample(spotter, sound):
    stream = StreamingSpotter(spotter)
    end = first_end(spotter)
    assert stream.push(sound[: end - 1]) == []
    (first,) = stream.push(sound[end - 1 : end])
    assert first.end == end
    assert first.probabilities.shape == (len(stream.labels),)
    assert first.probabilities.sum() == pytest.approx(1)


def test_integers(spotter, sound):
    integers = np.round(sound * 32767).astype(np.int16)
    floats = integers.astype(np.float32) / 32768
    one, other = StreamingSpotter(spotter), StreamingSpotter(spotter)
    assert_decisions(
        spotter,
        one.push(integers),
        [d.probabilities for d in other.push(floats)],
    )


def test_starts_anew(spotter, sound):
    stream = StreamingSpotter(spotter)
    stream.push(sound[:20000] + 0.1)
    stream.reset()
    assert_decisions(spotter, stream.push(sound), expected(spotter, sound))


def test_depth_is_the_spotters(spotter, sound):
    stream = StreamingSpotter(spotter)
    spotter.delta = 4
    shallow = stream.push(sound)
    try:
        assert_decisions(spotter, shallow, expected(spotter, sound))
    finally:
        spotter.delta = 1
    stream.reset()
    assert_decisions(spotter, stream.push(sound), expected(spotter, sound))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 100), np.float32), "a stream is"),
        (np.zeros(100, np.uint8), "float in"),
        (np.full(100, np.nan, np.float32), "not finite"),
    ],
)
def test_refuses_what_is_no_stream(spotter, samples, message):
    with pytest.raises(UserError, match=message):
        StreamingSpotter(spotter).push(samples)
