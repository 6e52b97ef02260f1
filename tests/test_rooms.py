"""The rooms of the package: what may import what.

A room may import those below it. What runs on a board stands in rooms that
cannot see TensorFlow.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ORDER = (
    ("errors", "whole_file", "_version"),
    ("settings",),
    ("console",),
    ("cli", "pretrained", "_keras"),
    ("audio",),
    ("network.config",),
    ("network.topology",),
    ("model_file",),
    ("runtime", "data"),
    ("service",),
    ("network",),
    ("distillation",),
    ("training",),
    ("conversion",),
    ("evaluation",),
    ("baselines",),
    ("benchmarking",),
    ("experiments",),
    (
        "train",
        "evaluate",
        "evaluate_stream",
        "convert",
        "benchmark",
        "listen",
        "record",
        "quickstart",
        "wyoming",
        "pretrained.__main__",
        "__main__",
    ),
    ("",),
)
"""The rooms, lowest first; those of a line see nothing of each other. The last
is the package itself, whose names are for its users."""

BOARD = ("audio", "model_file", "runtime")

# What is not yet as it should be: who mends it takes it off this list.
UPWARDS: set[tuple[str, str]] = set()


def module_name(path: Path) -> str:
    """The name of a module inside the package, "" for the package itself."""
    parts = path.relative_to(ROOT / "bifsmn_tf").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for path in sorted((ROOT / "bifsmn_tf").rglob("*.py"))
}


def imports(name: str) -> set[str]:
    """The package's modules that a module imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} has a relative import"
            # Of a package, each name may be a module.
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for full in wanted:
            package, _, inside = full.partition(".")
            if package != "bifsmn_tf":
                continue
            while inside not in MODULES:
                inside = inside.rpartition(".")[0]
            found.add(inside)
    return found


IMPORTS = {name: imports(name) for name in MODULES}


def rank(name: str) -> int:
    """The number of a module's room, by the longest name that fits.

    What fits no other is the package's own.
    """
    while True:
        for number, rooms in enumerate(ORDER):
            if name in rooms:
                return number
        name = name.rpartition(".")[0]


def room(name: str) -> str:
    """The room of a module."""
    while name not in ORDER[rank(name)]:
        name = name.rpartition(".")[0]
    return name


def test_every_module_is_in_a_room():
    for name in MODULES:
        assert room(name) or not name, name


def test_no_room_imports_a_higher_one_or_one_beside_it():
    found = {
        (name, other)
        for name, others in IMPORTS.items()
        for other in others
        if rank(other) >= rank(name) and room(other) != room(name)
    }
    assert found == UPWARDS


def circles() -> list[set[str]]:
    """Modules that import each other, directly or by way of others."""

    def reach(start: str) -> set[str]:
        reached: set[str] = set()
        waiting = list(IMPORTS[start])
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += IMPORTS[name]
        return reached

    reached = {name: reach(name) for name in IMPORTS}
    found: list[set[str]] = []
    for name in IMPORTS:
        around = {x for x in reached[name] if name in reached[x]}
        if around and around not in found:
            found.append(around)
    return found


def test_no_modules_import_each_other():
    assert circles() == []


WITHOUT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(
                f"this process has no {{name}}", name=name
            )

sys.meta_path.insert(0, Refuse())
"""

ABSENT = ("tensorflow", "keras", "tf_keras", "larq", "absl")


def run_without(names: tuple[str, ...], code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(names=names) + code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def board_modules() -> list[str]:
    return [
        f"bifsmn_tf.{name}"
        for name in MODULES
        if name.partition(".")[0] in BOARD
    ]


def test_the_process_without_is_one():
    with pytest.raises(AssertionError, match="this process has no tensorflow"):
        run_without(ABSENT, "import tensorflow")


def test_boards_rooms_need_no_tensorflow():
    modules = board_modules()
    assert len(modules) > 25
    imports = "\n".join(f"import {name}" for name in modules)
    run_without(
        ABSENT,
        f"""
import importlib.util
import bifsmn_tf
{imports}
assert not set({ABSENT}) & set(sys.modules)
spotter = bifsmn_tf.KeywordSpotter(bifsmn_tf.models()[0])
""",
    )


EXTRAS = ("soundfile", "sounddevice", "scipy", "matplotlib", "tqdm")
RUNTIMES = ("ai_edge_litert", "tflite_runtime", "flatbuffers")

WRITERS = ("graph", "rewriter", "shared", "tables", "writer")
"""Modules of model_file/ that write files, with what ai-edge-litert brings."""


def test_a_board_needs_what_is_installed_with_the_package_only():
    """And no runtime, soundfile or sounddevice, which extras bring."""
    writers = {f"bifsmn_tf.model_file.{name}" for name in WRITERS}
    modules = set(board_modules())
    assert writers < modules
    run_without(
        (*ABSENT, *EXTRAS, *RUNTIMES),
        "\n".join(f"import {name}" for name in sorted(modules - writers))
        + """
import bifsmn_tf, numpy
for name in bifsmn_tf.models():
    spotter = bifsmn_tf.KeywordSpotter(name)
    assert spotter.engine == "native"
    assert spotter(numpy.zeros(16000, numpy.float32))
    stream = bifsmn_tf.StreamingSpotter(spotter)
    assert stream.push(numpy.zeros(stream.step, numpy.float32))
try:
    bifsmn_tf.KeywordSpotter(name, engine="litert")
except bifsmn_tf.runtime.spotter.UserError as error:
    assert "pip install 'bifsmn_tf[litert]'" in str(error)
else:
    raise AssertionError("a runtime is there")
""",
    )


def test_a_board_with_the_extra_runs_the_stock_runtime():
    run_without(
        (*ABSENT, *EXTRAS),
        """
import bifsmn_tf
assert bifsmn_tf.KeywordSpotter(bifsmn_tf.models()[0]).engine == "litert"
""",
    )
