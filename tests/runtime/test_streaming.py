"""A stream in chunks of any size against the clips in it."""

import numpy as np
import pytest
from networks import describe

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import log_mel_stream
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


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(1)
    loudness = np.abs(np.sin(np.arange(SECONDS * 16000) / 3000))
    samples = 0.2 * loudness * rng.standard_normal(SECONDS * 16000)
    return samples.astype(np.float32)


def softmax(logits):
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def expected(spotter, sound, hops=1):
    """Decisions from the features of the sound behind silence."""
    parameters = spotter.metadata.features
    silence = np.zeros(31 * 512 + parameters.overlap, np.float32)
    decibel = log_mel_stream(np.concatenate([silence, sound]), parameters)
    features = spotter.metadata.statistics.normalise(decibel)
    windows = np.stack(
        [
            features[i : i + 32]
            for i in range(hops - 1, len(features) - 31, hops)
        ]
    )
    return [softmax(logits) for logits in spotter.logits(windows)]


def assert_decisions(decisions, wanted, step=512):
    assert [d.end for d in decisions] == [
        step * (i + 1) for i in range(len(wanted))
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
    assert_decisions(decisions, expected(spotter, sound))


def test_random_chunks_some_of_them_empty(spotter, sound):
    rng = np.random.default_rng(2)
    stream = StreamingSpotter(spotter)
    decisions = []
    start = 0
    while start < len(sound):
        chunk = int(rng.choice([0, 1, 700, 3000]))
        decisions += stream.push(sound[start : start + chunk])
        start += chunk
    assert_decisions(decisions, expected(spotter, sound))


def test_a_decision_comes_with_its_last_sample(spotter, sound):
    stream = StreamingSpotter(spotter)
    assert stream.push(sound[:511]) == []
    (first,) = stream.push(sound[511:512])
    assert first.end == 512
    assert first.probabilities.shape == (len(stream.labels),)
    assert first.probabilities.sum() == pytest.approx(1)


def test_the_end_of_a_recording_is_heard(spotter, sound):
    stream = StreamingSpotter(spotter)
    stream.push(sound[:700])
    (last,) = stream.flush()
    assert last.end == 1024
    assert stream.flush() == []
    padded = np.concatenate([sound[:700], np.zeros(324, np.float32)])
    np.testing.assert_allclose(
        last.probabilities, expected(spotter, padded)[-1], atol=1e-4
    )


def test_a_hop_of_several_frames(spotter, sound):
    stream = StreamingSpotter(spotter, hop=0.1)
    assert stream.step == 3 * 512
    assert_decisions(
        stream.push(sound), expected(spotter, sound, hops=3), step=3 * 512
    )


@pytest.mark.parametrize("hop", [0, -1, np.nan, np.inf])
def test_refuses_a_hop_that_is_none(spotter, hop):
    with pytest.raises(UserError, match="hop has to be positive"):
        StreamingSpotter(spotter, hop=hop)


def test_integers(spotter, sound):
    integers = np.round(sound * 32767).astype(np.int16)
    floats = integers.astype(np.float32) / 32768
    one, other = StreamingSpotter(spotter), StreamingSpotter(spotter)
    assert_decisions(
        one.push(integers), [d.probabilities for d in other.push(floats)]
    )


def test_starts_anew(spotter, sound):
    stream = StreamingSpotter(spotter)
    stream.push(sound[:20000] + 0.1)
    stream.reset()
    assert_decisions(stream.push(sound), expected(spotter, sound))


def test_depth_is_the_spotters(spotter, sound):
    stream = StreamingSpotter(spotter)
    spotter.delta = 4
    shallow = stream.push(sound)
    try:
        assert_decisions(shallow, expected(spotter, sound))
    finally:
        spotter.delta = 1
    stream.reset()
    assert_decisions(stream.push(sound), expected(spotter, sound))


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
