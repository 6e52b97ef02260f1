"""Runs one command again and again in one process.

    python -m tests.support.command_server MODULE

Most of the time of a command that is refused goes into importing TensorFlow.
Each line of the input is a list of arguments as JSON; for each, a line of JSON
tells the command's exit code and what it printed.
"""

import contextlib
import importlib
import io
import json
import sys

from absl import flags

from bifsmn_tf import cli


def _run(module, arguments: list[str]) -> dict:
    """What the command does with these arguments."""
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            groups = getattr(module, "GROUPS", ())
            rest = cli.parse(groups, [module.__name__, *arguments])
            cli.guard(module.main, rest)
        except SystemExit as error:
            code = error.code or 0
    if isinstance(code, str):
        # As the interpreter does at its end.
        print(code, file=err)
        code = 1
    return {"code": code, "stdout": out.getvalue(), "stderr": err.getvalue()}


def main() -> None:
    """Serves the command that the only argument names."""
    module = importlib.import_module(sys.argv[1])
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{module.__name__}.__main__")
    for line in sys.stdin:
        print(json.dumps(_run(module, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
