"""What cannot be converted is refused, with a reason."""

import numpy as np
import pytest
from networks import describe
from networks import random_network

from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.conversion.integer_network import IntegerNetwork
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.network import architectures
from bifsmn_tf.network import config as networks

AS_TRAINED = Precision(residual="float32", classifier="float32")


def test_precision_of_no_such_name_is_refused():
    with pytest.raises(ValueError, match="residual is one of int16, float32"):
        Precision(residual="int4")


def test_integer_residual_refuses_steep_slopes():
    network = random_network(architectures.bifsmn_s(5))
    slope = network.stages["block3/memory"].prelu.slope
    slope.assign(slope * 0 + 2.5)
    with pytest.raises(ValueError, match="Convert with a float32 residual"):
        convert_binary(network, describe(network.config))
    convert_binary(network, describe(network.config), AS_TRAINED)


def test_refuses_a_negative_slope_before_a_sign():
    network = random_network(architectures.bifsmn_s(5))
    slope = network.stages["block1/expand"].prelu.slope
    slope.assign(-slope)
    with pytest.raises(ValueError, match="negative slope"):
        convert_binary(network, describe(network.config))


@pytest.mark.parametrize(
    ("option", "sites"),
    [
        ("float_sites", ("conv2",)),
        ("int8_sites", ("memory", "conv2")),
        ("int8_sites", ("expand",)),
    ],
)
def test_refuses_sites_that_no_op_is_for(option, sites):
    config = architectures.bifsmn_s(5, **{option: sites})
    network = random_network(config)
    message = f"{option} of this network: {', '.join(sites)}. There are ops for"
    with pytest.raises(ValueError, match=message):
        convert_binary(network, describe(config), AS_TRAINED)
    with pytest.raises(ValueError, match=message):
        IntegerNetwork(network)


@pytest.mark.parametrize(
    ("binarizer", "message"),
    [
        ("xnor", "input scale K depends on the data"),
        ("dorefa", "bifsmn_dorefa_activation are not -1 and [+]1"),
        ("w32a1", "block1/expand has weights of 32 bits .Latent."),
    ],
)
@pytest.mark.parametrize(
    "convert",
    [
        lambda network: convert_binary(network, describe(network.config)),
        IntegerNetwork,
    ],
)
def test_refuses_binarizers_that_the_ops_do_not_compute(
    convert, binarizer, message
):
    changes = architectures.BINARIZERS[binarizer]
    network = random_network(architectures.bifsmn_s(5, **changes))
    with pytest.raises(ValueError, match=f"{message}.*evaluate the run itself"):
        convert(network)


def test_refuses_sums_that_keras_does_not_add_exactly():
    config = architectures.bifsmn_mixed(5, front_channels=48, deltas=(4,))
    message = "conv2 adds up 1200 products of 8 bits, more than the 1032"
    with pytest.raises(ValueError, match=message):
        convert_binary(random_network(config), describe(config))


def test_refuses_a_first_convolution_of_floats_before_one_of_8_bits():
    config = architectures.bifsmn_s(5, int8_sites=("conv2",))
    network = random_network(config)
    floats = Precision(first_convolution="float32")
    with pytest.raises(ValueError, match="reads the first one's in 8 bits"):
        convert_binary(network, describe(config), floats)


def test_refuses_a_diverged_network():
    network = random_network(architectures.bifsmn_s(5))
    beta = network.stages["block1/memory"].norm.beta
    beta.assign(beta * np.nan)
    with pytest.raises(ValueError, match="not finite"):
        convert_binary(network, describe(network.config))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"kernel_quantizer": networks.FLOAT_WEIGHTS},
            "not one bit.*without kernel_quantizer bifsmn_float",
        ),
        ({"dual_activations": True}, "two bits.*without dual_activations"),
    ],
)
def test_what_no_op_computes_is_refused(changes, message):
    config = architectures.bifsmn_s(12, **changes)
    network = random_network(config)
    with pytest.raises(ValueError, match=message):
        convert_binary(network, describe(config))
    with pytest.raises(ValueError, match=message):
        IntegerNetwork(network)
