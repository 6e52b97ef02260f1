r"""Modelled cycles of one invoke of a model, the runtime's glue included.

    tools/aarch64_sysroot.sh BOARD
    python -m bifsmn_tf.benchmark --save_models=MODELS
    python benchmarks/a53/network.py BOARD MODELS/models.json \
        [--only=TEXT ...] [--kernels=NAME=KERNEL,... ...] [--json=FILE]

BOARD is an emulated Cortex-A53 board with its own Python and runtime; the
second file lists models, their signatures and the kernels to prefer, or modules
that repeat what they do. A figure is the difference of two runs that invoke a
model more and less often.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import toolchain
from model import Cost
from model import cost_of_difference

_FEWER = 10

_COMPILED: set[str] = set()
"""The modules that have run on the board."""


def model_invoke(
    board: Path,
    plugin: Path,
    folder: Path,
    entry: dict,
    model: Path,
    repetitions: int,
) -> Cost:
    """Returns what one invoke of a model costs."""
    command = ["bifsmn_tf.benchmarking.invoke", "--model", str(model)]
    if entry.get("signature"):
        command += ["--signature", entry["signature"]]
    if entry.get("kernels"):
        command += ["--kernels", entry["kernels"]]
    if entry.get("shape"):
        command += ["--shape", ",".join(map(str, entry["shape"]))]
    return module_call(board, plugin, folder, command, repetitions)


def module_call(
    board: Path,
    plugin: Path,
    folder: Path,
    module: Sequence[str],
    repetitions: int,
) -> Cost:
    """Returns what a module does once that repeats it.

    Args:
        board: The emulated board.
        plugin: The built plugin of qemu-user.
        folder: Takes counts.
        module: The module and its arguments but for ``--repetitions``.
        repetitions: How many repetitions the figure is the mean of.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": f"{board / 'wheels'}:{toolchain.REPOSITORY}",
        "PYTHONPYCACHEPREFIX": str(board / "pycache"),
        "BIFSMN_LIBRARY": str(board / "library/bifsmn_tf/runtime/libbifsmn.so"),
        # Both runs have to do the same but for the repetitions: numpy's other
        # threads would spin for as long as they do on this machine.
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
    }
    environment.pop("PYTHONHOME", None)
    root = board / "root"
    command: list[str | Path] = ["-L", root, root / "usr/bin/python3.11"]
    command += ["-m", *module]
    # The first time Python compiles what it imports.
    if module[0] not in _COMPILED:
        toolchain.run([*toolchain.EMULATOR, *command], environment)
        _COMPILED.add(module[0])
    fewer, more = folder / "fewer", folder / "more"
    for file, count in ((fewer, _FEWER), (more, _FEWER + repetitions)):
        toolchain.emulate(
            plugin,
            file,
            [*command, "--repetitions", str(count)],
            environment=environment,
        )
    return cost_of_difference(fewer, more, repetitions)


def _keep(costs: Mapping[str, Cost], path: Path) -> None:
    """Writes figures to a file that may hold those of other names."""
    figures = {}
    if path.is_file():
        figures = json.loads(path.read_text(encoding="utf-8"))
    figures |= {name: cost._asdict() for name, cost in costs.items()}
    text = json.dumps(figures, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("board", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument(
        "--only", action="append", help="names that contain this"
    )
    parser.add_argument(
        "--kernels",
        action="append",
        metavar="NAME=KERNEL,KERNEL",
        help="BiFSMN with these kernels, too",
    )
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument(
        "--json",
        type=Path,
        help="write the figures here, too; those of other names stay there",
    )
    options = parser.parse_args(arguments)
    toolchain.check()
    board = options.board.resolve()
    if not (board / "library").is_dir():
        sys.exit(f"error: tools/aarch64_sysroot.sh {options.board} makes it")
    entries = json.loads(options.models.read_text(encoding="utf-8"))
    if options.only:
        entries = [
            entry
            for entry in entries
            if any(text in entry["name"] for text in options.only)
        ]
    entries += [
        {**entry, "name": f"{entry['name']}, {name}", "kernels": kernels}
        for name, _, kernels in (
            choice.partition("=") for choice in options.kernels or []
        )
        for entry in entries
        if entry["name"].startswith("BiFSMN δ") and not entry.get("kernels")
    ]
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugin = toolchain.build_plugin(folder)
        for entry in entries:
            if "module" in entry:
                costs[entry["name"]] = module_call(
                    board, plugin, folder, entry["module"], options.repetitions
                )
            else:
                model = options.models.resolve().parent / entry["file"]
                costs[entry["name"]] = model_invoke(
                    board, plugin, folder, entry, model, options.repetitions
                )
            print(f"{entry['name']}: {costs[entry['name']]}", file=sys.stderr)
            if options.json:
                _keep(costs, options.json)
    print("| model | strict | ideal | instructions | first ÷ this |")
    print("|---|---:|---:|---:|---:|")
    first = next(iter(costs.values())).strict if costs else 0.0
    for name, cost in costs.items():
        print(
            f"| {name} | {cost.strict:,.0f} | {cost.ideal:,.0f} "
            f"| {cost.instructions:,.0f} | {first / cost.strict:.2f} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
