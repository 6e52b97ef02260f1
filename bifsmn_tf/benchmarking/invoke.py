"""One signature of one model, ready to be invoked again and again.

    python -m bifsmn_tf.benchmarking.invoke --model=bifsmn.tflite \
        --signature=delta_1 --repetitions=200

invokes it that often in one thread and prints nothing but what it did, for
instruments that count from outside: the difference of two runs is that of
their repetitions. It needs numpy, a runtime and the native library.
"""

import argparse
import contextlib
import functools
import os
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf import console
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.runtime import interpreter as runtime

KERNELS_VARIABLE = "BIFSMN_KERNELS"
"""The variable that names kernels to prefer, separated by commas."""

_SEED = 0

_STEPS = 32
"""Steps of a stream that lead to a state such as one meets; the largest network
by default looks back 21."""


class Invocation:
    """A model's signature with random features in its inputs.

    A step of a stream has the state to which random sound has led.

    Args:
        model: The content or the path of a model file.
        signature: The signature's key; by default the model's first signature,
            or its first graph if it has no signature.
        kernels: The names of kernels to prefer, separated by commas; by
            default what :data:`KERNELS_VARIABLE` says.
        shape: The shape of the only input, where the model leaves it open.

    Attributes:
        signature: The key; None if the model has no signature.
        remembers: Whether the model keeps what it has heard in variables of
            the runtime's, so that no two invokes are alike.

    Raises:
        UserError: There is no such file, or it is no whole model; there is
            no library or runtime, or no such kernel or signature; or the
            runtime refuses the model.
    """

    def __init__(
        self,
        model: bytes | str | os.PathLike[str],
        signature: str | None = None,
        kernels: str | None = None,
        shape: Sequence[int] | None = None,
    ):
        file = _file(model)
        self.remembers = file.has_variables
        # The library looks when it plans, which is when tensors are allocated.
        with _preferred(kernels), console.without_chatter():
            self._interpreter = runtime.make_interpreter(file)
            keys = list(self._interpreter.get_signature_list())
            if signature is not None and signature not in keys:
                raise UserError(
                    f"the model has no signature {signature!r}: one of {keys}"
                )
            self.signature = signature or next(iter(keys), None)
            try:
                runner = (
                    self._interpreter.get_signature_runner(self.signature)
                    if self.signature
                    else _FirstGraph(self._interpreter)
                )
            except RuntimeError as error:
                raise UserError(
                    f"the runtime refuses the model: {error}"
                ) from error
            generator = np.random.default_rng(_SEED)
            self._inputs = {
                name: _random(details, generator, shape)
                for name, details in runner.get_input_details().items()
            }
            if signatures.STATE in self._inputs:
                self._hear(runner)
            self._runner = functools.partial(runner, **self._inputs)
            self._first = self._runner()
        # The public way to run a subgraph that is not the first one copies
        # inputs and outputs, too.
        self._invoke = functools.partial(
            runner._interpreter_wrapper.Invoke, runner._subgraph_index
        )
        self._read = {
            name: functools.partial(
                self._interpreter.get_tensor,
                details["index"],
                runner._subgraph_index,
            )
            for name, details in runner.get_output_details().items()
        }

    def _hear(self, runner: Any) -> None:
        """Replaces a random state by one that a stream leads to."""
        state = np.zeros_like(self._inputs[signatures.STATE])
        for _ in range(_STEPS):
            self._inputs[signatures.STATE] = state
            state = runner(**self._inputs)[signatures.STATE]

    @property
    def invoke(self) -> Callable[[], object]:
        """Runs the graph; features and logits stay where they are."""
        return self._invoke

    @property
    def call(self) -> Callable[[], dict[str, np.ndarray]]:
        """Runs it as the Python signature runner does, which copies both."""
        return self._runner

    def check(self) -> None:
        """Checks that repeated invokes compute what the first one did.

        It invokes once more itself. Of a model that remembers there is nothing
        to check.

        Raises:
            RuntimeError: They do not.
        """
        if self.remembers:
            return
        self.invoke()
        for name, read in self._read.items():
            if not np.array_equal(read(), self._first[name], equal_nan=True):
                raise RuntimeError(f"repeated invokes changed {name}")


class _FirstGraph:
    """Does as a signature runner, for a file without signatures."""

    def __init__(self, interpreter: Any):
        interpreter.allocate_tensors()
        self._interpreter = interpreter
        self._interpreter_wrapper = interpreter._interpreter
        self._subgraph_index = 0

    def get_input_details(self) -> dict[str, Any]:
        return {x["name"]: x for x in self._interpreter.get_input_details()}

    def get_output_details(self) -> dict[str, Any]:
        return {x["name"]: x for x in self._interpreter.get_output_details()}

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        for name, details in self.get_input_details().items():
            self._interpreter.set_tensor(details["index"], inputs[name])
        # Interpreter.invoke refuses while anyone else holds its wrapper.
        self._interpreter_wrapper.Invoke(self._subgraph_index)
        return {
            name: self._interpreter.get_tensor(details["index"])
            for name, details in self.get_output_details().items()
        }


@contextlib.contextmanager
def _preferred(kernels: str | None) -> Iterator[None]:
    before = os.environ.get(KERNELS_VARIABLE)
    if kernels is not None:
        os.environ[KERNELS_VARIABLE] = kernels
    try:
        yield
    finally:
        if kernels is not None:
            if before is None:
                del os.environ[KERNELS_VARIABLE]
            else:
                os.environ[KERNELS_VARIABLE] = before


def _file(model: bytes | str | os.PathLike[str]) -> ModelFile:
    return (
        ModelFile(model) if isinstance(model, bytes) else ModelFile.read(model)
    )


def _random(
    details: Mapping[str, Any],
    generator: np.random.Generator,
    shape: Sequence[int] | None = None,
) -> np.ndarray:
    """Draws values like normalised features, in the input's own type."""
    values = generator.normal(size=shape or details["shape"])
    dtype = np.dtype(details["dtype"])
    if np.issubdtype(dtype, np.floating):
        return values.astype(dtype)
    scale, zero_point = details["quantization"]
    if scale:
        values = values / scale + zero_point
    limits = np.iinfo(dtype)
    return np.clip(np.round(values), limits.min, limits.max).astype(dtype)


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def _repetitions(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return value


def main(arguments: list[str]) -> None:
    """Invokes what the arguments say."""
    # Not absl's flags, which a small board may not have.
    parser = argparse.ArgumentParser(
        prog="python -m bifsmn_tf.benchmarking.invoke",
        description="Invokes one signature of a model again and again.",
    )
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--signature", help="by default the model's first one")
    parser.add_argument("--repetitions", type=_repetitions, default=1)
    parser.add_argument("--kernels", help="to prefer, separated by commas")
    parser.add_argument(
        "--shape", type=_shape, help="of the only input, such as 1,1760"
    )
    options = parser.parse_args(arguments)
    try:
        invocation = Invocation(
            options.model, options.signature, options.kernels, options.shape
        )
        invoke = invocation.invoke
        for _ in range(options.repetitions):
            invoke()
        invocation.check()
    except UserError as error:
        sys.exit(f"error: {error}")
    what = invocation.signature or "the first graph"
    print(f"{what}: invoked {options.repetitions} times")


if __name__ == "__main__":
    main(sys.argv[1:])
