"""A stock TensorFlow Lite runtime, with the project's ops in it.

The ops reach the runtime as an external delegate, ``libbifsmn.so``, which is
built into this package. Any of three runtimes does: ai-edge-litert (which the
extra ``litert`` brings), TensorFlow's own, or tflite-runtime.

    interpreter = make_interpreter("model.tflite")
    run = interpreter.get_signature_runner("delta_1")
    logits = run(features=features)["logits"]

The environment variable ``BIFSMN_LIBRARY`` names another build of the library,
such as one for an emulated processor or with a sanitizer.
"""

import ctypes
import importlib
import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.reader import ModelFile

Library = str | os.PathLike[str] | None
"""Path of a native library; None is what :func:`library_path` finds."""

LIBRARY_NAME = "libbifsmn.so"
LIBRARY_VARIABLE = "BIFSMN_LIBRARY"

RUNTIMES = ("ai_edge_litert", "tensorflow", "tflite_runtime")
"""The runtimes by package, in the order in which they are tried."""

_INTERPRETER_MODULES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
}


def library_path(library: Library = None) -> Path:
    """Finds the native library.

    Args:
        library: where it is; by default where ``BIFSMN_LIBRARY`` says, or else
            beside this file.

    Raises:
        UserError: There is no such file.
    """
    chosen = library or os.environ.get(LIBRARY_VARIABLE)
    path = Path(chosen) if chosen else Path(__file__).parent / LIBRARY_NAME
    if path.is_file():
        return path.resolve()
    hint = (
        "" if chosen else "; build it with `pip install .` from the repository"
    )
    raise UserError(f"there is no native library at {path}{hint}")


def native_contract(library: Library = None) -> dict[str, Any]:
    """Returns the ops as the native library defines them, from its JSON.

    Raises:
        UserError: There is no library, or it cannot be loaded.
    """
    return json.loads(_text(library, "bifsmn_contract"))


def kernel_names(library: Library = None) -> list[str]:
    """Returns the kernels that run on this processor.

    The environment variable ``BIFSMN_KERNELS``, names separated by commas, puts
    others first than the fastest; a name that is not among these is an error
    when an interpreter is made.

    Raises:
        UserError: There is no library, or it cannot be loaded.
    """
    return _text(library, "bifsmn_kernels").split(",")


def isa(library: Library = None) -> str:
    """Returns the level of instructions that the kernels use.

    The environment variable ``BIFSMN_ISA`` names one of :func:`isa_levels`
    before the library is first used; by default it is the highest. Another
    name is an error when a model is loaded.

    Raises:
        UserError: There is no library, or it cannot be loaded.
    """
    return _text(library, "bifsmn_isa")


def isa_levels(library: Library = None) -> list[str]:
    """Returns the levels that this processor has, least first.

    Raises:
        UserError: There is no library, or it cannot be loaded.
    """
    return _text(library, "bifsmn_isa_levels").split(",")


def set_profiling(enabled: bool, library: Library = None) -> None:
    """Begins or ends measuring how long each op takes, and forgets the past.

    Raises:
        UserError: There is no library, or it cannot be loaded.
    """
    _, loaded = load_library(library)
    loaded.bifsmn_profile_enable(int(enabled))


def profile(library: Library = None) -> list[dict[str, Any]]:
    """Returns what was measured since :func:`set_profiling`.

    Returns:
        For each op of the networks that ran, in order: ``step`` (its number),
        ``op`` (its name), ``runs`` and ``nanoseconds`` (of all runs together).

    Raises:
        UserError: There is no library, or it cannot be loaded.
    """
    return json.loads(_text(library, "bifsmn_profile_json"))


def has_runtime() -> bool:
    """Says whether one of ``RUNTIMES`` is installed; imports none."""
    for package in RUNTIMES:
        try:
            if importlib.util.find_spec(package):
                return True
        except ModuleNotFoundError:
            # An import hook of the program's refuses it.
            continue
    return False


def make_interpreter(
    model: ModelFile | bytes | str | os.PathLike[str],
    num_threads: int = 1,
    library: Library = None,
    runtime: str | None = None,
) -> Any:
    """Makes an interpreter that runs the project's ops.

    Args:
        model: a model file, or its content or path.
        num_threads: threads for the runtime's own ops; the project's use one.
        library: path of the native library, see ``library_path``.
        runtime: which of ``RUNTIMES``; by default the first that is installed.

    Returns:
        The runtime's ``Interpreter``, its tensors not yet allocated. What is
        wrong with an op's tensors it says when they are allocated, as a
        RuntimeError.

    Raises:
        UserError: There is no such model file, or it is no whole one; there is
            no library or no runtime, or the runtime refuses the model.
    """
    whole = _whole(model)
    module = _import_runtime(runtime)
    path, _ = load_library(library)
    try:
        delegate = module.load_delegate(str(path))
    except ValueError as error:
        # It begins with the library's path, and ends with what that said.
        raise UserError(str(error).strip().split("\n")[-1]) from error
    try:
        return module.Interpreter(
            model_content=whole.content,
            num_threads=num_threads,
            experimental_delegates=[delegate],
        )
    except (RuntimeError, ValueError) as error:
        # A delegate that is refused is a RuntimeError.
        raise UserError(f"the runtime refuses {whole.name}: {error}") from error


def _whole(model: ModelFile | bytes | str | os.PathLike[str]) -> ModelFile:
    if isinstance(model, ModelFile):
        return model
    return (
        ModelFile(model) if isinstance(model, bytes) else ModelFile.read(model)
    )


def _import_runtime(runtime: str | None) -> ModuleType:
    for package in RUNTIMES if runtime is None else (runtime,):
        try:
            return importlib.import_module(_INTERPRETER_MODULES[package])
        except ModuleNotFoundError as error:
            # A runtime that is there but lacks something is worth hearing of.
            if error.name != package:
                raise
    raise UserError(
        f"no {runtime or 'TensorFlow Lite'} runtime is installed; "
        "`pip install 'bifsmn_tf[litert]'` brings one"
    )


def _text(library: Library, function: str) -> str:
    path, loaded = load_library(library)
    symbol = exported(loaded, path, function)
    symbol.restype = ctypes.c_char_p
    return symbol().decode()


def load_library(library: Library = None) -> tuple[Path, ctypes.CDLL]:
    """Loads the native library; runtimes say less when they cannot.

    Args:
        library: its path, see :func:`library_path`.

    Raises:
        UserError: There is no library, or it cannot be loaded.
    """
    path = library_path(library)
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        raise UserError(f"cannot load {path}: {error}") from error
    for name in ("tflite_plugin_create_delegate", "bifsmn_contract"):
        exported(loaded, path, name)
    return path, loaded


def exported(library: ctypes.CDLL, path: Path, name: str) -> Any:
    """Returns a function of a native library.

    Raises:
        UserError: It is not there: the library is older than this package.
    """
    try:
        return getattr(library, name)
    except AttributeError:
        raise UserError(
            f"cannot load {path}: {name} is not in it, so it is another "
            f"library or of another version; build it anew with "
            f"`pip install .` from the repository"
        ) from None
