"""How many cycles aarch64 code takes on a Cortex-A53, by a model of it.

The model is a scoreboard that issues two instructions a cycle in order: one
128-bit NEON operation a cycle (on two pipes of 64 bits), one load or store, two
operations of the ALU; a result can be used after its latency. Throughputs and
latencies are those measured on a Raspberry Pi 3 (public results of
``insn_bench_aarch64``). Whether a vector load issues beside a NEON operation is
taken in two ways: ``strict`` follows the rules that authors of A53 kernels
report (of vector loads only those of 64 bits pair), ``ideal`` lets every load
pair. The truth lies between the two.

Not modelled: caches, the TLB, mispredicted branches. What comes out is a
model's figure, not a measurement: call it "modelled A53 cycles", and compare it
with what the same model says of something else.

Needs capstone.
"""

import collections
import re
import struct
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import capstone

MODES = ("strict", "ideal")

_NEON = {
    "cnt": (1, 2),
    "addv": (1, 3),
    "addp": (1, 3),
    "uaddlp": (1, 3),
    "uaddlv": (1, 3),
    "uadalp": (2, 4),
    "sadalp": (2, 4),
    "usra": (1, 3),
    "ssra": (1, 3),
    "uaddw": (1, 3),
    "uaddl": (1, 3),
    "uaddl2": (1, 3),
    "saddw": (1, 3),
    "saddl": (1, 3),
    "saddl2": (1, 3),
    "fmla": (1, 8),
    "fmls": (1, 8),
    "fmadd": (1, 8),
    "fmul": (1, 4),
    "fadd": (1, 4),
    "fsub": (1, 4),
    "fmax": (1, 4),
    "fmin": (1, 4),
    "fmaxnm": (1, 4),
    "fminnm": (1, 4),
    "faddp": (1, 4),
    "scvtf": (1, 4),
    "ucvtf": (1, 4),
    "fcvtzs": (1, 4),
    "fcvtns": (1, 4),
    "fdiv": (13, 14),
    "fsqrt": (12, 13),
    "mul": (1, 4),
    "mla": (1, 4),
    "mls": (1, 4),
    "smull": (1, 4),
    "smull2": (1, 4),
    "smlal": (1, 4),
    "smlal2": (1, 4),
    "umull": (1, 4),
    "umlal": (1, 4),
    "sqrdmulh": (1, 4),
    "sqdmulh": (1, 4),
}
"""Cycles that 128 bits of it occupy the pipes, and its latency."""

_BITWISE = {"eor", "and", "orr", "bic", "orn", "mvn", "mov", "movi"}
"""Those of latency 1; what is in neither list has 2."""

_ACCUMULATING = {
    "fmla": 4,
    "fmls": 4,
    "smlal": 3,
    "smlal2": 3,
    "mla": 3,
    "umlal": 3,
}
"""By how many cycles earlier its result reaches the next one of its kind."""

_BRANCHES = {"b", "br", "blr", "bl", "cbz", "cbnz", "ret", "tbz", "tbnz"}

_FULL_WIDTH = re.compile(r"v\d+\.(16b|8h|4s|2d)")


class Instruction(NamedTuple):
    """What the scoreboard knows of an instruction.

    Attributes:
        mnemonic: its name.
        kind: ``neon``, ``load`` (of vectors), ``half_load`` (of 64 bits or
            less), ``memory`` (a store, or a load of general registers),
            ``alu`` or ``branch``.
        pipes: how many of the two 64-bit NEON pipes it takes.
        busy: for how many cycles its unit is taken.
        latency: after how many its result is there.
        pairs: whether another instruction may issue in its cycle.
        reads: registers it needs.
        writes: registers it makes.
        base: the address register that it writes back, if any.
    """

    mnemonic: str
    kind: str
    pipes: int
    busy: int
    latency: int
    pairs: bool
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    base: str | None


class Cost(NamedTuple):
    """What a piece of a program takes."""

    instructions: float
    strict: float
    ideal: float


_Shape = tuple[str, int, int, int, bool]


