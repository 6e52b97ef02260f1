"""Modelled cycles of whole layers of the default network, kernel by kernel.

    python benchmarks/a53/layers.py [--json=FILE]

A layer is everything that its kernel does: packing of what comes in, the loop,
and what becomes of its sums.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import toolchain
from model import Cost
from model import cost_of_difference

_FEWER, _MORE = 20, 120


def model_layers(folder: Path) -> dict[str, dict[str, Cost]]:
    """Returns costs by layer and kernel."""
    plugin = toolchain.build_plugin(folder)
    program = toolchain.build_layers(folder, toolchain.build_kernels(folder))
    begin = toolchain.address_of("a53_begin", program)
    end = toolchain.address_of("a53_end", program)
    options = f",begin={begin},end={end}"
    costs: dict[str, dict[str, Cost]] = {}
    listing = toolchain.run([*toolchain.EMULATOR, program])
    for layer, kernel in map(str.split, listing.splitlines()):
        fewer, more = folder / "fewer", folder / "more"
        for file, repetitions in ((fewer, _FEWER), (more, _MORE)):
            toolchain.emulate(
                plugin,
                file,
                [program, layer, kernel, str(repetitions)],
                options,
            )
        cost = cost_of_difference(fewer, more, _MORE - _FEWER)
        costs.setdefault(layer, {})[kernel] = cost
    return costs


def main(arguments: list[str]) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args(arguments)
    toolchain.check()
    with tempfile.TemporaryDirectory() as folder:
        costs = model_layers(Path(folder))
    print("| layer | kernel | strict | ideal | instructions |")
    print("|---|---|---:|---:|---:|")
    for layer, kernels in costs.items():
        for kernel, cost in kernels.items():
            print(
                f"| {layer} | `{kernel}` | {cost.strict:,.0f} "
                f"| {cost.ideal:,.0f} | {cost.instructions:,.0f} |"
            )
    if options.json:
        figures = {
            layer: {kernel: cost._asdict() for kernel, cost in kernels.items()}
            for layer, kernels in costs.items()
        }
        text = json.dumps(figures, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
