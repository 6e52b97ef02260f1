"""Embeddings of speech, and what they teach, batch by batch."""

import importlib.util
import pickle

import numpy as np
import pytest
import sounds

from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import log_mel_stream
from bifsmn_tf.data import feature_cache
from bifsmn_tf.data.acoustics import Acoustics
from bifsmn_tf.data.context import Context
from bifsmn_tf.data.pieces import Moments
from bifsmn_tf.data.pipeline import Mined
from bifsmn_tf.data.speech_embedding import SIZE
from bifsmn_tf.data.speech_embedding import SpeechEmbedding
from bifsmn_tf.distillation.hints import SIZE as SIZE_OF_HINTS
from bifsmn_tf.errors import MissingPackageError
from bifsmn_tf.errors import UserError
from bifsmn_tf.training import embedding_teacher
from bifsmn_tf.training.data_config import DataConfig
from bifsmn_tf.training.sound_config import SoundConfig

FRAMES = 73
LABELS = ("yes", "silence", "unknown")
UNKNOWN = LABELS.index("unknown")


class Same:
    """Hears the features themselves: what it heard can be told."""

    digest = "the same"

    def __call__(self, samples):
        return log_mel_stream(samples, BOARD_FEATURES)

    def shape(self, samples):
        return self(np.zeros(samples, np.float32)).shape


@pytest.fixture(scope="module")
def embedding():
    pytest.importorskip("pyopen_wakeword", reason="pyopen-wakeword is missing")
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is missing")
    return SpeechEmbedding()


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    for i in range(3):
        sounds.write(folder / f"{i}.wav", 5 * 16000)
    return folder


def pipeline(people, embedding=None, cache_dir=None, clips=8):
    found = sounds.clips(clips)
    return DataConfig(
        batch_size=4, cache_dir=cache_dir, renditions=2, spec_mask=0
    ).pipeline(
        found,
        (sounds.noise(40000, level=0.2),),
        BOARD_FEATURES,
        3,
        Context.of(found, FRAMES, 4),
        LABELS,
        SoundConfig(negatives=(str(people),), negative_share=1.5, rooms=1),
        Same() if embedding is None else embedding,
    )


def test_the_newest_comes_last(embedding):
    """Sound in front of a stretch puts embeddings in front, no more."""
    rng = np.random.default_rng(0)
    sound = np.float32(rng.normal(size=30000) * 0.05)
    found = embedding(sound)
    assert found.shape == embedding.shape(len(sound)) == (14, SIZE)
    assert found.dtype == np.float32
    more = embedding(np.concatenate([sound[:1280], sound]))
    assert more.shape == (15, SIZE)
    np.testing.assert_allclose(more[-14:], found, atol=1e-3)
    assert np.abs(found[1:] - found[:-1]).max() > 0.1
    # One window alone, of 76 frames of 512 samples, 160 apart.
    last = embedding(sound[-(75 * 160 + 512) - (30000 - 512) % 160 :])
    np.testing.assert_allclose(last[-1], found[-1], atol=1e-3)


def test_it_hears_what_the_package_hears(embedding):
    """Against openWakeWord's own front end, on a stretch of a stream."""
    package = pytest.importorskip("pyopen_wakeword")
    rng = np.random.default_rng(1)
    sound = np.float32(rng.normal(size=1280 * 30) * 0.05)
    stream = package.OpenWakeWordFeatures.from_builtin()
    samples = np.int16(np.round(sound * 32767))
    streamed = [
        one.reshape(SIZE)
        for start in range(0, len(samples), 1280)
        for one in stream.process_streaming(
            samples[start : start + 1280].tobytes()
        )
    ]
    # It keeps 1,280 samples, of which a window of 1,760 needs 480 more, and
    # four frames of 160 that are no whole step.
    behind = 1280 - 480 + 4 * 160
    ours = embedding(np.float32(samples[:-behind]) / 32768)
    np.testing.assert_allclose(ours[-1], streamed[-1], atol=1e-2)


def test_it_can_be_sent_to_other_processes(embedding):
    sound = sounds.noise(16000, level=0.1)
    found = embedding(sound)
    again = pickle.loads(pickle.dumps(embedding))
    assert again.digest == embedding.digest
    np.testing.assert_array_equal(again(sound), found)


