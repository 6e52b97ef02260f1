import numpy as np
import pytest

from bifsmn_tf.baselines.counts import macs
from bifsmn_tf.baselines.counts import parameters
from bifsmn_tf.baselines.ds_cnn import INPUT_SHAPE
from bifsmn_tf.baselines.ds_cnn import ds_cnn
from bifsmn_tf.baselines.tflite_converter import convert

BATCH_NORMS = 9 * 2 * 64


def test_is_the_papers_small_network():
    """Hello Edge, Table 5: DS-CNN-S has 38.6 KB and 5.4 M operations."""
    model = ds_cnn(12)
    folded = parameters(model) - BATCH_NORMS
    # One byte each, and a layer's input and output beside them.
    maps = [25 * 5 * 64] * 2
    assert round((folded + sum(maps)) / 1000, 1) == 38.6
    multiplications = macs(convert(model, INPUT_SHAPE))
    biases = 9 * 25 * 5 * 64
    assert round((2 * multiplications + biases) / 1e6, 1) == 5.4


def test_parameters_layer_by_layer():
    first = 10 * 4 * 64 + 64
    pair = 3 * 3 * 64 + 64 + 64 * 64 + 64
    assert parameters(ds_cnn(5)) == first + 4 * pair + BATCH_NORMS + 65 * 5


@pytest.mark.parametrize("shape", [INPUT_SHAPE, (32, 32, 1), (7, 5, 1)])
def test_takes_other_features(shape):
    logits = ds_cnn(3, shape)(np.zeros((2, *shape), np.float32))
    assert logits.shape == (2, 3)
