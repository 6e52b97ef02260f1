"""What a stream keeps between its steps, as ops.

A step's signature has an input ``state`` and an output ``state``; what it
computes depends on nothing else than its inputs. ``History`` puts the frames
that a layer still needs before the new ones, ``StreamState`` takes them from
these windows for the next step::

    state --+-> History(0, 3) --> window --> ...
            |                       |
            |                       +--> StreamState((3, 1)) --> next state
            |                       |
            +-> History(12, 1) --> window --> ...

A frame is everything behind the second axis of a tensor ``[1, T, ...]``.
"""

import dataclasses
import itertools
import math

import numpy as np
import numpy.typing as npt

from bifsmn_tf.model_file.ops.op import HasSpec
from bifsmn_tf.model_file.ops.op import Op
from bifsmn_tf.model_file.ops.op import TensorSpec

STATE_ALIGNMENT = 4
"""Each part of a state begins at a multiple of so many bytes."""

_KEPT = tuple(
    np.dtype(kind) for kind in (np.float32, np.int32, np.int16, np.int8)
)


def _check_frames(op: Op, tensor: HasSpec, name: str) -> None:
    op.check(
        tensor.dtype in _KEPT,
        f"{name} is {tensor.dtype}, not float32, int32, int16 or int8",
    )
    op.check(
        len(tensor.shape) >= 2 and tensor.shape[0] == 1,
        f"{name} {tensor.shape} is not [1, T, ...]",
    )


def _frame_bytes(tensor: HasSpec) -> int:
    return math.prod(tensor.shape[2:]) * tensor.dtype.itemsize


@dataclasses.dataclass(frozen=True)
class History(Op):
    """The latest frames of a stream before its new ones.

    The first ``frames`` of the window are the bytes of the state from
    ``offset`` on, as they lie there; then come those of ``new``.

    Inputs: state int8 ``[1, S]``; new float32, int32, int16 or int8
    ``[1, T, ...]``. Output: window of new's type ``[1, frames + T, ...]``.
    """

    NAME = "BifsmnHistory"
    INPUTS = ("state", "new")
    OUTPUTS = ("window",)

    offset: int
    frames: int

    def __post_init__(self) -> None:
        self.check(
            self.offset >= 0 and self.offset % STATE_ALIGNMENT == 0,
            f"offset has to be a multiple of {STATE_ALIGNMENT}, is "
            f"{self.offset}",
        )
        self.check(
            self.frames >= 1, f"frames has to be positive, is {self.frames}"
        )

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the spec of the window; see ``Op.output_specs``."""
        state, new = self.required(inputs, 2)
        self.check(
            state.dtype == np.int8
            and len(state.shape) == 2
            and state.shape[0] == 1,
            f"state {state.shape} of {state.dtype} is not [1, S] of int8",
        )
        _check_frames(self, new, "new")
        self.check(
            self.offset + self.frames * _frame_bytes(new) <= state.shape[1],
            f"{self.frames} frames of {_frame_bytes(new)} bytes from byte "
            f"{self.offset} on are not in a state of {state.shape[1]} bytes",
        )
        shape = (1, self.frames + new.shape[1], *new.shape[2:])
        return [TensorSpec(shape, new.dtype)]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes the window; see ``Op.reference``."""
        state, new = self.required(inputs, 2)
        self.output_specs(state, new)
        end = self.offset + self.frames * _frame_bytes(new)
        kept = np.frombuffer(
            state[0, self.offset : end].tobytes(), new.dtype
        ).reshape(1, self.frames, *new.shape[2:])
        return (np.concatenate([kept, new], axis=1),)


@dataclasses.dataclass(frozen=True)
class StreamState(Op):
    """What a stream keeps of its windows for its next step.

    Of each window, its last frames as bytes: as many as ``frames`` says of it.
    Each part begins at a multiple of four bytes; between them, and up to such a
    multiple behind them, are zeros.

    Inputs: windows float32, int32, int16 or int8 ``[1, T, ...]``, as many as
    there are numbers in ``frames``. Output: state int8 ``[1, S]``.
    """

    NAME = "BifsmnState"
    INPUTS = ("windows+",)
    OUTPUTS = ("state",)

    frames: tuple[int, ...]

    def __post_init__(self) -> None:
        self.check(
            len(self.frames) > 0 and min(self.frames) >= 1,
            f"frames have to be positive, are {self.frames}",
        )

    def offsets(self, *windows: HasSpec) -> list[int]:
        """Returns where each window's part begins, and where the last one ends.

        Args:
            *windows: of which only a frame's shape and type matter.
        """
        sizes = (
            -(-frames * _frame_bytes(window) // STATE_ALIGNMENT)
            for frames, window in zip(self.frames, windows, strict=True)
        )
        ends = itertools.accumulate(size * STATE_ALIGNMENT for size in sizes)
        return [0, *ends]

    def output_specs(self, *inputs: HasSpec | None) -> list[TensorSpec]:
        """Returns the spec of the state; see ``Op.output_specs``."""
        windows = self._windows(inputs)
        size = self.offsets(*windows)[-1]
        return [TensorSpec((1, size), np.dtype(np.int8))]

    def reference(self, *inputs: npt.NDArray | None) -> tuple[npt.NDArray, ...]:
        """Computes the state; see ``Op.reference``."""
        (spec,) = self.output_specs(*inputs)
        windows = [window for window in inputs if window is not None]
        state = np.zeros(spec.shape, np.int8)
        offsets = self.offsets(*windows)[:-1]
        for window, frames, offset in zip(
            windows, self.frames, offsets, strict=True
        ):
            last = window[:, window.shape[1] - frames :].tobytes()
            state[0, offset : offset + len(last)] = np.frombuffer(last, np.int8)
        return (state,)

    def _windows(self, inputs: tuple[HasSpec | None, ...]) -> list[HasSpec]:
        windows = [window for window in inputs if window is not None]
        self.check(
            len(windows) == len(inputs) == len(self.frames),
            f"keeps frames of {len(self.frames)} windows, got {len(windows)}",
        )
        for i, (window, frames) in enumerate(
            zip(windows, self.frames, strict=True)
        ):
            _check_frames(self, window, f"window {i}")
            self.check(
                frames <= window.shape[1],
                f"window {i} {window.shape} has no {frames} frames",
            )
        return windows
