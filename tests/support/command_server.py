"""Runs one command again and again in one process.

    python -m tests.support.command_server MODULE

Most of the time of a command that is refused goes into importing TensorFlow.
Each line of the input is JSON: a list of arguments, and when the disk refuses
(``failing_disk``). For each, a line of JSON tells the command's exit code, what
it printed and how often it changed something on that disk.

There is no network: nothing is fetched at run time.
"""

import contextlib
import importlib
import io
import json
import sys

from absl import flags

from bifsmn_tf import cli
from tests.support import failing_disk


def _run(module, arguments: list[str], disk: dict) -> dict:
    """What the command does with these arguments on this disk."""
    with contextlib.ExitStack() as stack:
        if "largest" in disk:
            largest = disk.pop("largest")
            stack.enter_context(failing_disk.no_larger_than(largest))
        if disk.pop("not_root", False):
            stack.enter_context(failing_disk.not_root())
        plan: dict = {}
        if disk:
            plan = stack.enter_context(failing_disk.refusing(**disk))
        answer = _answer(module, arguments)
    return {**answer, "changes": plan.get("changes", 0)}


def _answer(module, arguments: list[str]) -> dict:
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


def refuse_network() -> None:
    """Has every use of a network fail, for the life of the process."""

    def hook(event: str, arguments: tuple) -> None:
        # A path is of a process on this machine.
        connects = event == "socket.connect" and isinstance(arguments[1], tuple)
        if connects or event in ("socket.getaddrinfo", "urllib.Request"):
            raise RuntimeError(f"a command uses the network: {arguments}")

    sys.addaudithook(hook)


def main() -> None:
    """Serves the command that the only argument names."""
    module = importlib.import_module(sys.argv[1])
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{module.__name__}.__main__")
    refuse_network()
    for line in sys.stdin:
        print(json.dumps(_run(module, *json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
