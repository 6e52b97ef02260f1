"""Tries models, each in a process of its own: ``load_models.py FOLDER``.

Writes for every ``NAME.tflite`` in the folder a ``NAME.json`` with the
exception's type and text, the signal that ended the process, or neither.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from bifsmn_tf.runtime import interpreter as runtime


def _try(path):
    try:
        interpreter = runtime.make_interpreter(path)
        shapes = path.with_suffix(".shapes")
        if shapes.exists():
            for index, shape in enumerate(json.loads(shapes.read_text())):
                details = interpreter.get_input_details()
                interpreter.resize_tensor_input(details[index]["index"], shape)
        interpreter.allocate_tensors()
        for detail in interpreter.get_input_details():
            zeros = np.zeros(detail["shape"], detail["dtype"])
            interpreter.set_tensor(detail["index"], zeros)
        interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {}


def main(folder):
    """Tries every model in ``folder``."""
    # Imported once, before the forks.
    runtime.make_interpreter(folder / "good")
    for path in sorted(folder.glob("*.tflite")):
        outcome = path.with_suffix(".json")
        child = os.fork()
        if child == 0:
            outcome.write_text(json.dumps(_try(path)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            outcome.write_text(json.dumps({"signal": os.WTERMSIG(status)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