def disassembler() -> capstone.Cs:
    """Makes what :func:`decode` needs, for use with several pieces of code."""
    result = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    result.detail = True
    return result


def decode(
    words: Sequence[int], disassembly: capstone.Cs | None = None
) -> list[Instruction]:
    """Decodes instructions of 32 bits each, up to the first unknown one."""
    disassembly = disassembly or disassembler()
    code = struct.pack(f"<{len(words)}I", *words)
    result = []
    for instruction in disassembly.disasm(code, 0):
        reads, writes = instruction.regs_access()
        base = re.search(
            r"\[(x\d+|sp)\]?(, #?-?\w+\]!|\], )", instruction.op_str
        )
        result.append(
            Instruction(
                instruction.mnemonic,
                *_shape(instruction.mnemonic, instruction.op_str),
                _registers(disassembly, reads),
                _registers(disassembly, writes),
                base[1] if base else None,
            )
        )
    return result


def issue_cycles(
    instructions: Sequence[Instruction], mode: str = "strict"
) -> list[int]:
    """Returns the cycle in which each instruction issues."""
    return _Scoreboard(mode == "strict").run(instructions)


def steady_cycles(instructions: Sequence[Instruction], mode: str) -> float:
    """Returns the cycles of a block once it repeats back to back."""
    length = len(instructions)
    if not length:
        return 0.0
    repeats = 40 if length < 400 else 6
    issued = issue_cycles(list(instructions) * repeats, mode)
    first, last = repeats // 4, repeats - 1
    return (issued[last * length] - issued[first * length]) / (last - first)


Counts = collections.Counter[tuple[int, ...]]
"""How often each block ran, by its instruction words: addresses may move."""


def read_counts(path: Path) -> Counts:
    """Reads what block_counts.c has written."""
    counts: Counts = collections.Counter()
    with open(path, encoding="ascii") as file:
        for line in file:
            runs, _, *words = line.split()
            counts[tuple(int(word, 16) for word in words)] += int(runs)
    return counts


def cost(counts: Counts, runs: int = 1) -> Cost:
    """Returns what blocks take, each in its steady state, by so many runs."""
    disassembly = disassembler()
    instructions = 0
    cycles = dict.fromkeys(MODES, 0.0)
    for words, times in counts.items():
        if not times:
            continue
        decoded = decode(words, disassembly)
        instructions += times * len(words)
        for mode in MODES:
            cycles[mode] += times * steady_cycles(decoded, mode)
    return Cost(
        instructions / runs, cycles["strict"] / runs, cycles["ideal"] / runs
    )


def cost_of_difference(fewer: Path, more: Path, runs: int) -> Cost:
    """Returns the cost of a run from two programs that differ by ``runs``."""
    counts = read_counts(more)
    counts.subtract(read_counts(fewer))
    return cost(counts, runs)


def _registers(
    disassembly: capstone.Cs, numbers: Iterable[int]
) -> tuple[str, ...]:
    """Vector registers by their number, whatever part of them is meant."""
    names = []
    for number in numbers:
        name = disassembly.reg_name(number)
        if name in ("wzr", "xzr"):
            continue
        vector = re.fullmatch(r"[bhsdqv](\d+)", name)
        general = re.fullmatch(r"[wx](\d+)", name)
        if vector:
            name = f"v{vector[1]}"
        elif general:
            name = f"x{general[1]}"
        names.append(name)
    return tuple(names)


def _shape(name: str, operands: str) -> _Shape:
    """Returns kind, pipes, busy, latency and pairs."""
    if name in _BRANCHES or name.startswith("b."):
        return "branch", 0, 1, 1, True
    vector = re.search(r"\bv\d+\.|\b[qdsbh]\d+\b", operands) is not None
    memory = re.search(r"\[(x|sp)", operands) is not None
    if memory and vector and name.startswith("ld"):
        return _vector_load(name, operands)
    if memory:
        if vector:
            stored = len(re.findall(r"\bq\d+|v\d+\.", operands))
            return "memory", 0, max(1, stored), 0, True
        return "memory", 0, 2 if name in ("ldp", "stp") else 1, 3, True
    if vector:
        return _neon(name, operands)
    slow = name in ("mul", "madd", "smull", "umull")
    return "alu", 0, 1, 3 if slow else 1, True


