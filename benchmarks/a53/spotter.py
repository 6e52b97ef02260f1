r"""Modelled cycles of a spotter in C, and the library's bytes, by optimization.

    python benchmarks/a53/spotter.py MODEL.tflite [--seconds=8]

builds ``libbifsmn.so`` for aarch64 as ``make install-c`` does, for speed and
for size (``-DCMAKE_BUILD_TYPE=MinSizeRel``), and runs ``examples/spot.c`` on
noise with each, one depth at a time. A figure is of a second of sound, features
and detector included: the difference of two runs that hear more and less of it.
The last column counts the instructions for dot products in the whole library,
which a Cortex-A53 does not have.
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import toolchain
from model import Cost
from model import cost_of_difference

_BUILDS = {"-O3": "Release", "-Os": "MinSizeRel"}
_RATE = 16000
_WARM = 4
"""Seconds that both runs hear: all depths fill their memory."""

_DOT_PRODUCT = re.compile(r"\t(?:[su]|us|su|bf)dot\t")


def build(folder: Path, build_type: str) -> Path:
    """Builds and installs the library; returns where."""
    place = folder / build_type
    settings = {
        "CMAKE_SYSTEM_NAME": "Linux",
        "CMAKE_SYSTEM_PROCESSOR": "aarch64",
        "CMAKE_CXX_COMPILER": toolchain.CXX,
        "CMAKE_BUILD_TYPE": build_type,
        "CMAKE_INSTALL_PREFIX": place,
        "CMAKE_INSTALL_LIBDIR": "lib",
    }
    options = [f"-D{name}={value}" for name, value in settings.items()]
    objects = folder / f"{build_type}-objects"
    toolchain.run(["cmake", "-S", "custom_ops", "-B", objects, *options])
    toolchain.run(["cmake", "--build", objects, "--parallel"])
    toolchain.run(["cmake", "--install", objects])
    source = toolchain.REPOSITORY / "examples/spot.c"
    linked = [f"-I{place}/include", f"-L{place}/lib", "-lbifsmn"]
    linked += [f"-Wl,-rpath,{place}/lib", "-O2", "-o", place / "spot"]
    toolchain.run([toolchain.CC, source, *linked])
    return place


def second(
    plugin: Path, place: Path, model: Path, delta: int, seconds: int
) -> Cost:
    """Returns what a second of noise takes at a depth."""
    noise = np.random.default_rng(0).normal(0, 1000, (_WARM + seconds) * _RATE)
    samples = noise.astype("<i2").tobytes()
    command = ["-L", toolchain.SYSROOT, place / "spot", model, str(delta)]
    fewer, more = place / "fewer", place / "more"
    for counts, length in ((fewer, _WARM), (more, _WARM + seconds)):
        heard = samples[: 2 * length * _RATE]
        toolchain.emulate(plugin, counts, command, given=heard)
    return cost_of_difference(fewer, more, seconds)


def main(arguments: list[str]) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument(
        "--deltas", type=int, nargs="+", default=[1, 2, 4], metavar="DELTA"
    )
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    options = parser.parse_args(arguments)
    toolchain.check({"cmake": "cmake", toolchain.CC: "gcc-aarch64-linux-gnu"})
    if not options.model.is_file():
        sys.exit(f"error: there is no model at {options.model}")
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugin = toolchain.build_plugin(folder)
        for flag, build_type in _BUILDS.items():
            place = build(folder, build_type)
            library = place / "lib/libbifsmn.so"
            code = toolchain.run(["aarch64-linux-gnu-objdump", "-d", library])
            cycles = {
                delta: second(
                    plugin,
                    place,
                    options.model.resolve(),
                    delta,
                    options.seconds,
                ).strict
                for delta in options.deltas
            }
            figures.append(
                {
                    "optimization": flag,
                    "library_bytes": library.stat().st_size,
                    "cycles_a_second": cycles,
                    "dot_products": len(_DOT_PRODUCT.findall(code)),
                }
            )
    if options.json:
        text = json.dumps(figures, indent=1) + "\n"
        options.json.write_text(text, encoding="utf-8")
    depths = " | ".join(f"δ = {delta}" for delta in options.deltas)
    print(f"| | bytes | {depths} | dot products |")
    print("|---|" + "---:|" * (len(options.deltas) + 2))
    for row in figures:
        cycles = " | ".join(
            f"{c:,.0f}" for c in row["cycles_a_second"].values()
        )
        print(
            f"| `{row['optimization']}` | {row['library_bytes']:,} | {cycles} "
            f"| {row['dot_products']} |"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
