"""A stock TensorFlow Lite runtime, with the project's ops in it.

The ops reach the runtime as an external delegate, ``libbifsmn.so``, which is
built into this package. Any of three runtimes does: ai-edge-litert (what the
package requires), TensorFlow's own, or tflite-runtime.

    interpreter = make_interpreter("model.tflite")
    run = interpreter.get_signature_runner("delta_1")
    logits = run(features=features)["logits"]

The environment variable ``BIFSMN_LIBRARY`` names another build of the library,
such as one for an emulated processor or with a sanitizer.
"""

import ctypes
import importlib
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from bifsmn_tf.model_file.reader import verify_model

LIBRARY_NAME = "libbifsmn.so"
LIBRARY_VARIABLE = "BIFSMN_LIBRARY"

RUNTIMES = ("ai_edge_litert", "tensorflow", "tflite_runtime")
"""The runtimes by package, in the order in which they are tried."""

_INTERPRETER_MODULES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
}


def library_path(library: str | os.PathLike | None = None) -> Path:
    """Finds the native library.

    Args:
      library: where it is; by default where ``BIFSMN_LIBRARY`` says, or else
        beside this file.

    Raises:
      RuntimeError: if there is no such file.
    """
    chosen = library or os.environ.get(LIBRARY_VARIABLE)
    path = Path(chosen) if chosen else Path(__file__).parent / LIBRARY_NAME
    if path.is_file():
        return path.resolve()
    hint = (
        "" if chosen else "; build it with `pip install .` from the repository"
    )
    raise RuntimeError(f"there is no native library at {path}{hint}")


def native_contract(library: str | os.PathLike | None = None) -> dict[str, Any]:
    """Returns the ops as the native library defines them, from its JSON.

    Raises:
      RuntimeError: if there is no library, or it cannot be loaded.
    """
    return json.loads(_text(library, "bifsmn_contract"))


def kernel_names(library: str | os.PathLike | None = None) -> list[str]:
    """Returns the kernels that run on this processor.

    The environment variable ``BIFSMN_KERNELS``, names separated by commas, puts
    others first than the fastest; a name that is not among these is an error
    when an interpreter is made.

    Raises:
      RuntimeError: if there is no library, or it cannot be loaded.
    """
    return _text(library, "bifsmn_kernels").split(",")


def set_profiling(
    enabled: bool, library: str | os.PathLike | None = None
) -> None:
    """Begins or ends measuring how long each op takes, and forgets the past.

    Raises:
      RuntimeError: if there is no library, or it cannot be loaded.
    """
    _, loaded = _load(library)
    loaded.bifsmn_profile_enable(int(enabled))


def profile(library: str | os.PathLike | None = None) -> list[dict[str, Any]]:
    """Returns what was measured since :func:`set_profiling`.

    Returns:
      For each op of the networks that ran, in order: ``step`` (its number),
      ``op`` (its name), ``runs`` and ``nanoseconds`` (of all runs together).

    Raises:
      RuntimeError: if there is no library, or it cannot be loaded.
    """
    return json.loads(_text(library, "bifsmn_profile_json"))


def make_interpreter(
    model: bytes | str | os.PathLike,
    num_threads: int = 1,
    library: str | os.PathLike | None = None,
    runtime: str | None = None,
) -> Any:
    """Makes an interpreter that runs the project's ops.

    Args:
      model: content or path of a model file.
      num_threads: threads for the runtime's own ops; the project's use one.
      library: path of the native library, see ``library_path``.
      runtime: which of ``RUNTIMES``; by default the first that is installed.

    Returns:
      The runtime's ``Interpreter``, its tensors not yet allocated. What is
      wrong with an op's tensors it says when they are allocated, as a
      RuntimeError.

    Raises:
      FileNotFoundError: if there is no such model file.
      ValueError: if the model is no whole model file.
      RuntimeError: if there is no library or no runtime, or the runtime refuses
        the model.
    """
    content = model if isinstance(model, bytes) else Path(model).read_bytes()
    verify_model(content)
    module = _import_runtime(runtime)
    path, _ = _load(library)
    try:
        delegate = module.load_delegate(str(path))
    except ValueError as error:
        # It begins with the library's path, and ends with what that said.
        raise RuntimeError(str(error).strip().split("\n")[-1]) from error
    try:
        return module.Interpreter(
            model_content=content,
            num_threads=num_threads,
            experimental_delegates=[delegate],
        )
    except ValueError as error:
        raise RuntimeError(f"the runtime refuses the model: {error}") from error


def _import_runtime(runtime: str | None) -> ModuleType:
    for package in RUNTIMES if runtime is None else (runtime,):
        try:
            return importlib.import_module(_INTERPRETER_MODULES[package])
        except ModuleNotFoundError as error:
            # A runtime that is there but lacks something is worth hearing of.
            if error.name != package:
                raise
    raise RuntimeError(
        f"no {runtime or 'TensorFlow Lite'} runtime is installed; "
        f"`pip install ai-edge-litert` brings one"
    )


def _text(library: str | os.PathLike | None, function: str) -> str:
    _, loaded = _load(library)
    symbol = getattr(loaded, function)
    symbol.restype = ctypes.c_char_p
    return symbol().decode()


def _load(library: str | os.PathLike | None) -> tuple[Path, ctypes.CDLL]:
    """Loads the library; runtimes say less when they cannot."""
    path = library_path(library)
    try:
        loaded = ctypes.CDLL(str(path))
        for function in ("tflite_plugin_create_delegate", "bifsmn_contract"):
            getattr(loaded, function)
    except (OSError, AttributeError) as error:
        raise RuntimeError(f"cannot load {path}: {error}") from error
    return path, loaded
