"""Recordings without a keyword, and pieces of them to train on."""

import numpy as np
import pytest
import soundfile

from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.data.acoustics import Acoustics
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.context import Context
from bifsmn_tf.data.negatives import KeywordParts
from bifsmn_tf.data.negatives import Negatives
from bifsmn_tf.data.negatives import Tones
from bifsmn_tf.data.pieces import PieceExtractor
from bifsmn_tf.data.pipeline import Mined
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError
from bifsmn_tf.training.data_config import DataConfig
from bifsmn_tf.training.sound_config import SoundConfig

FRAMES = 73


def write(path, level, seconds=1.0, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.full(int(seconds * rate), level, np.float32)
    soundfile.write(path, samples, rate)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "speech" / "long.ogg", 0.1, seconds=3)
    write(tmp_path / "Yes" / "keyword.wav", 0.9)
    write(tmp_path / "_background_noise_" / "hum.wav", 0.6)
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


def test_folders_are_heard_as_often_as_each_other(folder, tmp_path):
    write(tmp_path / "more" / "long.wav", 0.5, seconds=30)
    negatives = Negatives.read([folder / "speech", tmp_path / "more"], {"yes"})
    assert negatives.lengths == (3 * 16000, 30 * 16000)
    rng = np.random.default_rng(0)
    heard = [negatives.piece(1, rng)[0] > 0.3 for _ in range(400)]
    assert 150 < sum(heard) < 250
    with pytest.raises(DataError, match="other sound"):
        Negatives(np.zeros(16000, np.int16), ("a",), (1, 2))


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
    return PieceExtractor(
        [(1.0, negatives)],
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
        batch_size=4, cache_dir=None, **{"renditions": 2, **changes}
    )
    sound = SoundConfig(negatives=(str(folder),), negative_share=1.5)
    context = Context.of(clips, FRAMES, 4) if streaming else None
    return data.pipeline(
        clips,
        (),
        BOARD_FEATURES if streaming else FeatureParameters(),
        0,
        context,
        labels,
        sound,
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


def word_clips(n=3):
    """A word from 0.25 to 0.75 s: rising, so that halves can be told."""
    clip = np.zeros(16000)
    clip[4000:12000] = np.linspace(2000, 20000, 8000)
    return np.tile(clip, (n, 1)).astype(np.int16)


def test_parts_of_keywords_are_never_a_whole_one():
    parts = KeywordParts(word_clips())
    rng = np.random.default_rng(0)
    kinds = set()
    for _ in range(60):
        piece = parts.piece(37376, rng) * 32768
        spoken = np.flatnonzero(piece)
        assert spoken[0] > 37376 / 2
        first, last = piece[spoken[0]], piece[spoken[-1]]
        kinds.add((first < 5000, last > 17000))
        if first < 5000 and last > 17000:
            # Two halves: run together, something is missing between.
            assert len(spoken) <= 0.8 * 8000
        else:
            assert len(spoken) < 0.7 * 8000
    assert kinds == {(True, False), (False, True), (True, True)}


def test_parts_stand_in_other_sound(folder):
    around = Negatives.read([folder], {"yes"})
    piece = KeywordParts(word_clips(), around).piece(
        37376, np.random.default_rng(1)
    )
    assert np.all(piece != 0)
    with pytest.raises(DataError, match="no keywords"):
        KeywordParts(np.empty((0, 16000), np.int16))


def test_a_clip_of_zeros_has_no_halves():
    silent = KeywordParts(np.zeros((1, 16000), np.int16))
    assert not silent.piece(1000, np.random.default_rng(0)).any()


def test_tones_are_bounded_and_various():
    rng = np.random.default_rng(0)
    pieces = [Tones().piece(20000, rng) for _ in range(30)]
    for piece in pieces:
        assert piece.shape == (20000,)
        assert piece.dtype == np.float32
        assert np.abs(piece).max() <= 0.3
    silent = [p for p in pieces if len(np.unique(p)) <= 2]
    assert 0 < len(silent) < 15


def test_sources_come_by_their_weights(folder):
    speech = Negatives(np.full(16000, 8000, np.int16), ("a",))
    quiet = AugmentationParameters.none()

    def made(sources, **changes):
        extractor = PieceExtractor(
            sources, (), BOARD_FEATURES, quiet, 0, FRAMES, **changes
        )
        nothing = np.empty((40, 0), np.int16)
        return extractor.extract(nothing, np.arange(40), 0)

    alone, never = made([(1.0, speech)]), made([(1.0, speech), (0.0, Tones())])
    np.testing.assert_array_equal(alone, never)
    mixed = made([(0.5, speech), (0.5, Tones())])
    same = np.all(mixed == alone, axis=(1, 2)).mean()
    assert 0.2 < same < 0.8
    elsewhere = made(
        [(1.0, speech)],
        acoustics=Acoustics(np.empty((0, 0), np.float32), 0.0, 1.0),
    )
    assert not np.array_equal(elsewhere, alone)
    for weights in ([], [(0.0, speech)], [(-1.0, speech), (2.0, speech)]):
        with pytest.raises(UserError, match="weights"):
            made(weights)


def test_mined_pieces_take_half_of_the_places(clips, folder):
    labels = ("yes", "silence", "unknown")
    made = pipeline(clips, folder, labels, spec_mask=0)
    before = np.concatenate([x for x, _ in made.epoch(0)])
    # An hour and a half are 500 stretches of 10.8 s.
    copies, pool = zip(*made.pool(1.6, 4), strict=True)
    assert copies == (2, 3)
    assert [p.shape for p in pool] == [
        (count, FRAMES + 64 * 4, 32) for count in (500, 48)
    ]
    assert not np.array_equal(pool[0][:48], pool[1])
    made.mined = Mined(np.full((7, FRAMES, 32), -100, np.float16))
    after = np.concatenate([x for x, _ in made.epoch(0)])
    marked = np.all(after == after.min(), axis=(1, 2))
    assert marked.sum() == 6
    assert after.shape == before.shape
    alone = DataConfig(batch_size=4, cache_dir=None).pipeline(
        clips, (), BOARD_FEATURES, 0, Context.of(clips, FRAMES, 4), ("yes",)
    )
    with pytest.raises(UserError, match="no negatives"):
        next(alone.pool(1, 4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"negative_share": -1}, "negative_share"),
        ({"spoken_minutes": float("nan")}, "spoken_minutes"),
        ({"keyword_parts": 1.5}, "keyword_parts"),
        ({"keyword_parts": 0.7, "tones": 0.7}, "more than all"),
        ({"mining_epochs": 3}, "--negatives or --spoken_minutes"),
    ],
)
def test_sound_settings_are_checked(changes, message):
    with pytest.raises(UserError, match=message):
        SoundConfig(**changes)
