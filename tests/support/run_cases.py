"""Runs cases that ``write_cases`` wrote.

    python run_cases.py FOLDER [RUNTIME]

Apart from the tests, so that another Python, an emulated processor's or one
with a sanitizer loaded, can run the same cases.
"""

import sys
from pathlib import Path

import numpy as np

from bifsmn_tf.runtime.interpreter import make_interpreter


def write_cases(folder, cases):
    """Writes cases of ``op_cases`` into ``folder``, for ``main`` to run."""
    for case in cases:
        np.savez(
            folder / f"{case.name}.npz",
            model=np.frombuffer(case.model(), np.uint8),
            **case.feeds(),
        )


def read_results(folder, case):
    """The outputs that ``main`` wrote for a case."""
    with np.load(folder / f"{case.name}.out.npz") as results:
        return [results[f"output_{i}"] for i in range(case.outputs)]


def main(folder, runtime=None):
    """Runs every case in ``folder`` and writes what it computes beside it."""
    for path in sorted(Path(folder).glob("*.npz")):
        with np.load(path) as arrays:
            feeds = {k: arrays[k] for k in arrays.files if k != "model"}
            content = arrays["model"].tobytes()
        interpreter = make_interpreter(content, runtime=runtime)
        run = interpreter.get_signature_runner()
        np.savez(path.with_suffix(".out.npz"), **run(**feeds))


if __name__ == "__main__":
    main(*sys.argv[1:])
