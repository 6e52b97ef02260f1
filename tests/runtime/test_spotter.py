"""KeywordSpotter: any waveform in, labelled probabilities out."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from networks import describe
from networks import random_network

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.audio import files
from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.ops import CONTRACT_VERSION
from bifsmn_tf.model_file.ops import Conv2D
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.network import architectures

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def network():
    return random_network(architectures.bifsmn_s(4))


@pytest.fixture(scope="module")
def model(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "spotter.tflite"
    # In Keras' arithmetic, so that the two can be compared.
    as_trained = Precision(residual="float32", classifier="float32")
    converted = convert_binary(network, describe(network.config), as_trained)
    path.write_bytes(converted.content)
    return path


@pytest.fixture(scope="module")
def waveform():
    rng = np.random.default_rng(0)
    time = np.arange(16000) / 16000
    chirp = np.sin(2 * np.pi * (300 + 400 * time) * time)
    return (0.3 * chirp + 0.01 * rng.normal(size=16000)).astype(np.float32)


def test_equals_the_network_on_the_features(model, network, waveform):
    spotter = KeywordSpotter(model)
    assert spotter.labels == ("word0", "word1", "word2", "word3")
    features = spotter.metadata.statistics.normalise(log_mel(waveform))
    for delta in (1, 2, 4):
        spotter.delta = delta
        probabilities = spotter(waveform)
        logits = network.infer(features[np.newaxis], delta)[0].numpy()[0]
        wanted = np.exp(logits) / np.exp(logits).sum()
        assert list(probabilities) == list(spotter.labels)
        np.testing.assert_allclose(
            list(probabilities.values()), wanted, atol=1e-5
        )


def test_depth_switches_without_reloading(model, waveform):
    spotter = KeywordSpotter(model, delta=4)
    shallow = spotter(waveform)
    spotter.delta = 1
    deep = spotter(waveform)
    spotter.delta = 4
    assert spotter(waveform) == shallow != deep
    with pytest.raises(UserError, match=r"no delta 3: one of \[1, 2, 4\]"):
        spotter.delta = 3
    with pytest.raises(UserError, match="no delta 3"):
        KeywordSpotter(model, delta=3)


def test_takes_any_rate_channels_and_integers(model, waveform):
    spotter = KeywordSpotter(model)
    wanted = spotter.features(waveform)
    high = soxr.resample(waveform, 16000, 44100)
    stereo = np.stack([high, high], axis=1)
    difference = np.abs(spotter.features(stereo, 44100) - wanted)
    # Resampling there and back loses only the band next to 8 kHz.
    assert np.median(difference) < 0.02
    integers = np.round(waveform * 32767).astype(np.int16)
    assert np.abs(spotter.features(integers) - wanted).max() < 0.1


def test_short_clips_are_padded(model):
    spotter = KeywordSpotter(model)
    assert sum(spotter(np.zeros(100, np.float32)).values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("waveform", "rate", "message"),
    [
        (np.zeros(0, np.float32), 16000, "a waveform is"),
        (np.zeros((2, 3, 4), np.float32), 16000, "a waveform is"),
        (np.zeros(16000, np.uint8), 16000, "float in"),
        (np.full(16000, np.nan, np.float32), 16000, "not finite"),
        (np.zeros(16000, np.float32), 0, "a sample rate of 0 Hz"),
        (np.zeros(16000, np.float32), 1e-3, "a sample rate of 0.001 Hz"),
    ],
)
def test_refuses_what_is_no_waveform(model, waveform, rate, message):
    with pytest.raises(UserError, match=message):
        KeywordSpotter(model)(waveform, rate)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_takes_a_sound_file(model, waveform, tmp_path, rate):
    path = tmp_path / "recording.wav"
    stereo = np.stack([soxr.resample(waveform, 16000, rate)] * 2, axis=1)
    soundfile.write(path, stereo, rate)
    spotter = KeywordSpotter(model)
    sound = files.read(path)
    wanted = spotter(sound)
    assert spotter(path) == spotter(str(path)) == wanted
    np.testing.assert_array_equal(
        spotter.features(path), spotter.features(sound)
    )
    with pytest.raises(UserError, match="rate of its own"):
        spotter(path, rate)


def test_refuses_what_is_no_sound_file(model, tmp_path, monkeypatch):
    spotter = KeywordSpotter(model)
    path = tmp_path / "recording.wav"
    with pytest.raises(UserError, match="recording.wav: No such file"):
        spotter(path)
    path.write_text("no sound")
    with pytest.raises(UserError, match="recording.wav: "):
        spotter(path)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UserError, match="pip install soundfile"):
        spotter(path)


def test_says_what_it_is(model):
    assert repr(KeywordSpotter(model, delta=2)) == (
        f"KeywordSpotter('{model}', delta=2 of [1, 2, 4], labels: word0, "
        "word1, word2, word3)"
    )


def test_refuses_features_of_another_shape(model):
    with pytest.raises(UserError, match=r"not \(n, 32, 32\)"):
        KeywordSpotter(model).logits(np.zeros((1, 32, 40), np.float32))


def test_refuses_what_is_no_model(model, tmp_path):
    with pytest.raises(UserError, match="no file .*none.tflite"):
        KeywordSpotter(tmp_path / "none.tflite")
    content = model.read_bytes()
    for name, damaged in {
        "text": b"this is not a model",
        "empty": b"",
        "truncated": content[: len(content) // 2],
        "header": content[:16],
    }.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=f"{name}.tflite"):
            KeywordSpotter(path)


def test_refuses_another_op_than_its_tensors_need(model, tmp_path):
    """What only the runtime notices, when it runs: once, at loading."""
    content = model.read_bytes()
    used = ModelFile(content).custom_operators
    names = [operator.name for operator in used]
    options = used[names.index(Conv2D.NAME)].options
    channels = Conv2D.from_custom_options(options).in_channels
    other = struct.pack("<2i", CONTRACT_VERSION, 99) + options[8:]
    path = tmp_path / "other.tflite"
    path.write_bytes(content.replace(options, other))
    assert channels != 99
    with pytest.raises(UserError, match="other.tflite: .*99 channels"):
        KeywordSpotter(path)


def test_refuses_results_that_are_no_numbers(model, network, tmp_path):
    content = model.read_bytes()
    path = tmp_path / "other.tflite"
    # The classifier's bias is the last row of a constant of floats.
    bias = network.export().classifier_bias.astype("<f4").tobytes()
    assert content.count(bias) == 1
    nothing = np.full(4, np.nan, "<f4").tobytes()
    path.write_bytes(content.replace(bias, nothing))
    with pytest.raises(UserError, match="other.tflite: logits .*not finite"):
        KeywordSpotter(path)


HOSTILE = ROOT.parent / "shared" / "data" / "hostile"


@pytest.mark.skipif(
    not HOSTILE.is_dir(), reason="there are no hostile models beside this"
)
def test_refuses_models_that_are_not_what_they_say():
    paths = sorted(HOSTILE.glob("*.tflite"))
    assert paths
    for path in paths:
        with pytest.raises(UserError, match=path.name) as refused:
            KeywordSpotter(path)
        assert str(refused.value).isprintable()


def test_needs_no_tensorflow(model):
    code = (
        "import sys, numpy\n"
        "from bifsmn_tf import KeywordSpotter\n"
        f"KeywordSpotter({str(model)!r})(numpy.zeros(8000), 8000)\n"
        "loaded = {'tensorflow', 'tf_keras', 'larq'} & set(sys.modules)\n"
        "sys.exit(f'loaded {loaded}' if loaded else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
