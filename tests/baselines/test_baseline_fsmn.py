import numpy as np
import pytest

from bifsmn_tf.baselines.counts import parameters
from bifsmn_tf.baselines.fsmn import fsmn


def test_parameters_layer_by_layer():
    """Table 3: 0.45 M."""
    memory, second, slope = 7 * 256, 256 * 128, 1
    first = 32 * 128 + 128 + memory + second + slope
    other = 128 * 128 + 128 + memory + second + slope
    classifier = 32 * 128 * 12 + 12
    assert parameters(fsmn(12)) == first + 7 * other + classifier == 445_460


def test_a_state_sees_three_frames_to_each_side():
    model = fsmn(3)
    x = np.zeros((1, 32, 32, 1), np.float32)
    x[0, 10] = 1
    layer = model.get_layer("state_1")
    state = type(model)(model.input, layer.output)
    changed = np.abs(state(x) - state(np.zeros_like(x))).max(axis=(0, 2, 3))
    assert (np.flatnonzero(changed > 1e-6) == np.arange(7, 14)).all()


def test_frequencies_have_to_divide_the_memory():
    with pytest.raises(ValueError, match="divides 256, not 40"):
        fsmn(3, (32, 40, 1))
