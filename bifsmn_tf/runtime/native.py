"""The library's own engine: model files without a TensorFlow Lite runtime.

``custom_ops/engine/bifsmn.h`` is the C API that this calls; ``FUNCTIONS`` has
its functions as :mod:`ctypes` wants them, and a test holds the two together.

    model = NativeModel(ModelFile.read("model.tflite"))
    run = model.signature("delta_1")
    logits = run(features=features)["logits"]
"""

import ctypes
import weakref
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.runtime.interpreter import Library
from bifsmn_tf.runtime.interpreter import exported
from bifsmn_tf.runtime.interpreter import load_library


class Tensor(ctypes.Structure):
    """``bifsmn_tensor``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("shape", ctypes.POINTER(ctypes.c_int)),
        ("rank", ctypes.c_int),
        ("bytes", ctypes.c_size_t),
    )


class Options(ctypes.Structure):
    """``bifsmn_options``."""

    _fields_ = (
        ("delta", ctypes.c_int),
        ("one_depth", ctypes.c_int),
        ("hop", ctypes.c_double),
        ("threshold", ctypes.c_double),
        ("smoothing", ctypes.c_double),
        ("hold", ctypes.c_double),
    )


class Detection(ctypes.Structure):
    """``bifsmn_detection``."""

    _fields_ = (
        ("time", ctypes.c_double),
        ("label", ctypes.c_int),
        ("probability", ctypes.c_double),
    )


TYPES = (np.float32, np.float16, np.int32, np.int16, np.int8)
"""Of elements, in the order of ``bifsmn_type``."""

_POINTER, _INT, _SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
_TEXT = ctypes.c_char_p
_POINTERS = ctypes.POINTER(ctypes.c_void_p)
_DOUBLE = ctypes.c_double
_FLOATS = ctypes.POINTER(ctypes.c_float)
_ERROR = (_TEXT, _SIZE)

FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "bifsmn_version": (_TEXT, ()),
    "bifsmn_default_options": (Options, ()),
    "bifsmn_spotter_from_memory": (
        _POINTER,
        (_POINTER, _SIZE, ctypes.POINTER(Options), *_ERROR),
    ),
    "bifsmn_spotter_from_file": (
        _POINTER,
        (_TEXT, ctypes.POINTER(Options), *_ERROR),
    ),
    "bifsmn_spotter_destroy": (None, (_POINTER,)),
    "bifsmn_spotter_labels": (_INT, (_POINTER,)),
    "bifsmn_spotter_label": (_TEXT, (_POINTER, _INT)),
    "bifsmn_spotter_metadata": (_TEXT, (_POINTER,)),
    "bifsmn_spotter_sample_rate": (_INT, (_POINTER,)),
    "bifsmn_spotter_step": (_INT, (_POINTER,)),
    "bifsmn_spotter_deltas": (_INT, (_POINTER,)),
    "bifsmn_spotter_delta": (_INT, (_POINTER, _INT)),
    "bifsmn_spotter_set_delta": (_INT, (_POINTER, _INT)),
    "bifsmn_spotter_deciding_delta": (_INT, (_POINTER,)),
    "bifsmn_spotter_threshold": (_DOUBLE, (_POINTER, _INT)),
    "bifsmn_spotter_set_threshold": (_INT, (_POINTER, _INT, _DOUBLE)),
    "bifsmn_spotter_push_int16": (
        _SIZE,
        (_POINTER, ctypes.POINTER(ctypes.c_int16), _SIZE),
    ),
    "bifsmn_spotter_push_float": (_SIZE, (_POINTER, _FLOATS, _SIZE)),
    "bifsmn_spotter_flush": (None, (_POINTER,)),
    "bifsmn_spotter_reset": (None, (_POINTER,)),
    "bifsmn_spotter_poll": (_INT, (_POINTER, ctypes.POINTER(Detection))),
    "bifsmn_spotter_decisions": (ctypes.c_uint64, (_POINTER,)),
    "bifsmn_spotter_logits": (_FLOATS, (_POINTER,)),
    "bifsmn_spotter_probabilities": (_FLOATS, (_POINTER,)),
    "bifsmn_model_create": (_POINTER, (_POINTER, _SIZE, *_ERROR)),
    "bifsmn_model_destroy": (None, (_POINTER,)),
    "bifsmn_model_plan": (_INT, (_POINTER, _TEXT, *_ERROR)),
    "bifsmn_model_inputs": (_INT, (_POINTER, _INT)),
    "bifsmn_model_outputs": (_INT, (_POINTER, _INT)),
    "bifsmn_model_input": (ctypes.POINTER(Tensor), (_POINTER, _INT, _INT)),
    "bifsmn_model_output": (ctypes.POINTER(Tensor), (_POINTER, _INT, _INT)),
    "bifsmn_model_run": (
        _INT,
        (_POINTER, _INT, _POINTERS, _POINTERS, *_ERROR),
    ),
}
"""Of each function of ``bifsmn.h``: what it returns, and its arguments."""


def functions(library: Library = None) -> ctypes.CDLL:
    """Loads the native library, its C API declared.

    Args:
        library: its path, see :func:`library_path`.

    Raises:
        UserError: There is no library, or it cannot be loaded.
    """
    path, loaded = load_library(library)
    for name, (result, arguments) in FUNCTIONS.items():
        function = exported(loaded, path, name)
        function.restype, function.argtypes = result, arguments
    return loaded


class ErrorText:
    """A buffer for the message of a function of the C API."""

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(512)
        self.arguments = (self._buffer, len(self._buffer))

    def __str__(self) -> str:
        return self._buffer.value.decode(errors="replace")


class NativeModel:
    """The signatures of a model file, run by the native library.

    It is used by one thread at a time. The file's content is kept as long as
    the model.

    Args:
        content: The file.
        library: Path of the native library, see :func:`library_path`.

    Raises:
        UserError: There is no library, or it refuses the file.
    """

    def __init__(self, content: ModelFile, library: Library = None) -> None:
        self._functions = functions(library)
        self._content = content.content
        error = ErrorText()
        self._model = self._functions.bifsmn_model_create(
            self._content, len(self._content), *error.arguments
        )
        if not self._model:
            raise UserError(str(error))
        weakref.finalize(
            self, self._functions.bifsmn_model_destroy, self._model
        )

    def signature(self, key: str) -> Callable[..., dict[str, npt.NDArray]]:
        """Returns what runs a signature, by the names of its tensors.

        It raises a ``ValueError`` for inputs of another name, type or shape.

        Args:
            key: The signature.

        Raises:
            UserError: There is no such signature, or the library cannot run
                it.
        """
        error = ErrorText()
        number = self._functions.bifsmn_model_plan(
            self._model, key.encode(), *error.arguments
        )
        if number < 0:
            raise UserError(
                f'{error}; engine="litert" may run it, which `pip install '
                "'bifsmn_tf[litert]'` brings"
            )
        inputs = dict(self._tensors("input", number))
        outputs = dict(self._tensors("output", number))
        to_inputs = (ctypes.c_void_p * len(inputs))()
        to_outputs = (ctypes.c_void_p * len(outputs))()

        def run(**values: npt.NDArray) -> dict[str, npt.NDArray]:
            if values.keys() != inputs.keys():
                raise ValueError(
                    f"{key} takes {', '.join(inputs)}, not {', '.join(values)}"
                )
            # Kept until the library has read them.
            kept = []
            for i, (name, (dtype, shape)) in enumerate(inputs.items()):
                value = np.ascontiguousarray(values[name])
                if value.dtype != dtype or value.shape != shape:
                    raise ValueError(
                        f"{name} of {key} is {dtype} {list(shape)}, not "
                        f"{value.dtype} {list(value.shape)}"
                    )
                kept.append(value)
                to_inputs[i] = value.ctypes.data
            results = {
                name: np.empty(shape, dtype)
                for name, (dtype, shape) in outputs.items()
            }
            for i, result in enumerate(results.values()):
                to_outputs[i] = result.ctypes.data
            failed = self._functions.bifsmn_model_run(
                self._model, number, to_inputs, to_outputs, *error.arguments
            )
            if failed:
                raise ValueError(str(error))
            return results

        return run

    def _tensors(
        self, kind: str, number: int
    ) -> Iterator[tuple[str, tuple[np.dtype, tuple[int, ...]]]]:
        count = getattr(self._functions, f"bifsmn_model_{kind}s")
        find = getattr(self._functions, f"bifsmn_model_{kind}")
        for i in range(count(self._model, number)):
            tensor = find(self._model, number, i).contents
            shape = tuple(tensor.shape[: tensor.rank])
            yield tensor.name.decode(), (np.dtype(TYPES[tensor.type]), shape)
