"""What synthetic voices say that is no keyword."""

import numpy as np
import pytest
import soundfile
from commands import run_apart

from bifsmn_tf.data.synthetic import generate
from bifsmn_tf.data.synthetic import texts
from bifsmn_tf.data.synthetic.recipe import Recipe
from bifsmn_tf.data.synthetic.recipe import plan
from bifsmn_tf.data.synthetic.sentences import SHARD
from bifsmn_tf.data.synthetic.sentences import Sentences
from bifsmn_tf.data.synthetic.sentences import spoken
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError


def test_sentences_say_no_word_of_a_phrase():
    rng = np.random.default_rng(0)
    made = texts.sentences(300, ["turn the light on"], rng)
    said = {w.strip(",.?!") for text in made for w in text.split()}
    assert not said & {"turn", "the", "light", "on"}
    assert len(said) > 1000
    lengths = {len(text.split()) for text in made}
    assert (min(lengths), max(lengths)) == (3, 14)
    again = texts.sentences(
        300, ["turn the light on"], np.random.default_rng(0)
    )
    assert made == again


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (("k", "a", "t"), ("k", "a", "t"), 0),
        (("k", "a", "t"), ("b", "a", "t"), 1),
        (("k", "a", "t"), ("k", "ɛ", "t"), 0.5),
        (("iː",), ("i",), 0.5),
        (("k", "a", "t"), ("a", "t", "s"), 2),
        ((), ("a", "t"), 2),
    ],
)
def test_the_distance_of_pronunciations(one, other, apart):
    assert texts.distance(one, other) == apart
    assert texts.distance(other, one) == apart


def test_finds_words_that_sound_alike():
    found = texts.look_alikes(["computer", "hey robin"], 20)
    near = dict(found["computer"])
    assert {"commuter", "computing", "compute"} <= set(near)
    # The word itself, and what holds it whole, would be no mistake.
    assert not {"computer", "computers"} & set(near)
    assert list(near.values()) == sorted(near.values())
    assert min(near.values()) >= 1
    for text, _ in found["hey robin"]:
        words = text.split()
        assert len(words) == 2
        assert (words[0] == "hey") != (words[1] == "robin")


def test_similar_words_are_spoken_as_unknown():
    similar = texts.similar(("computer",), 5)
    recipe = Recipe(words=("computer",), clips_per_word=60, look_alikes=5)
    said = {u.text for u in plan(recipe) if u.label == "unknown"}
    assert len(similar) == 5
    assert set(similar) <= said


def test_speaks_as_much_as_was_asked_for_the_same_each_time(tmp_path):
    recipe = Sentences(1.0, ("stop",), ("shop",))
    assert recipe.shards == 1
    sound = spoken(recipe, tmp_path, workers=1, progress=False)
    # Whole shards.
    assert 30 < len(sound) / 16000 < 2 * SHARD * 3.9
    (shard,) = tmp_path.glob("*/*.npy")
    kept = shard.stat().st_mtime_ns
    again = spoken(recipe, tmp_path, workers=1, progress=False)
    np.testing.assert_array_equal(again, sound)
    assert shard.stat().st_mtime_ns == kept
    words = [u.text for u in recipe.utterances(0)]
    assert any("shop" in text.split() for text in words)
    assert recipe.utterances(0) == recipe.utterances(0)


def test_splits_are_spoken_by_other_voices():
    made = {
        split: {
            u.voice.split("+")[1]
            for u in Sentences(9, ("stop",), split=split).utterances(0)
        }
        for split in ("train", "validation")
    }
    assert made["train"].isdisjoint(made["validation"])


@pytest.mark.parametrize("minutes", [0, float("nan"), 1e6])
def test_refuses_lengths_that_cannot_be(minutes):
    with pytest.raises(DataError, match="minutes"):
        Sentences(minutes, ("stop",))


@pytest.mark.parametrize(
    ("phrases", "message"),
    [
        (["a"], "'a' is too short"),
        (["computer", "?!"], "cannot be spoken"),
        (["robin", "hey robin"], "'hey robin' says 'robin', too"),
    ],
)
def test_phrases_that_cannot_work_are_refused(phrases, message):
    with pytest.raises(UserError, match=message):
        texts.check_phrases(phrases)


def test_other_phrases_are_fine():
    texts.check_phrases(["computer", "hey robin", "lights on"])


def test_a_phrase_gets_the_time_that_it_takes():
    assert generate.needed_seconds(["stop"]) == 1
    longer = generate.needed_seconds(["stop", "turn on the kitchen light"])
    assert 1.3 < longer <= 2
    with pytest.raises(DataError, match="takes .* s to say"):
        generate.needed_seconds(["what is the weather like in london today"])
    recipe = Recipe(
        words=("turn on the kitchen light",),
        others=("bird",),
        clips_per_word=2,
        held_out=1,
        seconds=longer,
    )
    made = generate.dataset(recipe, progress=False)
    clips = made.splits["train"].waveforms
    assert clips.shape[1] == round(longer * 16000)
    spoken = np.abs(clips[0].astype(float)) > 0.1 * np.abs(clips[0]).max()
    assert np.ptp(np.flatnonzero(spoken)) > 16000
    with pytest.raises(DataError, match="1 to 2 seconds"):
        Recipe(seconds=2.5)


def test_a_command_writes_them(tmp_path):
    path = tmp_path / "said" / "test.flac"
    flags = ["--words=stop", "--minutes=0.1", f"--output={path}"]
    done = run_apart("data.synthetic", *flags)
    assert done.returncode == 0, done.stderr
    written, rate = soundfile.read(path, dtype="int16")
    wanted = spoken(
        Sentences(0.1, ("stop",), split="test"), workers=1, progress=False
    )
    assert rate == 16000
    np.testing.assert_array_equal(written, wanted)
