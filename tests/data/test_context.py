"""The sound that clips stand in."""

import dataclasses

import numpy as np
import pytest

from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.log_mel import log_mel_stream
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.context import Context
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.data.evaluation import stretches
from bifsmn_tf.data.feature_extractor import FeatureExtractor
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.errors import UserError

FRAMES, STEP = 73, 4


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    waveforms = rng.integers(-9000, 9000, (12, 16000)).astype(np.int16)
    return Clips(
        waveforms,
        np.arange(12, dtype=np.int32) % 3,
        tuple(f"{i}.wav" for i in range(12)),
        tuple(f"speaker{i}" for i in range(12)),
    )


@pytest.fixture(scope="module")
def context(clips):
    return Context.of(clips, FRAMES, STEP)


def place_of(clip, stretch):
    """Where a clip begins in a stretch for the last time."""
    first = np.flatnonzero(np.isclose(stretch[: -len(clip) + 1], clip[0]))
    for start in first[::-1]:
        if np.allclose(stretch[start : start + len(clip)], clip):
            return start
    raise AssertionError("the clip is not in the stretch")


def test_a_clip_ends_within_the_last_step(clips, context):
    found = stretches(clips, BOARD_FEATURES, context)
    length = (FRAMES - 1) * 512 + 1024
    assert found.shape == (12, length)
    behind = []
    for i, (clip, stretch) in enumerate(
        zip(clips.waveforms, found, strict=True)
    ):
        clip = clip / np.float32(32768)
        start = place_of(clip, stretch)
        assert context.start(clip, BOARD_FEATURES, 0, i) == start
        behind.append(length - start - 16000)
        # There is sound before it, more than a second, up to its beginning.
        assert np.abs(stretch[start - 16000 : start]).max() > 0.1
    assert 0 <= min(behind) < max(behind) < STEP * 512


def test_features_are_those_of_the_stretches(clips, context):
    statistics = FeatureStatistics(-30.0, 20.0)
    features = evaluation_features(
        clips, BOARD_FEATURES, statistics, workers=0, context=context
    )
    assert features.shape == (12, FRAMES, 32)
    for stretch, found in zip(
        stretches(clips, BOARD_FEATURES, context), features, strict=True
    ):
        wanted = statistics.normalise(log_mel_stream(stretch, BOARD_FEATURES))
        np.testing.assert_array_equal(found, wanted)


def test_training_brings_speech_noise_and_silence(clips, context):
    background = [np.full(4000, 0.25, np.float32)]
    rng = np.random.default_rng(0)
    clip = clips.waveforms[0] / np.float32(32768)
    kinds = {"speech": 0, "noise": 0, "zeros": 0}
    for _ in range(300):
        stretch = context.vary(clip, background, BOARD_FEATURES, rng)
        before = stretch[: place_of(clip, stretch)]
        if not before.any():
            kinds["zeros"] += 1
        else:
            kinds["noise" if np.ptp(before) == 0 else "speech"] += 1
    assert 180 < kinds["speech"] < 240
    assert 25 < kinds["noise"] < 70
    assert 25 < kinds["zeros"] < 70


def test_a_copy_depends_on_seed_and_number_alone(clips, context):
    def features(seed, indices, copy):
        extractor = FeatureExtractor(
            [np.full(20000, 0.1, np.float32)],
            BOARD_FEATURES,
            AugmentationParameters(),
            seed,
            context,
        )
        order = np.asarray(indices)
        return extractor.extract(clips.waveforms[order], order, copy)

    whole = features(0, range(12), 3)
    np.testing.assert_array_equal(features(0, [5], 3)[0], whole[5])
    assert not np.array_equal(features(0, [5], 4)[0], whole[5])
    assert not np.array_equal(features(1, [5], 3)[0], whole[5])


def test_a_pipeline_gives_stretches(clips, context, tmp_path):
    pipeline = TrainingPipeline(
        clips,
        (),
        BOARD_FEATURES,
        AugmentationParameters(),
        batch_size=5,
        seed=0,
        copies=1,
        cache_dir=tmp_path,
        workers=0,
        progress=False,
        context=context,
    )
    batches = list(pipeline.epoch(0))
    assert [x.shape for x, _ in batches] == [(5, FRAMES, 32)] * 2
    assert [y.shape for _, y in batches] == [(5,)] * 2


def test_refuses_what_makes_no_stretch(clips):
    with pytest.raises(UserError, match="shares of speech"):
        Context(clips.waveforms, FRAMES, STEP, speech=0.9, noise=0.2)
    with pytest.raises(UserError, match="no clips"):
        Context(clips.waveforms[:0], FRAMES, STEP)
    short = Context(clips.waveforms, 20, STEP)
    with pytest.raises(UserError, match="does not fit"):
        stretches(clips, BOARD_FEATURES, short)


def test_half_of_what_follows_speech_follows_speech_that_goes_on():
    pool = np.full((3, 16000), 4000, np.int16)
    context = Context(
        pool,
        73,
        4,
        speech=1.0,
        noise=0.0,
        gain=(1.0, 1.0),
        around=np.full(50_000, 8000, np.int16),
    )
    clip = np.full(16000, 0.5, np.float32)
    levels = [
        context.vary(clip, (), BOARD_FEATURES, np.random.default_rng(i))[0]
        for i in range(100)
    ]
    going_on = np.isclose(levels, 8000 / 32768, atol=1e-3)
    assert np.all(going_on | np.isclose(levels, 4000 / 32768, atol=1e-3))
    assert 30 < going_on.sum() < 70
    # To evaluate, a clip stands behind clips.
    assert context.place(clip, BOARD_FEATURES, 0, 0)[0] < 0.2
    alone = dataclasses.replace(context, around=None)
    assert alone.to_dict() != context.to_dict()
