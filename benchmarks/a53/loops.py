"""Modelled products a cycle of the kernels' inner loops.

    python benchmarks/a53/loops.py [OBJECT ...]

The loops are those of the compiled code: of each kernel's object file (by
default of all NEON kernels, built as setup.py builds them) the innermost loop
that multiplies or counts most. Kernels of the memory block and of the features
have none: their code is straight.
"""

import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import toolchain
from model import MODES
from model import Instruction
from model import decode
from model import disassembler
from model import steady_cycles

_FAMILIES = ("bgemm_neon", "quant_conv_neon", "dense_neon")

# Products of an instruction: CNT has those of 128 bits.
_PRODUCTS = {"cnt": 128, "mla": 8, "smlal": 4, "smlal2": 4}

_LINE = re.compile(r"\s*([0-9a-f]+):\s+([0-9a-f]{8})\s+(\S+)\s*(.*)")


class Loop(NamedTuple):
    """A loop's body."""

    products: int
    instructions: list[Instruction]


def innermost_loops(path: Path) -> list[Loop]:
    """Finds the loops of an object file that have no branch inside."""
    listing = toolchain.run(["aarch64-linux-gnu-objdump", "-d", path])
    loops = []
    disassembly = disassembler()
    body: list[tuple[int, int]] = []
    for line in listing.splitlines():
        match = _LINE.match(line)
        if not match:
            # Another function begins.
            body = []
            continue
        address, word, name, operands = match.groups()
        body.append((int(address, 16), int(word, 16)))
        if not (name.startswith("b.") or name in ("b", "cbnz", "cbz", "tbnz")):
            continue
        target = re.search(r"([0-9a-f]+) <", operands)
        words = [w for a, w in body if target and a >= int(target[1], 16)]
        if words and target and body[0][0] <= int(target[1], 16):
            instructions = decode(words, disassembly)
            products = sum(_PRODUCTS.get(i.mnemonic, 0) for i in instructions)
            loops.append(Loop(products, instructions))
        body = []
    return loops


def main(arguments: list[str]) -> None:
    """Prints a table."""
    toolchain.check()
    with tempfile.TemporaryDirectory() as folder:
        objects = [Path(argument) for argument in arguments]
        if not objects:
            built = toolchain.build_kernels(Path(folder))
            objects = [p for p in built if p.name.startswith(_FAMILIES)]
        print("| kernel | products | strict | ideal | instructions |")
        print("|---|---:|---:|---:|---:|")
        for path in objects:
            loops = innermost_loops(path)
            products, body = max(loops, key=lambda loop: loop.products)
            if not products:
                continue
            rates = [products / steady_cycles(body, mode) for mode in MODES]
            strict, ideal = (f"{rate:.1f}" for rate in rates)
            print(
                f"| `{path.stem}` | {products} | {strict} | {ideal} "
                f"| {len(body)} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
