import dataclasses
import threading

import numpy as np
import pytest
import sounds

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.data import feature_cache
from bifsmn_tf.data import feature_extractor
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.data.workers import WorkerError
from bifsmn_tf.errors import UserError

FEATURES = FeatureParameters()
CLIPS = sounds.clips(26)
NOISE = (sounds.noise(40000, level=0.2),)


def pipeline(**changes) -> TrainingPipeline:
    arguments = {
        "clips": CLIPS,
        "noise": NOISE,
        "features": FEATURES,
        "augmentation": AugmentationParameters(),
        "batch_size": 8,
        "seed": 5,
        "copies": 2,
        "spec_augment": SpecAugmentParameters(),
        "progress": False,
        **changes,
    }
    return TrainingPipeline(**arguments)


def batches(one: TrainingPipeline, epoch: int):
    features, labels = zip(*one.epoch(epoch).as_numpy_iterator(), strict=True)
    return np.stack(features), np.stack(labels)


def assert_equal(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_shapes_and_types():
    one = pipeline()
    assert one.steps_per_epoch == 3
    features, labels = batches(one, 0)
    assert features.shape == (3, 8, 32, 32)
    assert features.dtype == np.float32
    assert labels.shape == (3, 8)
    assert labels.dtype == np.int32
    spec = one.epoch(0).element_spec
    assert spec[0].shape.as_list() == [8, 32, 32]
    assert int(one.epoch(0).cardinality()) == 3


def test_without_variation_it_is_the_normalised_features():
    one = pipeline(augmentation=None, spec_augment=None)
    features, labels = batches(one, 0)
    expected = evaluation_features(CLIPS, FEATURES, one.statistics)
    order = one.order(0)
    np.testing.assert_array_equal(labels, CLIPS.labels[order])
    # Half precision keeps 0.03 dB of features that vary by some 5 dB here.
    np.testing.assert_allclose(features, expected[order], atol=0.02)


@pytest.mark.parametrize("fresh", [False, True])
def test_the_end_of_an_epoch_waits_for_no_tuning(fresh):
    one = pipeline(copies=0 if fresh else 2)
    assert one.epoch(0).options().autotune.enabled is False


def test_statistics_are_those_of_unvaried_features():
    one = pipeline()
    features = log_mel(CLIPS.waveforms / np.float32(32768))
    assert abs(one.statistics.mean - features.mean()) < 0.01
    assert abs(one.statistics.std - features.std()) < 0.01


def test_every_clip_once_an_epoch():
    order = pipeline(batch_size=13).order(4)
    assert sorted(order.ravel()) == list(range(26))


def test_order_differs_from_epoch_to_epoch():
    one = pipeline()
    assert not np.array_equal(one.order(0), one.order(1))
    np.testing.assert_array_equal(one.order(1), pipeline().order(1))
    assert not np.array_equal(one.order(1), pipeline(seed=6).order(1))


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize("cached", [True, False])
def test_an_epoch_depends_on_seed_and_number_only(count, cached, tmp_path):
    """Not on the epochs before, so a run can go on anywhere."""
    cache = tmp_path if cached else None
    one = pipeline(copies=count, cache_dir=cache)
    for epoch in range(2):
        batches(one, epoch)
    third = batches(one, 3)
    assert_equal(third, batches(pipeline(copies=count), 3))
    other = batches(pipeline(copies=count, seed=6), 3)
    assert not np.array_equal(third[0], other[0])


def test_copies_take_turns():
    one = pipeline(spec_augment=None)
    unshuffled = []
    for epoch in range(4):
        features, _ = batches(one, epoch)
        placed = np.zeros((26, 32, 32), np.float32)
        placed[one.order(epoch).ravel()] = features.reshape(-1, 32, 32)
        unshuffled.append(placed)
    used = [set(one.order(epoch).ravel()) for epoch in range(4)]
    for first, second, same in ((0, 2, True), (1, 3, True), (0, 1, False)):
        both = sorted(used[first] & used[second])
        equal = np.array_equal(
            unshuffled[first][both], unshuffled[second][both]
        )
        assert equal == same


def test_fresh_copies_never_repeat():
    one = pipeline(copies=0, spec_augment=None)
    seen = [np.sort(batches(one, epoch)[0].ravel()) for epoch in range(3)]
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])


def test_masks_are_new_in_every_epoch():
    one = pipeline(augmentation=None)
    plain = pipeline(augmentation=None, spec_augment=None)
    masks = []
    for epoch in range(2):
        masked, _ = batches(one, epoch)
        whole, _ = batches(plain, epoch)
        hidden = masked != whole
        assert (masked[hidden] == 0).all()
        assert 0.05 < hidden.mean() < 0.5
        masks.append(hidden)
    assert not np.array_equal(masks[0], masks[1])


