"""A stream in chunks of any size against the clips in it."""

import numpy as np
import pytest
from networks import describe

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.data.features import FeatureParameters
from bifsmn_tf.data.features import log_mel
from bifsmn_tf.deployment import audio_op
from bifsmn_tf.deployment import metadata as descriptions
from bifsmn_tf.deployment import model_writer
from bifsmn_tf.deployment.streaming import StreamingSpotter
from bifsmn_tf.network.config import bifsmn_s

SECONDS = 3
LABELS = 4
FIRST_END = 31 * 512 + 2048


def spotter_file(path, with_frames):
    """A model whose logits are a fixed matrix product of the features."""
    description = describe(bifsmn_s(LABELS))
    writer = model_writer.ModelWriter("linear")
    weights = np.random.default_rng(0).normal(size=(LABELS, 32 * 32))
    weights = (0.01 * weights).astype(np.float32)
    for delta in description.network.deltas:
        key = descriptions.signature_key(delta)
        graph = writer.subgraph(key)
        features = graph.input("features", (1, 32, 32), np.float32)
        logits = graph.fully_connected(
            features, weights * delta, np.zeros(LABELS, np.float32), "logits"
        )
        graph.output("logits", logits)
        writer.signature(key, graph)
    if with_frames:
        audio_op.add_frame_signature(
            writer, description.features, description.statistics
        )
    writer.metadata(descriptions.NAME, description.to_bytes())
    path.write_bytes(writer.build())
    return path


@pytest.fixture(scope="module", params=[True, False], ids=["frame", "numpy"])
def spotter(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "linear.tflite"
    return KeywordSpotter(spotter_file(path, with_frames=request.param))


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
    parameters = FeatureParameters(duration=len(sound) / 16000)
    features = spotter.metadata.statistics.normalise(log_mel(sound, parameters))
    # A frame of a stream starts where one of a clip is centred.
    inside = features[2 : 2 + 1 + (len(sound) - 2048) // 512]
    windows = np.stack([inside[i : i + 32] for i in range(len(inside) - 31)])
    return [softmax(logits) for logits in spotter.logits(windows)]


def assert_decisions(decisions, wanted):
    assert [d.end for d in decisions] == [
        FIRST_END + 512 * i for i in range(len(wanted))
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
    assert stream.push(sound[: FIRST_END - 1]) == []
    (first,) = stream.push(sound[FIRST_END - 1 : FIRST_END])
    assert first.end == FIRST_END
    assert first.probabilities.shape == (len(stream.labels),)
    assert first.probabilities.sum() == pytest.approx(1)


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
    with pytest.raises(ValueError, match=message):
        StreamingSpotter(spotter).push(samples)
