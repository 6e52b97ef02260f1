"""The compilers and the emulator that the scripts here call."""

import runpy
import shutil
import subprocess
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent

CC = "aarch64-linux-gnu-gcc"
CXX = "aarch64-linux-gnu-g++"
SYSROOT = "/usr/aarch64-linux-gnu"
"""Where Debian's cross compiler has the C library that programs run with."""

EMULATOR = ("qemu-aarch64", "-cpu", "cortex-a53")

_NEEDED = {
    "gcc": "gcc",
    CXX: "g++-aarch64-linux-gnu",
    "aarch64-linux-gnu-objdump": "binutils-aarch64-linux-gnu",
    EMULATOR[0]: "qemu-user",
}


def check(more: Mapping[str, str] | None = None) -> None:
    """Exits with a message if a program is missing.

    Args:
        more: Debian's packages by program, beside those that all scripts need.
    """
    needed = {**_NEEDED, **(more or {})}
    missing = {p for t, p in needed.items() if shutil.which(t) is None}
    if missing:
        sys.exit("error: apt-get install " + " ".join(sorted(missing)))


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    given: bytes | None = None,
) -> str:
    """Runs a command and returns what it prints, or exits with its error.

    Args:
        command: The program and its arguments.
        environment: Its environment; by default this process's.
        given: What it reads from its standard input.
    """
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        input=given,
        env=environment,
        cwd=REPOSITORY,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        sys.exit(f"error: {' '.join(map(str, command))}\n{said}")
    return done.stdout.decode()


def build_plugin(folder: Path) -> Path:
    """Builds the plugin of qemu into a folder."""
    plugin = folder / "block_counts.so"
    source = HERE / "block_counts.c"
    run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", plugin, source])
    return plugin


def build_kernels(folder: Path) -> list[Path]:
    """Compiles the kernels as setup.py does, an object each."""
    native = runpy.run_path(str(REPOSITORY / "custom_ops/sources.py"))
    objects = []
    for source in native["SOURCES"]["kernels"]:
        target = folder / (Path(source).stem + ".o")
        flags = native["FLAGS"]["COPTS"]
        run([CXX, *flags, "-I.", "-c", source, "-o", target])
        objects.append(target)
    return objects


def build_layers(folder: Path, objects: Sequence[Path]) -> Path:
    """Builds the program that runs a layer."""
    program = folder / "layers"
    source = HERE / "layers.cc"
    flags = ["-std=c++17", "-O2", "-static", "-I."]
    run([CXX, *flags, source, *objects, "-o", program])
    return program


def address_of(symbol: str, program: Path) -> str:
    """Returns where a function of a static program is, in hexadecimal."""
    for line in run(["aarch64-linux-gnu-nm", program]).splitlines():
        address, _, name = line.partition(" T ")
        if name == symbol:
            return address
    sys.exit(f"error: {program} has no function {symbol}")


def emulate(
    plugin: Path,
    counts: Path,
    command: Sequence[str | Path],
    options: str = "",
    environment: Mapping[str, str] | None = None,
    given: bytes | None = None,
) -> None:
    """Runs an aarch64 program and counts its blocks into a file."""
    plugin_options = f"{plugin},out={counts}{options}"
    run([*EMULATOR, "-plugin", plugin_options, *command], environment, given)
