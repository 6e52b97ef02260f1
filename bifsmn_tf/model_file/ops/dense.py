"""The classifier as an op."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from bifsmn_tf.model_file.ops.op import HasSpec
from bifsmn_tf.model_file.ops.op import Op
from bifsmn_tf.model_file.ops.op import TensorSpec
from bifsmn_tf.model_file.packing import unpack_integers

MAX_DENSE_WEIGHTS = 65535
"""Largest sum of an output's absolute int8 weights in ``Dense``: its sums with
16-bit values fit 32 bits."""


@dataclasses.dataclass(frozen=True)
class Dense(Op):
    """The classifier: ``logit = (sum of x * w) * scale + bias``.

    A residual of int16 and weights of int8 give sums of exact integers; of any
    other types the sums are floats, whose order is not defined.

    Inputs: the residual, which the contract calls stream, int16 or float32
    ``[N, T, 1, C]``, taken as ``[N, T * C]``; weights int8, float16 or float32
    ``[O, T * C]``, those of int8 also packed (``pack_integers``); scale_bias
    float32 ``[2, O]``. Output: logits float32 ``[N, O]``.
    """

    NAME = "BifsmnDense"
    INPUTS = ("stream", "weights", "scale_bias")
    OUTPUTS = ("logits",)

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the spec of the logits; see ``Op.output_specs``."""
        residual, weights, scale_bias = self.required(inputs, 3)
        is_packed = weights.dtype == np.int8 and len(weights.shape) == 1
        self.check(
            len(residual.shape) == 4
            and (is_packed or len(weights.shape) == 2)
            and len(scale_bias.shape) == 2,
            f"residual {residual.shape}, weights {weights.shape} or scale and "
            f"bias {scale_bias.shape} have a wrong rank",
        )
        outputs = scale_bias.shape[1]
        wanted = (outputs, math.prod(residual.shape[1:]))
        self.check(
            is_packed or weights.shape == wanted,
            f"weights {weights.shape} do not fit the residual {residual.shape} "
            f"and {outputs} outputs",
        )
        shape = (residual.shape[0], outputs)
        return [TensorSpec(shape, np.dtype(np.float32))]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes the logits; see ``Op.reference``."""
        residual, weights, scale_bias = self.required(inputs, 3)
        self.output_specs(residual, weights, scale_bias)
        scale, bias = scale_bias
        values = residual.reshape(residual.shape[0], -1).astype(np.float64)
        if weights.ndim == 1:
            weights = unpack_integers(weights, len(bias), values.shape[1])
            self.check(
                np.array_equal(weights, weights.astype(np.int8)),
                "packed weights have more than 8 bits",
            )
            weights = weights.astype(np.int8)
        sums = values @ weights.astype(np.float64).T
        if weights.dtype == np.int8:
            largest = np.abs(weights.astype(np.int64)).sum(axis=1).max()
            self.check(
                largest <= MAX_DENSE_WEIGHTS,
                f"absolute weights sum up to {largest}, which is more than "
                f"{MAX_DENSE_WEIGHTS}",
            )
        return (sums.astype(np.float32) * scale + bias,)
