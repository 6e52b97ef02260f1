"""Recordings without a keyword, and pieces of them to train on."""

import numpy as np
import pytest
import soundfile

from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.context import Context
from bifsmn_tf.data.negatives import NegativeExtractor
from bifsmn_tf.data.negatives import Negatives
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError
from bifsmn_tf.training.data_config import DataConfig

FRAMES = 73


def write(path, level, seconds=1.0, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.full(int(seconds * rate), level, np.float32)
    soundfile.write(path, samples, rate)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "speech" / "long.ogg", 0.1, seconds=3)
    write(tmp_path / "Yes" / "keyword.wav", 0.9)
    write(tmp_path / "bed" / "one.wav", 0.2)
    write(tmp_path / "bed" / "held_out.wav", 0.8)
    write(tmp_path / "bed" / "tested.flac", 0.7, rate=44100)
    (tmp_path / "validation_list.txt").write_text("bed/held_out.wav\n")
    (tmp_path / "testing_list.txt").write_text("bed/tested.flac\n")
    return tmp_path


def test_reads_what_is_no_keyword_and_to_train_on(folder):
    negatives = Negatives.read([folder], {"yes", "no"})
    assert negatives.names == ("bed/one.wav", "speech/long.ogg")
    assert len(negatives.sound) == 4 * 16000
    assert np.abs(negatives.sound).max() < 0.3 * 32768


def test_pieces_come_from_anywhere(folder):
    negatives = Negatives.read([folder], {"yes"})
    rng = np.random.default_rng(0)
    levels = set()
    for _ in range(50):
        piece = negatives.piece(8000, rng)
        assert piece.shape == (8000,)
        levels |= {round(float(x), 1) for x in (piece[10], piece[-10])}
    assert levels == {0.1, 0.2}
    # Longer than all there is.
    assert negatives.piece(100_000, rng).shape == (100_000,)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["none"], "no folder"),
        (["empty"], "no sound in"),
        (["broken"], "broken/a.wav"),
        (["short"], "not a second"),
    ],
)
def test_refuses_folders_without_use(tmp_path, names, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.wav").write_bytes(b"RIFF")
    write(tmp_path / "short" / "a.wav", 0.1, seconds=0.5)
    with pytest.raises(DataError, match=message):
        Negatives.read([tmp_path / name for name in names], ())


def extractor(negatives, seed=0):
    return NegativeExtractor(
        negatives,
        [np.full(60000, 0.01, np.float32)],
        BOARD_FEATURES,
        AugmentationParameters(),
        seed,
        FRAMES,
    )


def test_a_piece_depends_on_its_number_alone(folder):
    negatives = Negatives.read([folder], {"yes"})
    nothing = np.empty((4, 0), np.int16)
    all_of = extractor(negatives).extract(nothing, np.arange(4), 2)
    assert all_of.shape == (4, FRAMES, 32)
    one = extractor(negatives).extract(nothing[:1], np.array([3]), 2)
    np.testing.assert_array_equal(one[0], all_of[3])
    for other in (
        extractor(negatives).extract(nothing[:1], np.array([3]), 1),
        extractor(negatives, seed=1).extract(nothing[:1], np.array([3]), 2),
    ):
        assert not np.array_equal(other[0], all_of[3])


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    return Clips(
        rng.integers(-9000, 9000, (8, 16000)).astype(np.int16),
        np.zeros(8, np.int32),
        tuple(f"{i}.wav" for i in range(8)),
        ("",) * 8,
    )


def pipeline(clips, folder, labels, streaming=True, **changes):
    data = DataConfig(
        negatives=(str(folder),),
        batch_size=4,
        cache_dir=None,
        **{"renditions": 2, "negative_share": 1.5, **changes},
    )
    context = Context.of(clips, FRAMES, 4) if streaming else None
    return data.pipeline(
        clips,
        (),
        BOARD_FEATURES if streaming else FeatureParameters(),
        0,
        context,
        labels,
    )


def test_an_epoch_has_clips_and_pieces(clips, folder):
    made = pipeline(clips, folder, ("yes", "silence", "unknown"))
    assert made.steps_per_epoch == (8 + 12) // 4
    labels = np.concatenate([y for _, y in made.epoch(0)])
    assert sorted(labels.tolist()) == [0] * 8 + [2] * 12
    again = np.concatenate([x for x, _ in made.epoch(2)])
    assert again.shape == (20, FRAMES, 32)


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        (("yes", "no", "up"), {}, "no such one"),
        (("yes", "unknown"), {"streaming": False}, "that read a stream"),
        (("yes", "unknown"), {"renditions": 0}, "renditions"),
    ],
)
def test_refuses_what_has_no_use_for_them(
    clips, folder, labels, changes, message
):
    with pytest.raises(UserError, match=message):
        pipeline(clips, folder, labels, **changes)
