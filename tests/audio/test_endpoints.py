"""Where somebody speaks in sound that goes on."""

import numpy as np
import pytest

from bifsmn_tf.audio.endpoints import Endpointer

RATE = 16000


def room(seconds, level=0.001, seed=0):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(round(seconds * RATE))
    return (level * noise).astype(np.float32)


def speech(seconds, level=0.2):
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * 300 * time)).astype(np.float32)


def heard(sound, piece=512, **settings):
    endpointer = Endpointer(RATE, **settings)
    pieces = [sound[i : i + piece] for i in range(0, len(sound), piece)]
    found = [endpointer.push(p) for p in pieces]
    return [word for word in found if word is not None]


@pytest.mark.parametrize("piece", [160, 512, 777, 16000])
@pytest.mark.parametrize("level", [0.0, 0.001, 0.02])
def test_cuts_words_out_of_a_room(piece, level):
    parts = [
        *(room(1, level), speech(0.5), room(1.5, level, 1)),
        *(speech(0.8), room(1.5, level, 2)),
    ]
    words = heard(np.concatenate(parts), piece)
    assert [round(len(w) / RATE, 1) for w in words] == [0.8, 1.1]
    for word in words:
        loud = np.flatnonzero(np.abs(word) > 0.1)
        assert loud[0] > 0.1 * RATE
        assert len(word) - loud[-1] > 0.1 * RATE


def test_a_pause_inside_a_phrase_does_not_end_it():
    parts = [room(1), speech(0.3), room(0.3), speech(0.3), room(1)]
    (word,) = heard(np.concatenate(parts))
    assert len(word) > 0.9 * RATE


def test_clicks_and_whispers_are_no_speech():
    click = speech(0.05)
    whisper = speech(0.5, level=0.0015)
    sound = np.concatenate([room(1), click, room(1), whisper, room(1)])
    assert heard(sound) == []


def test_who_speaks_on_is_cut_off():
    sound = np.concatenate([room(1), speech(5), room(1)])
    words = heard(sound, longest=2.0)
    assert len(words) >= 2
    assert max(len(w) for w in words) <= 2.4 * RATE
