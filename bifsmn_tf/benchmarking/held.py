"""Holds the stock interpreter to a level of instructions, to compare at it.

``BIFSMN_ISA`` limits our kernels to what most processors have; XNNPACK, which
runs the stock interpreter's networks, has no such variable and asks the
processor itself. :func:`hold` answers in its place (``held.c``), so that both
can be measured on a machine that has more than either is to use.
"""

import ctypes
import importlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bifsmn_tf.errors import UserError
from bifsmn_tf.runtime.interpreter import isa
from bifsmn_tf.runtime.interpreter import isa_levels

_PACKAGE = "ai_edge_litert"
_PROGRAMS = ("cc", "objdump")
_HOLDING: list[ctypes.CDLL] = []
_CPUID = re.compile(r"^\s*([0-9a-f]+):\s+cpuid\b", re.MULTILINE)


def hold() -> str:
    """Holds the stock interpreter to the level of our kernels.

    Call it before the process makes its first interpreter: XNNPACK asks the
    processor once.

    Returns:
        The level that holds from now on, or "" where ``BIFSMN_ISA`` limits
        nothing.

    Raises:
        UserError: It cannot be held on this machine, for want of a C compiler
            or since it is not Linux on x86-64.
    """
    level = isa()
    if level == isa_levels()[-1]:
        return ""
    if _HOLDING:
        return level
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise UserError(
            f"the stock interpreter cannot be held to level {level} on "
            f"{sys.platform} {platform.machine()}: leave BIFSMN_ISA unset"
        )
    missing = [p for p in _PROGRAMS if shutil.which(p) is None]
    if missing:
        raise UserError(
            f"holding the stock interpreter to level {level} needs "
            f"{' and '.join(missing)}: apt install gcc binutils"
        )
    importlib.import_module(f"{_PACKAGE}.interpreter")
    library = _compiled()
    library.held_replace.argtypes = [ctypes.c_void_p]
    if library.held_answer(int(level != "baseline")):
        raise UserError("the system lets no signal be answered here")
    places = [
        start + place
        for path, start in _libraries().items()
        for place in _questions(path)
    ]
    if not places:
        raise UserError(f"nothing in {_PACKAGE} asks for its instructions")
    own = ctypes.c_char.in_dll(library, "held_question")
    for place in (*places, ctypes.addressof(own)):
        if library.held_replace(place):
            raise UserError(f"{_PACKAGE} cannot be changed in memory")
    _HOLDING.append(library)
    return level


def ask(leaf: int, part: int) -> tuple[int, ...]:
    """Returns what the library is answered: the registers eax to edx.

    Args:
        leaf: What is asked for.
        part: The number of its part.
    """
    registers = (ctypes.c_uint32 * 4)()
    _HOLDING[0].held_ask(leaf, part, registers)
    return tuple(registers)


def answers() -> int:
    """Returns how many questions for instructions have been answered."""
    return sum(library.held_answers() for library in _HOLDING)


def _compiled() -> ctypes.CDLL:
    source = Path(__file__).with_name("held.c")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "held.so")
        command = ["cc", "-O1", "-shared", "-fPIC", "-o", path, str(source)]
        _output(command)
        return ctypes.CDLL(path)


def _output(command: list[str]) -> str:
    """Runs a program.

    Raises:
        UserError: It fails.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{command[0]} fails: {done.stderr.strip()}")
    return done.stdout


def _libraries() -> dict[str, int]:
    """Returns where the interpreter's libraries lie in this process."""
    result: dict[str, int] = {}
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        addresses, *_, path = line.split(maxsplit=5)
        if f"/{_PACKAGE}/" in path and path.endswith(".so"):
            result.setdefault(path, int(addresses.partition("-")[0], 16))
    return result


def _questions(path: str) -> list[int]:
    """Returns the places of a library at which it asks."""
    listed = _output(["objdump", "--disassemble", "--no-show-raw-insn", path])
    return [int(place, 16) for place in _CPUID.findall(listed)]
