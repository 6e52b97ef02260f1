import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.counts import parameters
from bifsmn_tf.baselines.layers import BINARIZERS
from bifsmn_tf.baselines.vgg19_bn import vgg19_bn


def test_parameters_layer_by_layer():
    """Table 3: 38.97 M."""
    widths = [1, *[64] * 2, *[128] * 2, *[256] * 4, *[512] * 8]
    convolutions = sum(
        9 * a * b + b + 2 * b for a, b in zip(widths, widths[1:], strict=False)
    )
    dense = 513 * 4096 + 4097 * 4096 + 4097 * 12
    model = vgg19_bn(12)
    assert parameters(model) == convolutions + dense == 38_965_964


def test_a_binary_one_pools_in_front_of_its_norms():
    model = vgg19_bn(3, binarizer=BINARIZERS["sign"])
    kinds = [type(layer).__name__ for layer in model.layers]
    pools = [i for i, kind in enumerate(kinds) if kind == "MaxPooling2D"]
    assert len(pools) == 5
    assert {kinds[i + 1] for i in pools} == {"BatchNormalization"}
    # Else all signs would be +1.
    probe = tf.keras.Model(model.input, model.layers[pools[0] + 1].output)
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 1))
    share = (probe(x.astype(np.float32), training=True).numpy() >= 0).mean()
    assert 0.3 < share < 0.7


def test_takes_no_small_features():
    with pytest.raises(ValueError, match="at least 32 x 32, not 32 x 30"):
        vgg19_bn(3, (32, 30, 1))
