"""Which ops there are."""

from bifsmn_tf.model_file.ops.conv import Conv2D
from bifsmn_tf.model_file.ops.conv import FeatureConv2D
from bifsmn_tf.model_file.ops.conv import FloatConv2D
from bifsmn_tf.model_file.ops.conv import Int8Conv2D
from bifsmn_tf.model_file.ops.dense import Dense
from bifsmn_tf.model_file.ops.log_mel import LogMel
from bifsmn_tf.model_file.ops.memory import Memory
from bifsmn_tf.model_file.ops.op import Op
from bifsmn_tf.model_file.ops.residual import Conv2DAdd
from bifsmn_tf.model_file.ops.stream import History
from bifsmn_tf.model_file.ops.stream import StreamState

OPS: tuple[type[Op], ...] = (
    FeatureConv2D,
    FloatConv2D,
    Int8Conv2D,
    Conv2D,
    Conv2DAdd,
    Memory,
    Dense,
    LogMel,
    History,
    StreamState,
)
"""Every op, in the order in which the native library reports them."""
