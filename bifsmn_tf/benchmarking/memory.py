"""How much memory one more spotter takes, beside the runtime.

    PYTHONMALLOC=malloc python -m bifsmn_tf.benchmarking.memory MODEL DELTA

prints, as JSON, the bytes that a second spotter of the same model allocates.
What the first one brings with it is the runtime and Python itself. What a
spotter in C takes to make and to run, of the stack too, counts
``benchmarks/c/footprint.c``.
"""

import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf import pretrained
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.runtime import interpreter as runtime
from bifsmn_tf.runtime.native import ErrorText
from bifsmn_tf.runtime.native import functions
from bifsmn_tf.runtime.spotter import KeywordSpotter
from bifsmn_tf.runtime.streaming import StreamingSpotter

_STEPS = 32


class _Mallinfo(ctypes.Structure):
    """What glibc's ``mallinfo2`` returns."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def spotter_bytes(model: str | Path, delta: int) -> dict[str, int] | None:
    """Returns what one more spotter allocates, in a process of its own.

    Args:
        model: The file, or one of ``bifsmn_tf.models()``.
        delta: The only depth that runs.

    Returns:
        ``spotter``, the bytes of all of a :class:`StreamingSpotter` that has
        its file run by TensorFlow Lite's runtime: its file, what runtime and
        library keep, state and Python's objects; of these
        ``interpreter``, the runtime's graphs and its copy of the file, and
        ``plan``, what library and runtime allocate to run the depth;
        ``without_runtime``, all of a :class:`StreamingSpotter` of the
        library's own engine; and ``native``, the part of it that C has, with
        all depths. None where the C library does not count.

    Raises:
        UserError: The model cannot be run.
    """
    module = "bifsmn_tf.benchmarking.memory"
    done = subprocess.run(
        [sys.executable, "-m", module, str(model), str(delta)],
        env=os.environ | {"PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"{model}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def _allocated() -> int | None:
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return None
    library.mallinfo2.restype = _Mallinfo
    gc.collect()
    found = library.mallinfo2()
    return found.uordblks + found.hblkhd


def _listening(model: str, delta: int, engine: str) -> StreamingSpotter:
    stream = StreamingSpotter(KeywordSpotter(model, delta, engine=engine))
    for _ in range(_STEPS):
        stream.push(np.zeros(stream.step, np.float32))
    return stream


def _native(path: Path) -> int:
    """Makes a spotter as C does; returns it, to stay as it is."""
    error = ErrorText()
    spotter = functions().bifsmn_spotter_from_file(
        os.fsencode(path), None, *error.arguments
    )
    if not spotter:
        raise UserError(str(error))
    return spotter


def _run(interpreter: Any, file: ModelFile, delta: int) -> Any:
    """Runs a depth once; returns what keeps it ready to run."""
    keys = (
        signatures.stream_signature_key(delta),
        signatures.signature_key(delta),
    )
    (key,) = (k for k in keys if k in file.signatures)
    runner = interpreter.get_signature_runner(key)
    runner(
        **{
            name: np.zeros(details["shape"], details["dtype"])
            for name, details in runner.get_input_details().items()
        }
    )
    return runner


def main(arguments: list[str]) -> None:
    """Prints what one more spotter of a model allocates."""
    model, delta = arguments[0], int(arguments[1])
    path = Path(pretrained.find(model))
    file = ModelFile.read(path)
    kept: list[Any] = [_listening(model, delta, "native"), _native(path)]
    kept.append(_listening(model, delta, "litert"))
    steps: list[Callable[[], Any]] = [
        lambda: _listening(model, delta, "litert"),
        lambda: runtime.make_interpreter(file),
        lambda: _run(kept[-1], file, delta),
        lambda: _listening(model, delta, "native"),
        lambda: _native(path),
    ]
    counts = [_allocated()]
    for step in steps:
        kept.append(step())
        counts.append(_allocated())
    known = [count for count in counts if count is not None]
    sizes = [int(size) for size in np.diff(known)]
    names = ("spotter", "interpreter", "plan", "without_runtime", "native")
    print(json.dumps(dict(zip(names, sizes, strict=True)) if sizes else None))


if __name__ == "__main__":
    main(sys.argv[1:])
