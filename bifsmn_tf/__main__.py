"""One command for all: ``bifsmn COMMAND --flags``.

Each command is a module, and ``bifsmn train`` is ``python -m bifsmn_tf.train``.
"""

import ast
import importlib.util
import runpy
import sys
from pathlib import Path

from bifsmn_tf import console
from bifsmn_tf._version import __version__

COMMANDS = {
    "listen": "bifsmn_tf.listen",
    "record": "bifsmn_tf.record",
    "models": "bifsmn_tf.pretrained",
    "wyoming": "bifsmn_tf.wyoming",
    "evaluate": "bifsmn_tf.evaluate",
    "evaluate_stream": "bifsmn_tf.evaluate_stream",
    "benchmark": "bifsmn_tf.benchmark",
    "train": "bifsmn_tf.train",
    "convert": "bifsmn_tf.convert",
    "summary": "bifsmn_tf.network.summary",
    "quickstart": "bifsmn_tf.quickstart",
    "experiments": "bifsmn_tf.experiments",
}
"""The commands and their modules, in the order in which one meets them."""


def main() -> None:
    """Runs the command that the first argument names."""
    console.prepare()
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("--help", "-h", "-help", "help"):
        console.say(_help())
        return
    if arguments[0] in ("--version", "version"):
        console.say(f"bifsmn_tf {__version__}")
        return
    name, *rest = arguments
    if name not in COMMANDS:
        sys.exit(
            f"error: there is no command {name!r}: {', '.join(COMMANDS)} "
            "(bifsmn --help says what they do)"
        )
    sys.argv = [f"bifsmn {name}", *rest]
    runpy.run_module(COMMANDS[name], run_name="__main__", alter_sys=True)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [
        "Keyword spotting with one-bit networks: train, convert, measure, "
        "listen.",
        "",
        "    bifsmn COMMAND --flags",
        "",
        *(
            f"  {name.ljust(width)}  {_summary(module)}"
            for name, module in COMMANDS.items()
        ),
        "",
        "bifsmn COMMAND --help lists a command's flags; bifsmn --version.",
    ]
    return "\n".join(lines)


def _summary(module: str) -> str:
    """Returns the first line of a command's text, without importing it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin)
    if path.name == "__init__.py":
        path = path.with_name("__main__.py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ").rstrip(".")


if __name__ == "__main__":
    main()