def _vector_load(name: str, operands: str) -> _Shape:
    whole = operands.startswith("q")
    if name in ("ldr", "ldur"):
        if whole:
            return "load", 0, 2, 5, False
        return "half_load", 0, 1, 4, True
    if name == "ldp":
        return ("load", 0, 4, 6, False) if whole else ("load", 0, 2, 5, False)
    if name in ("ld1r", "ld2r"):
        return "load", 0, 1, 4, True
    if name in ("ld3r", "ld4r"):
        return "load", 0, 2, 5, False
    if re.search(r"\}\[\d+\]", operands):
        return "half_load", 0, 1, 4, True
    registers = len(re.findall(r"v\d+\.", operands))
    return "load", 0, 2 * registers, 3 + 2 * registers, False


def _neon(name: str, operands: str) -> _Shape:
    if name == "tbl":
        tables = operands.split("}")[0].count(".16b") - 1
        return "neon", 2, max(1, tables), 1 + max(1, tables), True
    if name in ("ins", "mov") and "[" in operands:
        from_vector = "v" in operands.split(",")[1]
        return "neon", 1, 1, 2 if from_vector else 3, True
    if name in ("umov", "smov", "fmov"):
        return "neon", 1, 1, 3, True
    busy, latency = _NEON.get(name, (1, 1 if name in _BITWISE else 2))
    half = name == "xtn" or not _FULL_WIDTH.search(operands)
    return "neon", 1 if half else 2, busy, latency, True


class _Scoreboard:
    """Which units are taken until when, and when registers are there."""

    def __init__(self, strict: bool):
        self._strict = strict
        self._ready: dict[str, tuple[int, str]] = {}
        self._pipes = [0, 0]
        self._memory = 0
        self._blocked_until = 0
        self._now = 0
        self._start_cycle()

    def run(self, instructions: Sequence[Instruction]) -> list[int]:
        issued = []
        for instruction in instructions:
            while not self._may_issue(instruction):
                self._now += 1
                self._start_cycle()
            issued.append(self._now)
            self._issue(instruction)
        return issued

    def _start_cycle(self) -> None:
        self._slots = self._alus = self._branches = 0

    def _free_pipes(self) -> list[int]:
        return [pipe for pipe in (0, 1) if self._pipes[pipe] <= self._now]

    def _may_issue(self, instruction: Instruction) -> bool:
        if self._slots == 2 or self._now < self._blocked_until:
            return False
        for register in instruction.reads:
            there, maker = self._ready.get(register, (0, ""))
            if instruction.mnemonic == maker and register in instruction.writes:
                there -= _ACCUMULATING.get(maker, 0)
            if there > self._now:
                return False
        kind = instruction.kind
        if kind == "neon":
            return len(self._free_pipes()) >= instruction.pipes
        if kind == "alu":
            return self._alus < 2
        if kind == "branch":
            return self._branches < 1
        if self._memory > self._now:
            return False
        if self._strict and kind == "half_load":
            return bool(self._free_pipes())
        if self._strict and kind == "load":
            alone = instruction.pairs or self._slots == 0
            return len(self._free_pipes()) == 2 and alone
        return True

    def _issue(self, instruction: Instruction) -> None:
        now = self._now
        kind, until = instruction.kind, now + instruction.busy
        self._slots += 1
        if kind == "neon":
            for pipe in self._free_pipes()[: instruction.pipes]:
                self._pipes[pipe] = until
        elif kind == "alu":
            self._alus += 1
        elif kind == "branch":
            self._branches += 1
        else:
            self._memory = until
            if self._strict and kind == "half_load":
                self._pipes[self._free_pipes()[0]] = now + 1
            if self._strict and kind == "load":
                self._pipes = [until, until]
                if not instruction.pairs:
                    self._blocked_until = until
        for register in instruction.writes:
            back = register == instruction.base
            latency = 1 if back else instruction.latency
            self._ready[register] = (now + latency, instruction.mnemonic)
