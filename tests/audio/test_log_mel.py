import dataclasses
import json
import subprocess
import sys

import librosa
import numpy as np
import pytest
import soundfile
from sounds import FRONT_ENDS
from sounds import noise

from bifsmn_tf.audio import log_mel as features
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.log_mel import log_mel

DEFAULTS = FRONT_ENDS["16k"]
OTHERS = FRONT_ENDS["8k"]
# Any length, where the op wants a power of two.
ALL = FRONT_ENDS | {"thrice": FeatureParameters(n_fft=320, folds=3, hop=200)}


def sounds() -> dict[str, np.ndarray]:
    time = np.arange(16000) / 16000
    return {
        "noise": noise(16000),
        "loud": noise(16000, level=1.0),
        "quiet": noise(16000, level=1e-5),
        "tone": (0.5 * np.sin(2 * np.pi * 440 * time)).astype("f4"),
        "click": np.eye(1, 16000, 8000, dtype="f4")[0],
        "chirp": np.sin(2 * np.pi * 4000 * time**2).astype("f4"),
        "steps": (np.round(noise(16000) * 8) / 8).astype("f4"),
    }


def reference(sound: np.ndarray, p: FeatureParameters) -> np.ndarray:
    """The same by librosa, which torchaudio agrees with in this setting.

    Of a folded frame its own, long transform, at every ``folds``-th frequency.
    """
    spectrum = librosa.stft(
        sound.astype(np.float64),
        n_fft=p.frame_length,
        hop_length=p.hop,
        window="hann",
        center=True,
        pad_mode="reflect",
        dtype=np.complex128,
    )
    filters = librosa.filters.mel(
        sr=p.sample_rate,
        n_fft=p.n_fft,
        n_mels=p.n_mels,
        fmin=p.f_min,
        fmax=p.f_max,
        htk=True,
        norm=None,
        dtype=np.float64,
    )
    power = filters @ np.abs(spectrum[:: p.folds]) ** 2
    power /= np.sum(librosa.filters.get_window("hann", p.frame_length) ** 2)
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T


def test_shape_is_32_frames_of_32_bands():
    assert DEFAULTS.shape == (32, 32)
    result = log_mel(noise(16000))
    assert result.shape == (32, 32)
    assert result.dtype == np.float32


@pytest.mark.parametrize("name", sounds())
@pytest.mark.parametrize("parameters", ALL.values(), ids=ALL)
def test_equals_librosa(name, parameters):
    sound = sounds()[name][: parameters.samples]
    np.testing.assert_allclose(
        log_mel(sound, parameters), reference(sound, parameters), atol=2e-4
    )


def test_real_recordings(speech):
    paths = sorted((speech / "yes").glob("*.wav"))[:40]
    paths += sorted((speech / "zero").glob("*.wav"))[:40]
    clips = np.stack(
        [
            features.fit_length(soundfile.read(path, dtype="float32")[0], 16000)
            for path in paths
        ]
    )
    ours = log_mel(clips)
    theirs = [reference(clip, DEFAULTS) for clip in clips[::8]]
    np.testing.assert_allclose(ours[::8], theirs, atol=2e-4)


def test_silence_is_the_floor():
    np.testing.assert_array_equal(log_mel(np.zeros(16000, "f4")), -100)


def test_level_in_decibel():
    soft, loud = log_mel(noise(16000)), log_mel(10 * noise(16000))
    np.testing.assert_allclose(loud - soft, 20, atol=1e-3)


def test_white_noise_has_the_power_of_its_filters():
    """Power over the window's energy is the variance times a filter's area."""
    clips = np.stack([noise(16000, i) for i in range(40)])
    mean = 10 * np.log10(np.mean(10 ** (log_mel(clips) / 10), axis=(0, 1)))
    area = features.mel_filterbank(DEFAULTS).sum(axis=0)
    np.testing.assert_allclose(mean, 10 * np.log10(0.01 * area), atol=0.4)


