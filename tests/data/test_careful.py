import numpy as np
import pytest

from bifsmn_tf.data.synthetic import careful
from bifsmn_tf.data.synthetic import espeak
from bifsmn_tf.data.synthetic import generate
from bifsmn_tf.data.synthetic import speakers
from bifsmn_tf.data.synthetic import voices

COMPUTER = {
    careful.ESPEAK: ("k", "@", "m", "p", "j", "'u:", "t#", "3"),
    careful.IPA: ("k", "ə", "m", "p", "j", "ˈuː", "ɾ", "ɚ"),
}


@pytest.mark.parametrize("alphabet", COMPUTER)
def test_syllables(alphabet):
    word = COMPUTER[alphabet]
    assert careful.syllables(word, alphabet) == (word[:3], word[3:6], word[6:])


@pytest.mark.parametrize(
    ("word", "lengths"),
    [
        (("s", "t", "'0", "p"), [4]),
        (("l", "'aI", "t", "s"), [4]),
        (("r", "'i:", "@"), [3]),  # vowels next to one another are one
        (("V", "l", "'E", "k", "s", "@"), [1, 3, 2]),
        (("b", "'0", "t", "r", "@L"), [2, 3]),
        (("j",), [1]),
        ((), [0]),
    ],
)
def test_syllables_of_other_words(word, lengths):
    found = careful.syllables(word, careful.ESPEAK)
    assert [len(syllable) for syllable in found] == lengths
    assert sum(found, ()) == word


@pytest.mark.parametrize("alphabet", COMPUTER)
def test_who_takes_care_reduces_nothing(alphabet):
    word = COMPUTER[alphabet]
    said = {
        careful.carefully(word, alphabet, np.random.default_rng(seed))
        for seed in range(40)
    }
    plain = {
        tuple(symbol for symbol in way if symbol not in alphabet.gaps)
        for way in said
    }
    assert len(said) > len(plain) > 1  # gaps or none; several full vowels
    for way in plain:
        assert len(way) == len(word)
        assert way[1] in alphabet.full[word[1]]
        assert way[6] == "t"
        assert way[5] == word[5]  # its stress with it
    gaps = {len(way) - len(word) for way in said}
    assert gaps == {0, 2}


def test_a_function_of_the_draws():
    ways = [
        careful.carefully(
            COMPUTER[careful.IPA], careful.IPA, np.random.default_rng(3)
        )
        for _ in range(2)
    ]
    assert ways[0] == ways[1]


def test_espeak_says_it_with_gaps():
    with espeak.Speaker() as speaker:
        texts = {
            speaker.carefully("computer", "en-us", np.random.default_rng(seed))
            for seed in range(20)
        }
        assert all(text.startswith("[[k") for text in texts)
        longest = max(texts, key=lambda text: text.count(":"))
        lengths = [
            len(speaker.say(text, "en-us", rate=150, pitch=50, range_=50))
            for text in ("computer", longest)
        ]
    assert lengths[1] > 1.15 * lengths[0]
    # The text in brackets is spoken, not spelled.
    assert lengths[1] < 2.5 * lengths[0]


def test_piper_reads_what_is_made_for_it():
    said = speakers._carefully("kəmpjˈuːɾɚ ɐlˈɛksə.", np.random.default_rng(0))
    assert said.startswith("[[k")
    assert said.endswith(".]]")
    assert not set(said) & set("əɐɾ")
    assert "ˈuː" in said
    assert "lˈɛ" in said.replace(" ", "")


def test_espeak_alone_speaks_as_ever():
    assert voices.manner(("espeak",), 5) == {"careful": False, "uneven": 0.0}
    ways = [voices.manner(("espeak", "piper"), seed) for seed in range(2000)]
    share = sum(way["careful"] for way in ways) / len(ways)
    assert 0.25 < share < 0.35
    uneven = [way["uneven"] for way in ways]
    assert 0 <= min(uneven) < 0.01
    assert 0.49 < max(uneven) < 0.5


class Slow:
    """Says whatever is not fluent at its leisure."""

    def __init__(self):
        self.said = []

    def say(self, text, voice, *, careful, uneven, **_):
        self.said.append((careful, uneven))
        seconds = 1.5 if careful or uneven else 0.5
        return np.ones(int(16000 * seconds), np.float32)


def test_who_does_not_come_to_an_end_says_it_fluently(recipe_of_piper):
    speaker = Slow()
    sound = generate.spoken(speaker, recipe_of_piper)
    assert len(sound) == 8000
    assert speaker.said[0] == (True, 0.3)
    assert speaker.said[-1] == (False, 0.0)


@pytest.fixture
def recipe_of_piper():
    from bifsmn_tf.data.synthetic.recipe import Utterance

    return Utterance(
        *("train", "computer", "computer", "piper:joe+en", 0),
        *(150, 50, 50, -20.0, "", 0.0, 0.0, 1),
        careful=True,
        uneven=0.3,
    )
