"""Runs a model with a delegate: ``run_abi_probe.py RUNTIME MODEL DELEGATE``."""

import importlib
import sys

import numpy as np

from bifsmn_tf.runtime.interpreter import _INTERPRETER_MODULES


def main(runtime, model, library):
    """Checks that the delegate's kernel added 1."""
    module = importlib.import_module(_INTERPRETER_MODULES[runtime])
    interpreter = module.Interpreter(
        model_path=model,
        experimental_delegates=[module.load_delegate(library)],
    )
    interpreter.allocate_tensors()
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    if not np.array_equal(y, x + 1):
        raise RuntimeError(f"got {y}")


if __name__ == "__main__":
    main(*sys.argv[1:])