def test_tone_is_loudest_in_its_band():
    filters = features.mel_filterbank(DEFAULTS)
    for band in (3, 12, 25):
        frequency = np.argmax(filters[:, band]) * 16000 / 2048
        tone = np.sin(2 * np.pi * frequency * np.arange(16000) / 16000)
        assert (np.argmax(log_mel(tone), axis=1) == band).all()


def test_first_frame_is_centred_on_the_first_sample():
    click = np.zeros(16000, "f4")
    click[5 * 512] = 1
    assert np.argmax(log_mel(click).mean(axis=1)) == 5


def test_batch_equals_single_clips():
    batch = np.stack([noise(16000, i) for i in range(3)])
    np.testing.assert_array_equal(
        log_mel(batch), np.stack([log_mel(clip) for clip in batch])
    )


@pytest.mark.parametrize("samples", [1, 9000, 16001, 40000])
def test_short_is_padded_and_long_is_cut(samples):
    sound = noise(samples)
    whole = np.zeros(16000, "f4")
    whole[: min(samples, 16000)] = sound[:16000]
    np.testing.assert_array_equal(log_mel(sound), log_mel(whole))


def test_integers_are_refused():
    with pytest.raises(TypeError, match="divide 16-bit samples by 32768"):
        log_mel(np.zeros(16000, np.int16))
    with pytest.raises(ValueError, match="clips, samples"):
        log_mel(np.zeros((2, 2, 16000), np.float32))


def test_filterbank_is_triangles_that_meet():
    filters = features.mel_filterbank(DEFAULTS)
    assert filters.shape == (1025, 32)
    assert filters.min() == 0
    assert filters.max() <= 1
    inner = slice(np.argmax(filters[:, 0]) + 1, np.argmax(filters[:, -1]))
    np.testing.assert_allclose(filters[inner].sum(axis=1), 1, atol=1e-12)


def test_parameters_survive_json():
    text = json.dumps(OTHERS.to_dict())
    assert FeatureParameters.from_dict(json.loads(text)) == OTHERS


def test_unknown_parameter_is_refused():
    values = {**DEFAULTS.to_dict(), "n_mel": 40}
    with pytest.raises(ValueError, match=r"no 'n_mel'; it has .*n_mels"):
        FeatureParameters.from_dict(values)
    with pytest.raises(ValueError, match="no 'sd'"):
        FeatureStatistics.from_dict({"mean": 0, "std": 1, "sd": 1})


@pytest.mark.parametrize(
    "change",
    [
        {"hop": 0},
        {"n_fft": 511},
        {"folds": 0},
        {"folds": 16},
        {"f_max": 9000},
        {"f_min": 8000},
        {"floor": 0},
        {"duration": 0.05},
    ],
)
def test_impossible_parameters_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change)) + "|n_fft"):
        dataclasses.replace(DEFAULTS, **change)


def test_statistics():
    batch = log_mel(np.stack([noise(16000, i, level=i) for i in (0.1, 0.3)]))
    statistics = FeatureStatistics.of(batch)
    normal = statistics.normalise(batch)
    assert normal.dtype == np.float32
    assert abs(normal.mean()) < 1e-5
    assert abs(normal.std() - 1) < 1e-5
    assert FeatureStatistics.from_dict(statistics.to_dict()) == statistics


@pytest.mark.parametrize("values", [[], [[1.0, 1.0]], [np.nan]])
def test_statistics_that_are_none(values):
    with pytest.raises(ValueError, match="features|std|finite"):
        FeatureStatistics.of(np.array(values))


def test_needs_no_tensorflow():
    code = (
        "import sys, numpy; from bifsmn_tf.audio.log_mel import log_mel;"
        "log_mel(numpy.zeros(16000));"
        "print([m for m in ('tensorflow', 'soxr', 'scipy', 'soundfile') "
        "if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