def test_a_missing_package_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="pip install pyopen-wake"):
        SpeechEmbedding()


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("fewest", [5, 1024])
def test_the_same_sound_is_heard(people, tmp_path, cached, fewest, monkeypatch):
    """Also in other processes."""
    monkeypatch.setattr(feature_cache, "_WORTH_WORKERS", fewest)
    made = pipeline(people, cache_dir=str(tmp_path) if cached else None)
    assert made._cache.in_processes == (fewest < 8)
    found = made.heard()
    for copy in (0, 1):
        np.testing.assert_array_equal(found[copy], made._varied(copy))
    assert not np.array_equal(found[0], found[1])
    with pytest.raises(ValueError, match="without an embedding"):
        DataConfig(batch_size=4, cache_dir=None, renditions=2).pipeline(
            sounds.clips(8), (), BOARD_FEATURES, 0
        ).heard()


def test_sound_is_made_once_for_all_who_read_it(people, tmp_path, monkeypatch):
    calls = []
    heard = Acoustics.heard

    def counted(*args):
        calls.append(args)
        return heard(*args)

    monkeypatch.setattr(Acoustics, "heard", counted)
    made = pipeline(people, cache_dir=str(tmp_path))
    found = made.heard()
    for copy in (0, 1):
        made._varied(copy)
    assert len(calls) == 2 * len(made.labels) == 2 * found.shape[1]
    # What one of them lacks is made for it alone.
    (path,) = made._pieces.folder.glob("copy-1.npy")
    path.unlink()
    np.testing.assert_array_equal(made.heard(), found)
    assert len(calls) == 2 * len(made.labels)
    np.testing.assert_array_equal(made._varied(1), found[1])
    assert len(calls) == 2 * len(made.labels) + made.number


def test_what_is_taught_goes_with_its_sound(people):
    made = pipeline(people)
    count = len(made.labels)
    assert count == 20
    # Of each sound another one, in both variations.
    made.logits = np.zeros((2, count, 3), np.float16)
    made.logits[..., 0] = np.arange(count)
    made.logits[1, :, 1] = 1
    made.hints = made.logits[..., :2] + np.float16(1)
    for epoch in (0, 1):
        sound = made.statistics.normalise(
            made.heard()[epoch].astype(np.float32)
        )
        for batch in made.epoch(epoch).as_numpy_iterator():
            features, labels, logits, hints = batch
            np.testing.assert_array_equal(hints, logits[:, :2] + 1)
            rows = logits[:, 0].astype(int)
            np.testing.assert_array_equal(made.labels[rows], labels)
            np.testing.assert_allclose(features, sound[rows], atol=1e-4)
            assert (logits[:, 1] == epoch).all()


def test_what_is_mined_is_taught_likewise(people):
    made = pipeline(people)
    made.logits = np.ones((2, 20, 3), np.float16)
    made.hints = np.ones((2, 20, 5), np.float16)
    made.mined = Mined(
        np.full((7, FRAMES, 32), -100, np.float16),
        np.arange(21).reshape(7, 3).astype(np.float16),
        np.full((7, 5), 2, np.float16),
    )
    batches = list(made.epoch(0).as_numpy_iterator())
    features, labels, logits, hints = (
        np.concatenate(part) for part in zip(*batches, strict=True)
    )
    mined = np.all(features == features.min(), axis=(1, 2))
    assert mined.sum() == 6
    assert (labels[mined] == UNKNOWN).all()
    assert sorted(logits[mined][:, 0]) == [0, 3, 6, 9, 12, 15]
    assert (logits[mined][:, 2] == logits[mined][:, 0] + 2).all()
    assert (logits[~mined] == 1).all()
    assert (hints[mined] == 2).all()
    assert (hints[~mined] == 1).all()


def test_both_that_were_mined_are_taught():
    rng = np.random.default_rng(0)
    first, second = (
        Mined(
            *[
                rng.normal(size=(n, *shape)).astype(np.float16)
                for shape in ((2, 4), (3,), (5,))
            ]
        )
        for n in (3, 4)
    )
    both = first.and_more(second)
    for found, one, other in zip(both, first, second, strict=True):
        np.testing.assert_array_equal(found, np.concatenate([one, other]))
    alone = Mined(first.features).and_more(Mined(second.features))
    assert len(alone.features) == 7
    assert alone.logits is None and alone.hints is None


