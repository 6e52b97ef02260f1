"""The memory block of the D-FSMN as an op."""

import dataclasses

import numpy as np
import numpy.typing as npt

from bifsmn_tf.model_file.ops.op import MAX_BINARY_TERMS
from bifsmn_tf.model_file.ops.op import HasSpec
from bifsmn_tf.model_file.ops.op import Op
from bifsmn_tf.model_file.ops.op import TensorSpec
from bifsmn_tf.model_file.ops.op import activation_bits
from bifsmn_tf.model_file.ops.residual import check_shift
from bifsmn_tf.model_file.ops.residual import residual_epilogue
from bifsmn_tf.model_file.ops.residual import residual_specs
from bifsmn_tf.model_file.ops.residual import unpacked
from bifsmn_tf.model_file.packing import unpack_activations
from bifsmn_tf.model_file.packing import unpack_bits
from bifsmn_tf.model_file.packing import words_for
from bifsmn_tf.network.topology import LARGEST_LEVEL


@dataclasses.dataclass(frozen=True)
class Memory(Op):
    """Memory block, a depthwise sum over time (Eq. 3).

    Tap ``i`` in ``0 .. look_back`` looks at ``t - (look_back - i) *
    stride_back``, tap ``look_back + j``, ``j`` in ``1 .. look_ahead``, at ``t +
    j * stride_ahead``. Taps outside the bits' frames contribute 0. The bits may
    begin H frames before the residual: its frame ``t`` is then their frame ``t
    + H``. The epilogue is that of ``Conv2DAdd``.

    Inputs: bits int16 ``[N, T + H, 1, ceil(C/16)]``; the residual that it adds
    to, which the contract calls stream, ``[N, T, 1, C]``; weights int16
    ``[look_back + 1 + look_ahead, ceil(C/16)]``; parameters ``[4, C]`` or
    packed. Outputs: the residual ``[N, T, 1, C]``; bits int16 ``[N, T, 1,
    ceil(C/16)]``, which may be left out. Activations of two bits have twice
    as many words, as in ``Conv2DAdd``.
    """

    NAME = "BifsmnMemory"
    INPUTS = ("bits", "stream", "weights", "parameters")
    OUTPUTS = ("stream", "bits?")

    channels: int
    look_back: int
    look_ahead: int
    stride_back: int = 1
    stride_ahead: int = 1
    shift: int = 0
    activation_bits: int = activation_bits()

    def __post_init__(self) -> None:
        self.check_activation_bits(self.activation_bits)
        self.check(self.channels >= 1, f"channels is {self.channels}")
        self.check(
            self.look_back >= 0 and self.look_ahead >= 0,
            f"negative orders {self.look_back} and {self.look_ahead}",
        )
        self.check(
            self.stride_back >= 1 and self.stride_ahead >= 1,
            f"strides have to be positive, got {self.stride_back} and "
            f"{self.stride_ahead}",
        )
        self.check(
            self.taps <= MAX_BINARY_TERMS,
            f"a sum has at most {MAX_BINARY_TERMS} terms, not {self.taps}",
        )

    @property
    def taps(self) -> int:
        """Terms of one sum: ``look_back + 1 + look_ahead``."""
        return self.look_back + 1 + self.look_ahead

    @property
    def tap_offsets(self) -> list[int]:
        """Where each tap looks, in time steps from the present one."""
        back = range(-self.look_back, 1)
        ahead = range(1, self.look_ahead + 1)
        return [i * self.stride_back for i in back] + [
            j * self.stride_ahead for j in ahead
        ]

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the specs of residual and bits; see ``Op.output_specs``."""
        bits, residual, weights, parameters = self.required(inputs, 4)
        words = words_for(self.channels)
        self.check(
            len(bits.shape) == 4
            and bits.shape[2:] in ((1, words), (1, 2 * words)),
            f"bits {bits.shape} are not [N, T, 1, {words}], nor twice as many "
            "words of two bits",
        )
        largest = self._largest_sum(bits)
        self.check(
            largest <= MAX_BINARY_TERMS,
            f"a sum is at most {MAX_BINARY_TERMS}, not {largest}",
        )
        frames = bits.shape[1]
        if len(residual.shape) == 4:
            frames = residual.shape[1]
        self.check(
            frames <= bits.shape[1],
            f"bits of {bits.shape[1]} frames for a residual of {frames}",
        )
        self.check(
            weights.shape == (self.taps, words),
            f"weights {weights.shape} are not {(self.taps, words)}",
        )
        shape = (bits.shape[0], frames, 1, self.channels)
        return residual_specs(
            self, shape, parameters, residual, self.activation_bits
        )

    def _largest_sum(self, bits: HasSpec) -> int:
        two = bits.shape[3] == 2 * words_for(self.channels)
        return self.taps * (LARGEST_LEVEL if two else 1)

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes residual and bits; see ``Op.reference``."""
        bits, residual, weights, parameters = self.required(inputs, 4)
        self.output_specs(*inputs)
        parameters = unpacked(parameters, self.channels, self.activation_bits)
        check_shift(self, self.shift, parameters, self._largest_sum(bits))
        signs = unpack_activations(bits, self.channels, np.int32)
        taps = unpack_bits(weights, self.channels, np.int32)
        steps = signs.shape[1]
        dots = np.zeros_like(signs)
        for tap, offset in zip(taps, self.tap_offsets, strict=True):
            first, last = max(0, -offset), min(steps, steps - offset)
            if first < last:
                seen = signs[:, first + offset : last + offset]
                dots[:, first:last] += tap * seen
        dots = dots[:, steps - residual.shape[1] :]
        return residual_epilogue(dots, parameters, self.shift, residual)
