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

_FAMILIES = ("bgemm_neon", "feature_conv_neon", "dense_neon", "igemm_neon")

# Products of an instruction: CNT has those of 128 bits, others one a lane.
_COUNTING = "cnt"
_MULTIPLYING = ("mla", "smull", "smlal", "smlal2")
_LANES = {"8h": 8, "4s": 4}

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
    body: list[tuple[int, int, int]] = []
    for line in listing.splitlines():
        match = _LINE.match(line)
        if not match:
            # Another function begins.
            body = []
            continue
        address, word, name, operands = match.groups()
        products = _products_of(name, operands)
        body.append((int(address, 16), int(word, 16), products))
        if not (name.startswith("b.") or name in ("b", "cbnz", "cbz", "tbnz")):
            continue
        target = re.search(r"([0-9a-f]+) <", operands)
        inside = [i for i in body if target and i[0] >= int(target[1], 16)]
        if inside and target and body[0][0] <= int(target[1], 16):
            _, words, products_of = zip(*inside, strict=True)
            instructions = decode(words, disassembly)
            loops.append(Loop(sum(products_of), instructions))
        body = []
    return loops


def _products_of(name: str, operands: str) -> int:
    """Returns how many products an instruction has."""
    if name == _COUNTING:
        return 128
    lanes = re.match(r"v\d+\.(8h|4s)", operands)
    return _LANES[lanes[1]] if lanes and name in _MULTIPLYING else 0


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
