"""The network in stock layers is the project's."""

import numpy as np
import pytest
from networks import SIZES
from networks import random_network

from bifsmn_tf.baselines.plain import PlainFSMN
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.architectures import dfsmn


@pytest.mark.parametrize(
    "config",
    [
        bifsmn(**SIZES),
        bifsmn(**SIZES, thresholds=False, prelu="shared", front_outputs=5),
        bifsmn(**{**SIZES, "deltas": (2, 4)}, look_back=1, look_ahead=1),
        dfsmn(**SIZES),
    ],
    ids=["bifsmn", "shared", "deltas", "dfsmn"],
)
def test_it_infers_what_the_project_does(config):
    network = random_network(config)
    plain = PlainFSMN(config)
    plain.copy_from(network)
    features = np.random.default_rng(1).normal(size=(5, 9, 8))
    features = features.astype(np.float32)
    for delta in config.deltas:
        logits, states = network.infer(features, delta)
        found, found_states = plain(features, delta)
        np.testing.assert_allclose(found, logits, rtol=1e-3, atol=1e-3)
        assert list(found_states) == list(states)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"stride_back": 2}, "no other memory"),
        ({"look_back": 1, "look_ahead": 3}, "no other memory"),
        ({"int8_sites": ("conv2",)}, "no int8_sites"),
    ],
)
def test_what_stock_layers_lack_is_refused(option, message):
    with pytest.raises(ValueError, match=message):
        PlainFSMN(bifsmn(**SIZES, **option))
