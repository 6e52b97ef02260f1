import dataclasses
import json

import numpy as np
import pytest
from sounds import noise

from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.data.augmentation import at_speed
from bifsmn_tf.data.augmentation import augment
from bifsmn_tf.data.augmentation import copy_rng
from bifsmn_tf.data.augmentation import shifted
from bifsmn_tf.errors import UserError

NONE = AugmentationParameters.none()
CLIP = noise(16000, "clip")
NOISE = (noise(20000, "noise", level=0.3), noise(16000, "other"))


def only(**changes) -> AugmentationParameters:
    return dataclasses.replace(NONE, **changes)


def variations(parameters, count=200, sounds=NOISE):
    return [
        augment(CLIP, sounds, parameters, copy_rng(0, i, 0))
        for i in range(count)
    ]


def tone(frequency: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(16000) / 16000).astype("f4")


def test_none_changes_nothing():
    for result in variations(NONE, 5):
        np.testing.assert_array_equal(result, CLIP)


def test_same_chance_same_clip():
    default = AugmentationParameters()
    for copy in range(3):
        first, second = (
            augment(CLIP, NOISE, default, copy_rng(7, 3, copy))
            for _ in range(2)
        )
        np.testing.assert_array_equal(first, second)
        assert first.dtype == np.float32
        assert first.shape == (16000,)


def test_seed_clip_and_copy_all_matter():
    default = only(gain_probability=1)
    results = [
        augment(CLIP, NOISE, default, copy_rng(*key))[100]
        for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    assert len(set(results)) == 4


def test_one_setting_does_not_disturb_another():
    """Turning noise on leaves the gains what they were."""
    gains = [r[0] / CLIP[0] for r in variations(only(gain_probability=0.5))]
    both = only(gain_probability=0.5, noise_probability=1, noise_scale=0)
    again = [r[0] / CLIP[0] for r in variations(both)]
    np.testing.assert_allclose(again, gains, rtol=1e-6)


def test_gain_range_and_share():
    gains = np.array(
        [r[0] / CLIP[0] for r in variations(only(gain_probability=0.5))]
    )
    changed = gains[np.abs(gains - 1) > 1e-6]
    assert 70 < len(changed) < 130
    assert 0.7 <= changed.min() < 0.75
    assert 1.05 < changed.max() <= 1.1


def test_shift_moves_zeros_in():
    np.testing.assert_array_equal(shifted(CLIP, 0), CLIP)
    right, left = shifted(CLIP, 300), shifted(CLIP, -300)
    np.testing.assert_array_equal(right[300:], CLIP[:-300])
    np.testing.assert_array_equal(left[:-300], CLIP[300:])
    assert not right[:300].any()
    assert not left[-300:].any()


def test_shift_range():
    ramp = np.arange(1, 16001, dtype=np.float32) / 16000
    places = []
    for i in range(200):
        result = augment(ramp, (), only(shift_probability=1), copy_rng(0, i, 0))
        places.append(np.argmin(np.abs(result - 0.5)) - 7999)
    assert -3200 <= min(places) < -3000
    assert 3000 < max(places) <= 3200


@pytest.mark.parametrize("speed", [0.8, 0.93, 1.0, 1.07, 1.2])
def test_speed_changes_the_pitch(speed):
    result = at_speed(tone(1000), speed)
    spectrum = np.abs(np.fft.rfft(result[2000:14000]))
    frequency = np.argmax(spectrum) * 16000 / 12000
    assert abs(frequency - 1000 * speed) < 2
    assert result.shape == (16000,)
    assert result.dtype == np.float32


@pytest.mark.parametrize("speed", [0.8, 1.2])
def test_speed_leaves_the_middle_where_it_is(speed):
    click = np.zeros(16000, np.float32)
    click[8000] = 1
    assert abs(np.argmax(at_speed(click, speed)) - 8000) <= 1


def test_faster_leaves_zeros_at_the_ends():
    result = at_speed(CLIP, 1.2)
    silent = int((16000 - 16000 / 1.2) / 2)
    assert not result[: silent - 2].any()
    assert not result[-silent + 2 :].any()


def test_noise_scale_and_share():
    default = only(noise_probability=0.3)
    loud = noise(40000, level=0.5)
    scales = []
    for result in variations(default, 300, (loud,)):
        # The least squares share of the clip itself is one minus the scale.
        scales.append(1 - np.dot(result, CLIP) / np.dot(CLIP, CLIP))
    scales = np.array(scales)
    changed = np.abs(scales) > 1e-6
    assert 60 < changed.sum() < 120
    assert scales.max() < 0.4


def test_noise_is_a_piece_of_the_recording():
    ramp = np.arange(20000, dtype=np.float32) / 40000
    silence = np.zeros(16000, np.float32)
    result = augment(
        silence,
        (ramp,),
        only(noise_probability=1, noise_scale=1.0),
        copy_rng(0, 0, 0),
    )
    steps = np.diff(result)
    assert steps.min() > 0
    assert steps.max() - steps.min() < 1e-6


def test_without_noise_nothing_is_mixed():
    for result in variations(only(noise_probability=1), 5, ()):
        np.testing.assert_array_equal(result, CLIP)


def test_result_stays_in_range():
    loud = only(gain=(50, 60), gain_probability=1)
    assert max(np.abs(r).max() for r in variations(loud, 5)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"gain": (1, 0.5)},
        {"speed": 1},
        {"shift": -0.1},
        {"noise_scale": 2},
        {"noise_probability": 1.5},
    ],
)
def test_impossible_parameters_are_refused(change):
    with pytest.raises(UserError, match=next(iter(change))):
        AugmentationParameters(**change)


def test_impossible_masks_are_refused():
    with pytest.raises(UserError, match="time has to be 0 or more, not -1"):
        SpecAugmentParameters(time=-1)


def test_parameters_are_plain_values():
    parameters = AugmentationParameters(gain=(0.5, 1), speed=0.1)
    values = json.loads(json.dumps(parameters.to_dict()))
    assert AugmentationParameters(**values) == parameters