def test_the_cache_is_used(tmp_path, monkeypatch):
    first = batches(pipeline(cache_dir=tmp_path), 0)
    monkeypatch.setattr(
        feature_extractor.FeatureExtractor,
        "extract",
        lambda *_: pytest.fail("computed again"),
    )
    assert_equal(batches(pipeline(cache_dir=tmp_path), 0), first)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"noise": (NOISE[0] / 2,)},
        {"noise": ()},
        {"augmentation": AugmentationParameters(speed=0.1)},
        {"features": dataclasses.replace(FEATURES, f_min=20)},
        {"clips": sounds.clips(25)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_setting_is_another_cache(change, tmp_path):
    pipeline(cache_dir=tmp_path)
    pipeline(cache_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    pipeline(cache_dir=tmp_path, **change)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_copy_that_was_interrupted_is_computed_again(tmp_path, monkeypatch):
    clips = sounds.clips(150)
    settings = {"clips": clips, "cache_dir": tmp_path, "batch_size": 50}
    expected = batches(pipeline(**settings | {"cache_dir": None}), 0)
    one = pipeline(**settings)
    real = feature_extractor.FeatureExtractor.extract
    calls = []

    def extract(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(feature_extractor.FeatureExtractor, "extract", extract)
        with pytest.raises(KeyboardInterrupt):
            one.epoch(0)
    (folder,) = tmp_path.iterdir()
    assert [path.name for path in folder.iterdir()] == ["original.npy"]
    # A process that is killed cleans nothing up.
    (folder / "copy-0.0123.partial").write_bytes(b"half")
    assert_equal(batches(pipeline(**settings), 0), expected)


def test_processes_compute_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "_WORTH_WORKERS", 1)
    alone = pipeline(workers=0)
    together = pipeline(workers=2)
    for epoch in range(2):
        assert_equal(batches(alone, epoch), batches(together, epoch))
    assert_equal(
        [evaluation_features(CLIPS, FEATURES, alone.statistics, workers=1)],
        [evaluation_features(CLIPS, FEATURES, alone.statistics, workers=0)],
    )
    fresh = pipeline(workers=1, copies=0)
    assert_equal(batches(fresh, 1), batches(pipeline(copies=0), 1))


@pytest.mark.parametrize("cached", [False, True])
def test_the_next_copy_is_computed_meanwhile(tmp_path, monkeypatch, cached):
    plain = [batches(pipeline(copies=3), epoch) for epoch in range(4)]
    monkeypatch.setattr(feature_cache, "_WORTH_WORKERS", 1)
    called = []
    compute = TrainingPipeline._compute

    def computed(self, copy):
        called.append((copy, threading.current_thread().daemon))
        compute(self, copy)

    monkeypatch.setattr(TrainingPipeline, "_compute", computed)
    one = pipeline(copies=3, workers=1, cache_dir=tmp_path if cached else None)
    for epoch, expected in enumerate(plain):
        assert_equal(batches(one, epoch), expected)
        # Once more, as for the statistics of averaged weights.
        assert_equal(batches(one, epoch), expected)
    assert called == [(1, True), (2, True)]


def test_what_fails_meanwhile_is_an_error_of_the_next_epoch(monkeypatch):
    monkeypatch.setattr(feature_cache, "_WORTH_WORKERS", 1)
    one = pipeline(copies=3, workers=1)
    first = batches(one, 0)

    def fail(*_, **__):
        raise WorkerError("it died")

    one._ahead.wait()
    monkeypatch.setattr(one, "_compute", fail)
    one._ahead = None
    one._prepare(1)
    assert_equal(batches(one, 0), first)
    with pytest.raises(WorkerError, match="it died"):
        one.epoch(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 27}, "26 clips do not fill one batch of 27"),
        ({"batch_size": 0}, "batch_size"),
        ({"copies": -1}, "copies"),
    ],
)
def test_impossible_settings(change, message):
    with pytest.raises(UserError, match=message):
        pipeline(**change)


def test_noise_shorter_than_a_clip_is_refused():
    with pytest.raises(ValueError, match="background recording"):
        pipeline(noise=(np.zeros(100, "f4"),))


def test_evaluation_features():
    statistics = pipeline().statistics
    result = evaluation_features(CLIPS, FEATURES, statistics)
    assert result.dtype == np.float32
    expected = log_mel(CLIPS.waveforms / np.float32(32768))
    np.testing.assert_allclose(
        result, (expected - statistics.mean) / statistics.std, atol=1e-5
    )


def test_a_full_disk_is_an_error(tmp_path, monkeypatch):
    """And leaves nothing behind that could be taken for a copy."""

    def fail(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            pipeline(cache_dir=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert list(folder.iterdir()) == []
    pipeline(cache_dir=tmp_path)
