"""The LogMel op against the features of training."""

import dataclasses
import struct

import numpy as np
import pytest
import soundfile
from sounds import FRONT_ENDS

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.log_mel import fit_length
from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.model_file.ops import CONTRACT_VERSION
from bifsmn_tf.model_file.ops import LogMel
from bifsmn_tf.model_file.ops import TensorSpec
from bifsmn_tf.model_file.ops.log_mel import supports
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.runtime.interpreter import make_interpreter

DEFAULTS = FRONT_ENDS["16k"]
OTHERS = FRONT_ENDS["8k"]
ALL = FRONT_ENDS | {"thrice": FeatureParameters(n_fft=256, folds=3, hop=200)}
STATISTICS = FeatureStatistics(-37.5, 21.25)
TOLERANCE = 1e-3  # dB


def run_op(op, audio, runtime=None):
    """What the native op makes of the audio."""
    writer = ModelWriter("front end")
    graph = writer.subgraph("main")
    entry = graph.input("audio", audio.shape, audio.dtype)
    (spec,) = op.output_specs(entry)
    (features,) = graph.custom_op(op, [entry], [("features", *spec)])
    graph.output("features", features)
    writer.signature("main", graph)
    interpreter = make_interpreter(writer.build(), runtime=runtime)
    return interpreter.get_signature_runner("main")(audio=audio)["features"]


