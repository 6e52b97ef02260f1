r"""Modelled cycles of one invoke of a model, the runtime's glue included.

    tools/aarch64_sysroot.sh BOARD
    python -m bifsmn_tf.benchmark --save_models=MODELS
    python benchmarks/a53/network.py BOARD MODELS/models.json \
        [--only=TEXT ...] [--kernels=NAME=KERNEL,... ...] [--json=FILE]

BOARD is an emulated Cortex-A53 board with its own Python and runtime; the
second file lists models, their signatures, and the kernels to prefer. A figure
is the difference of two runs that invoke a model more and less often.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import toolchain
from model import Cost
from model import cost_of_difference

_FEWER = 10


def model_invoke(
    board: Path,
    plugin: Path,
    folder: Path,
    entry: dict,
    model: Path,
    repetitions: int,
) -> Cost:
    """Returns what one invoke costs."""
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
    command += ["-m", "bifsmn_tf.benchmarking.invoke", "--model", model]
    if entry.get("signature"):
        command += ["--signature", entry["signature"]]
    if entry.get("kernels"):
        command += ["--kernels", entry["kernels"]]
    if entry.get("shape"):
        command += ["--shape", ",".join(map(str, entry["shape"]))]
    # The first time Python compiles what it imports.
    toolchain.run([*toolchain.EMULATOR, *command], environment)
    fewer, more = folder / "fewer", folder / "more"
    for file, count in ((fewer, _FEWER), (more, _FEWER + repetitions)):
        toolchain.emulate(
            plugin,
            file,
            [*command, "--repetitions", str(count)],
            environment=environment,
        )
    return cost_of_difference(fewer, more, repetitions)


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
        if entry["name"].startswith("BiFSMN δ") and not entry["kernels"]
    ]
    costs: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugin = toolchain.build_plugin(folder)
        for entry in entries:
            model = options.models.resolve().parent / entry["file"]
            costs[entry["name"]] = model_invoke(
                board, plugin, folder, entry, model, options.repetitions
            )
            print(f"{entry['name']}: {costs[entry['name']]}", file=sys.stderr)
    print("| model | strict | ideal | instructions | first ÷ this |")
    print("|---|---:|---:|---:|---:|")
    first = next(iter(costs.values())).strict if costs else 0.0
    for name, cost in costs.items():
        print(
            f"| {name} | {cost.strict:,.0f} | {cost.ideal:,.0f} "
            f"| {cost.instructions:,.0f} | {first / cost.strict:.2f} |"
        )
    if options.json:
        figures = {}
        if options.json.is_file():
            figures = json.loads(options.json.read_text(encoding="utf-8"))
        figures |= {name: cost._asdict() for name, cost in costs.items()}
        text = json.dumps(figures, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
