"""A converted network in NumPy, by the ops' references.

What :class:`~bifsmn_tf.conversion.depth_graph.DepthGraph` writes into a file it
computes here at once: the same ops in the same order on arrays. So a stream is
computed in one pass, and step by step, without any kernel.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf.conversion import residual
from bifsmn_tf.conversion.depth_graph import DepthGraph
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.ops import HasSpec
from bifsmn_tf.model_file.ops import Op
from bifsmn_tf.network.export import ExportedNetwork
