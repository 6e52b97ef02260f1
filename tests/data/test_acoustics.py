"""Rooms and microphones between a mouth and a spotter."""

import numpy as np
import pytest

from bifsmn_tf.data.acoustics import Acoustics
from bifsmn_tf.errors import UserError


@pytest.fixture(scope="module")
def rooms():
    return Acoustics.simulated(4, 0, 1.0, 0.0)


def test_rooms_begin_with_the_direct_sound_and_keep_the_energy(rooms):
    assert rooms.responses.shape == (4, 6400)
    np.testing.assert_allclose(
        np.sum(np.square(rooms.responses), axis=1), 1, rtol=1e-5
    )
    early = np.abs(rooms.responses[:, :80]).max(axis=1)
    assert np.all(early > 0.2 * np.abs(rooms.responses).max(axis=1))
    again = Acoustics.simulated(4, 0, 1.0, 0.0)
    np.testing.assert_array_equal(again.responses, rooms.responses)
    other = Acoustics.simulated(4, 1, 1.0, 0.0)
    assert not np.array_equal(other.responses, rooms.responses)


def test_a_click_in_a_room_is_its_response(rooms):
    click = np.zeros(16000, np.float32)
    click[2000] = 1
    heard = rooms.heard(click, np.random.default_rng(0))
    assert heard.shape == click.shape
    assert heard.dtype == np.float32
    assert not np.abs(heard[:2000]).max() > 1e-6
    tail = heard[2000:8400]
    tails = [r for r in rooms.responses if np.allclose(tail, r, atol=1e-5)]
    assert len(tails) == 1


def test_microphones_pass_a_band_and_stay_in_range():
    microphone = Acoustics(np.empty((0, 0), np.float32), 0.0, 1.0)
    time = np.arange(16000) / 16000
    hum = (0.5 * np.sin(2 * np.pi * 20 * time)).astype(np.float32)
    voice = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    for seed in range(40):
        levels = []
        for sound in (hum, voice):
            heard = microphone.heard(sound, np.random.default_rng(seed))
            assert np.abs(heard).max() <= 1
            levels.append(np.square(heard[4000:]).mean())
        assert levels[0] < 0.5 * levels[1]


def test_microphones_hiss_but_for_some_that_are_muted():
    microphone = Acoustics(np.empty((0, 0), np.float32), 0.0, 1.0)
    silence = np.zeros(16000, np.float32)
    levels = []
    for seed in range(60):
        heard = microphone.heard(silence, np.random.default_rng(seed))
        levels.append(np.sqrt(np.square(heard, dtype=np.float64).mean()))
    loud = [20 * np.log10(level) for level in levels if level]
    assert 2 <= levels.count(0) <= 20
    assert -96 < min(loud) < -85
    assert -55 < max(loud) < -44
    again = microphone.heard(silence, np.random.default_rng(59))
    np.testing.assert_array_equal(again, heard)


def test_draws_the_same_number_whatever_happens():
    nowhere = Acoustics(np.empty((0, 0), np.float32), 0.0, 0.0)
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    sound = np.ones(1000, np.float32)
    np.testing.assert_array_equal(nowhere.heard(sound, one), sound)
    everywhere = Acoustics(np.eye(1, 400, dtype=np.float32), 1.0, 1.0)
    everywhere.heard(sound, other)
    assert one.random() == other.random()


def test_refuses_what_cannot_be():
    with pytest.raises(UserError, match="rooms"):
        Acoustics(np.empty((0, 0), np.float32), 0.5, 0.0)
    with pytest.raises(UserError, match="microphone"):
        Acoustics(np.empty((0, 0), np.float32), 0.0, 1.5)
