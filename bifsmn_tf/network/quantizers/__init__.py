"""Quantizers: what makes a weight or an activation one bit (Eq. 1, 2).

A quantizer is a function with a gradient of its own. As in Larq it is an
object, ``Sign(surrogate="approx")``, or a name, ``"bifsmn_sign"``, that
``larq.quantizers.get`` and every Larq layer resolve:

===============================  ==============================================
``bifsmn_sign``                  :class:`Sign`, Eq. 1: clipped straight-through
``bifsmn_approx_sign``           :class:`Sign`, Bi-Real Net's surrogate gradient
``bifsmn_ede_sign``              :class:`EdeSign`, IR-Net's surrogate gradient
``bifsmn_scaled_sign``           :class:`ScaledSign`, Eq. 2: one scale a channel
``bifsmn_xnor_kernel``           :class:`XnorKernel`, with a gradient through it
``bifsmn_dorefa_kernel``         :class:`DoReFaKernel`, one scale a layer
``bifsmn_dorefa_activation``     :class:`DoReFaActivation`, 0 and 1
``bifsmn_libra``                 :class:`Libra`, signs of balanced weights
``bifsmn_latent``                :class:`Latent`, 32 bits, by mistake
``bifsmn_float``                 :class:`FloatWeights`, for a first stage
``bifsmn_windowed_scaled_sign``  :class:`WindowedScaledSign`, BiFSMNv2's
``bifsmn_int8``                  :class:`Int8`, one scale a channel, 16-bit sums
===============================  ==============================================

The binarizers of the paper's Table 2, as
:data:`~bifsmn_tf.network.architectures.BINARIZERS` puts them together:

==========  ========================  ============================  =======
name        weights                   activations                   paper
==========  ========================  ============================  =======
``bnn``     Larq's ``ste_sign``       Larq's ``ste_sign``           [1]
``dorefa``  ``bifsmn_dorefa_kernel``  ``bifsmn_dorefa_activation``  [2]
``rad``     as ``bnn``                as ``bnn``, with a loss on    [3]
                                      their distribution
``xnor``    ``bifsmn_xnor_kernel``    Larq's ``ste_sign``, times a  [4]
                                      scale K of the data
``bireal``  ``bifsmn_scaled_sign``    ``bifsmn_approx_sign``        [5]
``irnet``   ``bifsmn_libra``          ``bifsmn_ede_sign``           [6]
``w32a1``   ``bifsmn_scaled_sign``,   ``bifsmn_sign``               code of
            but ``bifsmn_latent`` in                                [7]
            pointwise layers
==========  ========================  ============================  =======

[1] Courbariaux 2016, arXiv:1602.02830; [2] Zhou 2016, arXiv:1606.06160;
[3] Ding 2019, arXiv:1904.02823; [4] Rastegari 2016, arXiv:1603.05279; [5] Liu
2018, arXiv:1808.00278; [6] Qin 2020, arXiv:1909.10788; [7] Qin 2022,
arXiv:2202.06483.

What a one-bit layer computes in integers it takes from :func:`integers` and
:func:`scale` of its weights.
"""

from bifsmn_tf.network.quantizers.dorefa import DoReFaActivation
from bifsmn_tf.network.quantizers.dorefa import DoReFaKernel
from bifsmn_tf.network.quantizers.float_weights import FloatWeights
from bifsmn_tf.network.quantizers.int8 import ChannelInt8
from bifsmn_tf.network.quantizers.int8 import Int8
from bifsmn_tf.network.quantizers.int8 import Int8Activation
from bifsmn_tf.network.quantizers.integers import gives_signs
from bifsmn_tf.network.quantizers.integers import integers
from bifsmn_tf.network.quantizers.integers import scale
from bifsmn_tf.network.quantizers.ir_net import EdeSign
from bifsmn_tf.network.quantizers.ir_net import ErrorDecayEstimator
from bifsmn_tf.network.quantizers.ir_net import Libra
from bifsmn_tf.network.quantizers.latent import Latent
from bifsmn_tf.network.quantizers.plain import SURROGATES
from bifsmn_tf.network.quantizers.plain import ApproxSign
from bifsmn_tf.network.quantizers.plain import Gradient
from bifsmn_tf.network.quantizers.plain import ScaledSign
from bifsmn_tf.network.quantizers.plain import Sign
from bifsmn_tf.network.quantizers.plain import channel_scale
from bifsmn_tf.network.quantizers.plain import sign
from bifsmn_tf.network.quantizers.plain import surrogate_slope
from bifsmn_tf.network.quantizers.window import WindowBounds
from bifsmn_tf.network.quantizers.window import WindowedScaledSign
from bifsmn_tf.network.quantizers.xnor import XnorKernel
from bifsmn_tf.network.quantizers.xnor import input_scale

__all__ = [
    "SURROGATES",
    "ApproxSign",
    "ChannelInt8",
    "DoReFaActivation",
    "DoReFaKernel",
    "EdeSign",
    "ErrorDecayEstimator",
    "FloatWeights",
    "Gradient",
    "Int8",
    "Int8Activation",
    "Latent",
    "Libra",
    "ScaledSign",
    "Sign",
    "WindowBounds",
    "WindowedScaledSign",
    "XnorKernel",
    "channel_scale",
    "gives_signs",
    "input_scale",
    "integers",
    "scale",
    "sign",
    "surrogate_slope",
]
