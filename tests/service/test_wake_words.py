"""Which words a service knows, and what one client's sound holds."""

import shutil

import numpy as np
import pytest
import soxr

from bifsmn_tf import pretrained
from bifsmn_tf.audio import files
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.errors import UserError
from bifsmn_tf.service.wake_words import Ear
from bifsmn_tf.service.wake_words import Vocabulary
from bifsmn_tf.service.wake_words import load

MODEL = "bifsmn_stream-sc12"


@pytest.fixture(scope="module")
def one():
    return Vocabulary([load(MODEL)])


def test_words_of_one_model_are_called_as_they_are(one):
    assert tuple(one.words) == KEYWORDS


def test_words_that_two_models_know_are_called_after_the_model():
    names = (MODEL, "bifsmn-sc12")
    both = Vocabulary([load(name) for name in names])
    assert set(both.words) == {f"{m}.{w}" for m in names for w in KEYWORDS}
    # A model's name stands for all of its words.
    chosen = both.chosen(["bifsmn-sc12"])
    assert [word.label for word in chosen] == [*KEYWORDS]


def test_models_of_one_name_are_refused(tmp_path):
    copy = tmp_path / f"{MODEL}.tflite"
    shutil.copy(pretrained.find(MODEL), copy)
    with pytest.raises(UserError, match=f"two are called {MODEL}"):
        Vocabulary([load(MODEL), load(str(copy))])


def test_words_that_are_not_there_are_refused(one):
    with pytest.raises(UserError, match="no wake word 'alexa': yes, no"):
        one.chosen(["yes", "alexa"])
    assert one.chosen(None) == one.chosen([]) == [*one.words.values()]


def test_thresholds_of_words():
    plain = load(MODEL)
    own = load(MODEL, threshold={"yes": 0.99, "elsewhere": 0.1})
    assert own.settings.thresholds["yes"] == 0.99
    assert own.settings.thresholds["no"] == plain.settings.thresholds["no"]


def test_an_ear_hears_what_was_asked_for(one, speech):
    words = [
        files.read(sorted((speech / name).glob("*.wav"))[0])
        for name in ("yes", "stop")
    ]
    sound = np.concatenate(words)
    high = soxr.resample(sound, 16000, 44100)
    octets = np.repeat(high, 2).astype("<i2").tobytes()
    for names in (["yes", "stop"], ["stop"]):
        ear = Ear(one.chosen(names), 44100, 2, 2)
        heard = []
        for start in range(0, len(octets), 1001):
            heard += ear.push(octets[start : start + 1001])
        heard += ear.finish()
        assert [word.name for word, _ in heard] == names
        assert all(x.time <= len(sound) / 16000 for _, x in heard)
