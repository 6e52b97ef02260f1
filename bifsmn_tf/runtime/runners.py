"""The signatures of a model file as functions, checked and in turn."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.runtime.interpreter import has_runtime
from bifsmn_tf.runtime.interpreter import make_interpreter
from bifsmn_tf.runtime.native import NativeModel

Run = Callable[..., dict[str, Any]]
"""Runs a signature: inputs by name to outputs by name."""

RunOne = Callable[[FloatArray], FloatArray]
"""Runs a signature of one input and one output."""


ENGINES = ("native", "litert")
"""What runs a file: the library's own engine, or a TensorFlow Lite runtime."""


def chosen_engine(engine: str | None) -> str:
    """Returns one of ``ENGINES``.

    Args:
        engine: Which one; None is ``litert`` where a runtime is installed, and
            ``native`` where none is.

    Raises:
        UserError: There is no such engine.
    """
    if engine is None:
        return "litert" if has_runtime() else "native"
    if engine not in ENGINES:
        raise UserError(
            f"engine is one of {', '.join(ENGINES)}, not {engine!r}"
        )
    return engine


class Runners:
    """Makes functions of a file's signatures.

    An engine has one set of tensors, and says nothing to threads that write to
    them at once: here they take turns.

    Args:
        content: The model file.
        name: What errors call it.
        num_threads: Of the operations that are a runtime's own.
        engine: Which engine, see :func:`chosen_engine`.

    Attributes:
        engine: The one of ``ENGINES`` that runs.

    Raises:
        UserError: The native library is missing or refuses the model, or the
            engine is not there.
    """

    def __init__(
        self,
        content: ModelFile,
        name: str,
        num_threads: int,
        engine: str | None = None,
    ):
        self.engine = chosen_engine(engine)
        self._name = name
        self._signatures = content.signatures
        self._turn = threading.Lock()
        self._find: Callable[[str], Run]
        if self.engine == "native":
            self._find = NativeModel(content).signature
        else:
            interpreter = make_interpreter(content, num_threads=num_threads)
            self._find = interpreter.get_signature_runner

    def signature(self, key: str) -> Run:
        """Returns what runs a signature, by the names of its tensors.

        It raises a ``UserError`` if the engine finds fault with the model, or
        results are not finite or of another shape than the file says.

        Args:
            key: The signature.

        Raises:
            UserError: The engine refuses the signature.
        """
        try:
            run = self._find(key)
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{self._name}: {error}") from error

        declared = self._signatures[key].outputs

        def checked(**values: npt.NDArray) -> dict[str, Any]:
            try:
                with self._turn:
                    results = run(**values)
            except (RuntimeError, ValueError) as error:
                # What is wrong with an op's tensors comes to light here, or
                # that a tensor has no memory.
                raise UserError(f"{self._name}: {error}") from error
            for name, value in results.items():
                if np.shape(value) != declared[name].shape:
                    raise UserError(
                        f"{self._name}: {name} of its signature {key} are "
                        f"{np.shape(value)}, not {declared[name].shape} as it "
                        "says: it is damaged, convert it again"
                    )
                if not np.all(np.isfinite(value)):
                    raise UserError(
                        f"{self._name}: {name} of its signature {key} are not "
                        "finite: it is damaged, convert it again"
                    )
            return results

        return checked

    def one(self, key: str, entry: str, result: str) -> RunOne:
        """Returns what runs a signature of one input and one output.

        Args:
            key: The signature.
            entry: The name of its input.
            result: The name of its output.
        """
        run = self.signature(key)
        return lambda values: run(**{entry: values})[result]
