"""Folding BatchNorm, PReLU and sign into one integer comparison."""

import numpy as np
import pytest

from bifsmn_tf.conversion.thresholds import fold
from bifsmn_tf.network.export import Epilogue

_LARGEST = 60
_DOTS = np.arange(-_LARGEST, _LARGEST + 1)[:, np.newaxis]


def _random(rng, channels):
    scale = rng.normal(size=channels)
    scale[rng.random(channels) < 0.1] = 0
    return (
        Epilogue(
            scale.astype(np.float32),
            rng.normal(scale=20, size=channels).astype(np.float32),
            rng.choice([0, 0.25, 1, 3], size=channels).astype(np.float32),
        ),
        rng.normal(scale=20, size=channels).astype(np.float32),
    )


def test_equals_the_float_function_at_every_integer():
    epilogue, threshold = _random(np.random.default_rng(0), 4000)
    thresholds, flips = fold(epilogue, threshold, _LARGEST)
    wanted = epilogue(_DOTS) >= threshold
    np.testing.assert_array_equal((thresholds > _DOTS) != flips, ~wanted)
    # Constant channels and both directions are among the random ones.
    constant = wanted.all(axis=0) | (~wanted).all(axis=0)
    assert constant.any()
    assert flips.any()
    assert not flips.all()
    assert np.all(np.abs(thresholds) <= _LARGEST + 1)


def test_exactly_on_the_threshold_is_plus_one():
    one = np.ones(1, np.float32)
    epilogue = Epilogue(one, 0 * one, one)
    thresholds, flips = fold(epilogue, 3 * one, 10)
    assert (thresholds[0], flips[0]) == (3, False)
    falling = Epilogue(-one, 0 * one, one)
    thresholds, flips = fold(falling, 3 * one, 10)
    # -dot >= 3 up to dot = -3.
    assert (thresholds[0], flips[0]) == (-2, True)


def test_refuses_a_negative_slope():
    one = np.ones(2, np.float32)
    slope = np.array([0.1, -0.1], np.float32)
    with pytest.raises(ValueError, match="negative slope in channel 1"):
        fold(Epilogue(one, one, slope), one, 10)


def test_refuses_a_diverged_network():
    one = np.ones(1, np.float32)
    with pytest.raises(ValueError, match="scale is not finite"):
        Epilogue(one * np.nan, one, one)
