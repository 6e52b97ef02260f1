"""Waveforms where features stand."""

import numpy as np
import pytest

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.audio.waveforms import WaveformParameters
from bifsmn_tf.audio.waveforms import features_from_dict
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.data.pipeline import TrainingPipeline

PARAMETERS = WaveformParameters(rate=8192)


def _tone(rate):
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)


def test_a_tone_stays_itself():
    (found,) = PARAMETERS.extract(_tone(16000)[np.newaxis])
    assert found.shape == PARAMETERS.shape == (8192,)
    assert found.dtype == np.float32
    inner = slice(500, -500)
    np.testing.assert_allclose(found[inner], _tone(8192)[inner], atol=2e-3)


def test_short_clips_are_padded():
    (found,) = PARAMETERS.extract(_tone(16000)[np.newaxis, :8000])
    assert found.shape == (8192,)
    np.testing.assert_allclose(found[4300:], 0, atol=1e-3)


def test_either_comes_back_from_its_dictionary():
    for parameters in (PARAMETERS, FeatureParameters(n_mels=40)):
        assert features_from_dict(parameters.to_dict()) == parameters
    with pytest.raises(ValueError, match="rate"):
        WaveformParameters(rate=0)


def test_features_extract_is_log_mel():
    clips = _tone(16000)[np.newaxis]
    np.testing.assert_array_equal(
        FeatureParameters().extract(clips), log_mel(clips)
    )


def test_the_pipeline_varies_waveforms():
    rng = np.random.default_rng(0)
    clips = Clips(
        rng.integers(-9000, 9000, (6, 16000)).astype(np.int16),
        np.arange(6, dtype=np.int32),
        ("",) * 6,
        ("",) * 6,
    )
    raw = FeatureStatistics(0.0, 1.0)
    plain = evaluation_features(clips, PARAMETERS, raw)
    expected = PARAMETERS.extract(clips.waveforms / np.float32(32768))
    np.testing.assert_array_equal(plain, expected)
    gain = AugmentationParameters(
        gain=(2.0, 2.0),
        gain_probability=1,
        speed_probability=0,
        shift_probability=0,
    )
    pipeline = TrainingPipeline(
        clips,
        (),
        PARAMETERS,
        gain,
        batch_size=3,
        seed=0,
        copies=0,
        progress=False,
        statistics=raw,
    )
    assert pipeline.statistics == raw
    for batch, labels in pipeline.epoch(0):
        np.testing.assert_allclose(batch, 2 * plain[labels], atol=1e-5)