def sounds():
    rng = np.random.default_rng(0)
    time = np.arange(16000) / 16000
    noise = 0.1 * rng.standard_normal(16000)
    return {
        "noise": noise,
        "quiet": 1e-4 * noise,
        "silence": np.zeros(16000),
        "square": np.where(np.arange(16000) // 20 % 2, 1.0, -1.0),
        "clipped": np.sign(np.sin(2 * np.pi * 437.3 * time)),
        # Most bands are far below the loudest.
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "chirp": np.sin(2 * np.pi * 4000 * time**2),
        "click": np.eye(1, 16000, 8000)[0],
        "offset": 0.9 + 1e-4 * noise,
        "loud": 30 * noise,
    }


@pytest.mark.parametrize("name", sounds())
@pytest.mark.parametrize("parameters", ALL.values(), ids=ALL)
def test_equals_the_features_of_training(name, parameters):
    sound = sounds()[name][np.newaxis, : parameters.samples].astype(np.float32)
    op = LogMel.of(parameters, STATISTICS)
    wanted = STATISTICS.normalise(log_mel(sound, parameters))
    tolerance = TOLERANCE / STATISTICS.std
    np.testing.assert_allclose(run_op(op, sound), wanted, atol=tolerance)
    np.testing.assert_allclose(op.reference(sound)[0], wanted, atol=1e-6)


def test_real_recordings(speech):
    paths = sorted(speech.glob("*/*.wav"))[::47]
    clips = np.stack(
        [
            fit_length(soundfile.read(path, dtype="float32")[0], 16000)
            for path in paths
        ]
    )
    op = LogMel.of(DEFAULTS, FeatureStatistics(0, 1))
    np.testing.assert_allclose(
        run_op(op, clips), log_mel(clips), atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize("n_fft", [256, 512, 1024, 2048, 4096, 8192, 16384])
def test_every_length_of_a_transform(n_fft):
    rng = np.random.default_rng(n_fft)
    sound = rng.standard_normal((2, 2 * n_fft + 77)).astype(np.float32)
    for centred in (0, 1):
        op = LogMel(n_fft=n_fft, hop=n_fft // 3, centred=centred)
        np.testing.assert_allclose(
            run_op(op, sound), op.reference(sound)[0], atol=TOLERANCE, rtol=0
        )


@pytest.mark.parametrize("samples", [1025, 1500, 2048, 2049, 5000])
def test_short_clips_are_reflected_at_both_ends(samples):
    rng = np.random.default_rng(samples)
    sound = rng.standard_normal((1, samples)).astype(np.float32)
    op = LogMel()
    np.testing.assert_allclose(
        run_op(op, sound), op.reference(sound)[0], atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize("centred", [0, 1])
def test_integers_are_samples_of_16_bits(centred):
    rng = np.random.default_rng(1)
    integers = rng.integers(-32768, 32768, (2, 6000), dtype=np.int16)
    op = LogMel(hop=500, centred=centred)
    floats = integers.astype(np.float32) / 32768
    np.testing.assert_array_equal(run_op(op, integers), run_op(op, floats))
    np.testing.assert_array_equal(
        op.reference(integers)[0], op.reference(floats)[0]
    )


def test_frames_that_are_not_centred_are_those_of_a_longer_clip():
    rng = np.random.default_rng(2)
    sound = rng.standard_normal((1, 16000)).astype(np.float32)
    whole = log_mel(sound)
    inside = LogMel(centred=0).reference(sound)[0]
    np.testing.assert_array_equal(inside, whole[:, 2:30])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_is_finite_whatever_it_hears(value):
    sound = np.zeros((1, 16000), np.float32)
    sound[0, 8000] = value
    features = run_op(LogMel(), sound)
    assert np.isfinite(features).all()
    # Frames that the sample is not in are as ever.
    np.testing.assert_allclose(features[0, :12], -100, atol=TOLERANCE)


def test_many_narrow_bands():
    """Some of which have no frequency of the transform in them."""
    op = LogMel(n_fft=256, hop=128, n_mels=128)
    sound = np.random.default_rng(3).standard_normal((1, 4000), np.float32)
    features = run_op(op, sound)
    assert (op.reference(sound)[0] == -100).any()
    np.testing.assert_allclose(
        features, op.reference(sound)[0], atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize("folds", [2, 3, 4, 16])
@pytest.mark.parametrize("centred", [0, 1])
def test_folded_frames(folds, centred):
    op = LogMel(n_fft=256, folds=folds, hop=100, centred=centred)
    sound = np.random.default_rng(folds).standard_normal((2, 4999), np.float32)
    np.testing.assert_allclose(
        run_op(op, sound), op.reference(sound)[0], atol=TOLERANCE, rtol=0
    )


def test_every_runtime(runtime):
    sound = sounds()["noise"][np.newaxis].astype(np.float32)
    op = LogMel()
    np.testing.assert_allclose(
        run_op(op, sound, runtime), op.reference(sound)[0], atol=TOLERANCE
    )


def test_attributes_are_those_of_the_features():
    op = LogMel.of(OTHERS, STATISTICS, centred=False)
    assert op.custom_options() == struct.pack(
        "<7i5f",
        *(CONTRACT_VERSION, 8000, 512, 1, 160, 20, 0),
        *(60, 3800, 1e-10, -37.5, 1 / 21.25),
    )
    assert LogMel.from_custom_options(op.custom_options()) == op
    assert LogMel.of(DEFAULTS, FeatureStatistics(0, 1)) == (LogMel())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sample_rate": 0}, "sample_rate"),
        ({"n_fft": 400}, "power of two"),
        ({"n_fft": 128}, "power of two"),
        ({"n_fft": 32768}, "power of two"),
        ({"folds": 0}, "folds"),
        ({"folds": 17}, "folds"),
        ({"hop": 0}, "hop"),
        ({"n_mels": 0}, "n_mels"),
        ({"n_mels": 1025}, "n_mels"),
        ({"centred": 2}, "centred"),
        ({"f_min": -1}, "f_min < f_max"),
        ({"f_min": 8000}, "f_min < f_max"),
        ({"f_max": 8001}, "f_min < f_max"),
        ({"floor": 0}, "floor"),
        ({"floor": 1e-39}, "floor"),
        ({"mean": np.inf}, "mean"),
        ({"inverse_std": 0}, "inverse_std"),
        ({"inverse_std": 1e39}, "inverse_std"),
    ],
)
def test_impossible_attributes_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        LogMel(**values)


@pytest.mark.parametrize(
    ("centred", "shape", "dtype", "message"),
    [
        (1, (1, 1024), np.float32, "at least 1025 samples"),
        (0, (1, 2047), np.float32, "at least 2048 samples"),
        (1, (16000,), np.float32, r"\[N, samples\]"),
        (1, (1, 16000), np.int32, "float32 or int16"),
    ],
)
def test_other_audio_is_refused(centred, shape, dtype, message):
    op = LogMel(centred=centred)
    with pytest.raises(ValueError, match=message):
        op.output_specs(TensorSpec(shape, np.dtype(dtype)))
    with pytest.raises(ValueError, match="audio is missing"):
        op.output_specs(None)


def test_features_that_the_op_cannot_compute():
    assert supports(DEFAULTS)
    other = dataclasses.replace(DEFAULTS, n_fft=1200)
    assert not supports(other)
    with pytest.raises(ValueError, match="power of two"):
        LogMel.of(other, STATISTICS)
