"""The layers of the network, on tensors that hold several depths at once.

A thinnable network is trained at all its depths together. The depths that run
through a block share its weights and differ only in their normalisation, so
their activations are stacked on an axis of their own and go through every
operation together::

    (batch, time, variant, channel)

Rows of the pointwise layers are then (batch x time x variant), and a BatchNorm
of ``variants x channels`` channels has one set of statistics a variant, both
without moving memory. The front end has frequency bands there.

In inference every layer computes ``dot * scale + offset`` with an integer
``dot``: the same roundings, in the same order, as the deployed operations.
Keras and the .tflite therefore agree bit for bit up to the classifier.
"""

from bifsmn_tf.network.layers.frames import frames_from
from bifsmn_tf.network.layers.linear import FEATURE_SCALE
from bifsmn_tf.network.layers.linear import BinaryConv2D
from bifsmn_tf.network.layers.linear import BinaryDense
from bifsmn_tf.network.layers.linear import FirstConv2D
from bifsmn_tf.network.layers.memory import MemoryFilter
from bifsmn_tf.network.layers.norm import EPSILON
from bifsmn_tf.network.layers.norm import INITIAL_SLOPE
from bifsmn_tf.network.layers.norm import LARGEST_SLOPE
from bifsmn_tf.network.layers.norm import MEMORY_EPSILON
from bifsmn_tf.network.layers.norm import SlopeBounds
from bifsmn_tf.network.layers.norm import VariantNorm
from bifsmn_tf.network.layers.norm import VariantPReLU
from bifsmn_tf.network.layers.sign import TWO_BIT_STEP
from bifsmn_tf.network.layers.sign import AnySign
from bifsmn_tf.network.layers.sign import DualSign
from bifsmn_tf.network.layers.sign import TwoBitSign
from bifsmn_tf.network.layers.sign import VariantSign
from bifsmn_tf.network.layers.sign import distribution_loss

__all__ = [
    "EPSILON",
    "FEATURE_SCALE",
    "INITIAL_SLOPE",
    "LARGEST_SLOPE",
    "MEMORY_EPSILON",
    "TWO_BIT_STEP",
    "AnySign",
    "BinaryConv2D",
    "BinaryDense",
    "DualSign",
    "FirstConv2D",
    "MemoryFilter",
    "SlopeBounds",
    "TwoBitSign",
    "VariantNorm",
    "VariantPReLU",
    "VariantSign",
    "distribution_loss",
    "frames_from",
]
