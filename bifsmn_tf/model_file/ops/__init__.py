"""The custom ops of a converted network, described for Python.

One dataclass an op: its name in the model file, its attributes in the order in
which they are stored, the shapes of its outputs, and a NumPy reference that the
native kernels equal bit for bit; of ``LogMel``, to within 1e-3 dB.
``custom_ops/README.md`` is the definition; the native library reports the same
names and attributes through ``bifsmn_contract``, and a test holds the two
against each other. Nothing here needs TensorFlow.

    op = Conv2D(in_channels=64)
    op.custom_options()                   # bytes of the operator in the file
    op.output_specs(x, w)                 # [((1, 32, 1, 8), int16)]
    bits, = op.reference(x, w, thresholds)
"""

from bifsmn_tf.model_file.ops.catalogue import OPS
from bifsmn_tf.model_file.ops.conv import MAX_QUANTIZED_TERMS
from bifsmn_tf.model_file.ops.conv import Conv2D
from bifsmn_tf.model_file.ops.conv import FeatureConv2D
from bifsmn_tf.model_file.ops.conv import FloatConv2D
from bifsmn_tf.model_file.ops.conv import Int8Conv2D
from bifsmn_tf.model_file.ops.dense import MAX_DENSE_WEIGHTS
from bifsmn_tf.model_file.ops.dense import Dense
from bifsmn_tf.model_file.ops.levels import THRESHOLDS
from bifsmn_tf.model_file.ops.log_mel import LogMel
from bifsmn_tf.model_file.ops.memory import Memory
from bifsmn_tf.model_file.ops.op import CONTRACT_VERSION
from bifsmn_tf.model_file.ops.op import MAX_BINARY_TERMS
from bifsmn_tf.model_file.ops.op import HasSpec
from bifsmn_tf.model_file.ops.op import Op
from bifsmn_tf.model_file.ops.op import TensorSpec
from bifsmn_tf.model_file.ops.residual import Conv2DAdd
from bifsmn_tf.model_file.ops.residual import residual_epilogue
from bifsmn_tf.model_file.ops.stream import STATE_ALIGNMENT
from bifsmn_tf.model_file.ops.stream import History
from bifsmn_tf.model_file.ops.stream import StreamState

__all__ = [
    "CONTRACT_VERSION",
    "MAX_BINARY_TERMS",
    "MAX_DENSE_WEIGHTS",
    "MAX_QUANTIZED_TERMS",
    "OPS",
    "STATE_ALIGNMENT",
    "THRESHOLDS",
    "Conv2D",
    "Conv2DAdd",
    "Dense",
    "FeatureConv2D",
    "FloatConv2D",
    "HasSpec",
    "History",
    "Int8Conv2D",
    "LogMel",
    "Memory",
    "Op",
    "StreamState",
    "TensorSpec",
    "residual_epilogue",
]