@pytest.mark.parametrize("cached", [False, True])
def test_what_was_mined_is_heard_where_it_was(people, tmp_path, cached):
    made = pipeline(people, cache_dir=str(tmp_path) if cached else None)
    pool = dict(made.pool(0.02, 4))
    assert list(pool) == [2]
    rows, frames = np.int32([3, 0, 3]), np.int32([5, 200, 0])
    heard = made.heard_at(Moments(np.full(3, 2, np.int32), rows, frames), 4)
    for found, row, frame in zip(heard, rows, frames, strict=True):
        expected = pool[2][row, frame:][:FRAMES]
        np.testing.assert_allclose(found, expected, atol=0.05)
    others = made.heard_at(
        Moments(np.full(3, 2, np.int32), rows, frames + 1), 4
    )
    assert not np.array_equal(others, heard)


def test_the_teacher_says_what_it_hears(tmp_path, capsys):
    """A sound that its label can be told from, one of three."""

    class Told:
        labels = np.arange(3000, dtype=np.int32) % 3
        copies = 2
        heard_key = "told"

        def heard(self):
            sound = np.random.default_rng(0).normal(size=(2, 3000, 4, 8))
            sound[:, :, 1] += 3 * self.labels[:, np.newaxis]
            return sound.astype(np.float16)

    path = tmp_path / "run" / "embedding.npz"
    made = Told()
    teacher, found = embedding_teacher.trained(made, 3, path, seed=0)
    logits = found.logits
    assert logits.shape == (2, 3000, 3) and logits.dtype == np.float16
    assert (logits.argmax(axis=2) == made.labels).mean() > 0.95
    assert "are right on" in capsys.readouterr().out
    # The same seed is the same teacher.
    _, same = embedding_teacher.trained(made, 3, tmp_path / "same.npz", seed=0)
    np.testing.assert_array_equal(same.logits, logits)
    # A run that goes on has learnt it already, and says the same of more.
    again, taught = embedding_teacher.trained(made, 3, path, seed=0)
    for one, other in zip(taught, found, strict=True):
        np.testing.assert_array_equal(one, other)
    for one in (teacher, again):
        for x, expected in zip(one.teach(made.heard()[1]), found, strict=True):
            np.testing.assert_allclose(x, expected[1], rtol=1e-2, atol=1e-2)
    for classes, seed in ((4, 0), (3, 1)):
        with pytest.raises(UserError, match="is of another training"):
            embedding_teacher.trained(made, classes, path, seed)
    made.heard_key = "others"
    with pytest.raises(UserError, match="is of another training"):
        embedding_teacher.trained(made, 3, path, seed=0)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="is damaged"):
        embedding_teacher.trained(made, 3, path, seed=0)


@pytest.mark.parametrize("count", [40, 400])
def test_hints_keep_what_differs_most(tmp_path, count):
    """Two directions far apart, and one where little differs."""
    rng = np.random.default_rng(count)

    class Some:
        labels = np.arange(count, dtype=np.int32) % 2
        copies = 1
        heard_key = "some"
        found = rng.normal(size=(count, 30, 8)) * 0.01
        found[:, 3, 2] = 100 * rng.normal(size=count)
        found[:, 5, 1] = 1 + rng.normal(size=count)

        def heard(self):
            return self.found[np.newaxis].astype(np.float16)

    made = Some()
    _, found = embedding_teacher.trained(made, 2, tmp_path / "x.npz", 0)
    hints = found.hints[0]
    assert hints.shape == (count, SIZE_OF_HINTS)
    hints = hints.astype(np.float64)
    assert np.square(hints).mean() == pytest.approx(1, rel=0.05)
    for i, (frame, number) in enumerate([(3, 2), (5, 1)]):
        told = np.corrcoef(hints[:, i], made.found[:, frame, number])[0, 1]
        assert abs(told) > 0.99
    # A hundred times as far is ten times as much in a hint.
    ratio = hints[:, 0].std() / hints[:, 1].std()
    assert ratio == pytest.approx(10, rel=0.3)
    np.testing.assert_allclose(hints.mean(axis=0), 0, atol=0.2)


def test_pipelines_of_other_sound_are_told_apart(people):
    keys = {
        pipeline(people).heard_key,
        pipeline(people, clips=12).heard_key,
    }
    assert len(keys) == 2
    assert pipeline(people).heard_key in keys
