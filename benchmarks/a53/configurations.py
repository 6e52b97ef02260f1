r"""Modelled cycles and bytes of networks with other settings, a table of them.

    tools/aarch64_sysroot.sh BOARD
    python benchmarks/a53/configurations.py BOARD \
        [front_skip=True front_skip=True,front_outputs=48 ...] \
        [--results=results/architecture_cycles]

An argument is one network: settings of NetworkConfig that differ from
BiFSMN's, separated by commas; sites and depths by plus signs. Weights are
random, as neither cycles nor bytes depend on them, but for those of 8 bits:
which blocks of them share a sum makes a hundredth. Without arguments it
measures those of results/architecture_cycles.md. BOARD is as in network.py. A
row that the results have already is taken from there: delete them to measure
again.
"""

import argparse
import ast
import dataclasses
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import toolchain

sys.path.insert(0, str(toolchain.REPOSITORY))

from network import model_invoke  # noqa: E402

from bifsmn_tf.benchmarking.networks import make_configuration  # noqa: E402
from bifsmn_tf.errors import UserError  # noqa: E402
from bifsmn_tf.evaluation import tables  # noqa: E402
from bifsmn_tf.network.architectures import bifsmn  # noqa: E402
from bifsmn_tf.network.config import NetworkConfig  # noqa: E402
from bifsmn_tf.network.costs import summarise  # noqa: E402

_CONFIGURATIONS = (
    "front_outputs=48",
    "front_skip=True",
    "front_skip=True,front_outputs=48",
    "front_channels=32",
    "look_back=3,look_ahead=3",
    "look_back=4,look_ahead=4",
    "int8_sites=conv2",
    "int8_sites=conv2+projection",
    "front_skip=True,front_outputs=48,int8_sites=conv2+projection",
    "two_bit_sites=conv2",
    "two_bit_sites=projection",
    "two_bit_sites=conv2+projection",
    "two_bit_sites=memory",
    "front_skip=True,front_outputs=48,two_bit_sites=conv2+projection",
    "memory_size=64,hidden_size=128",
    "memory_size=64,hidden_size=128,front_outputs=48,front_skip=True",
    "blocks=2,deltas=1,memory_size=64,hidden_size=128",
    "blocks=2,deltas=1,front_outputs=48,front_skip=True",
    "blocks=2,deltas=1,two_bit_sites=conv2+projection",
    "blocks=2,deltas=1,two_bit_sites=conv2+projection+memory",
    "blocks=2,deltas=1,front_outputs=48,front_skip=True,"
    "two_bit_sites=conv2+projection+memory",
    "blocks=2,deltas=1,front_channels=32,two_bit_sites=conv2+projection",
    "blocks=2,deltas=1,int8_sites=conv2",
    "blocks=2,deltas=1,int8_sites=conv2+projection",
    "blocks=2,deltas=1,int8_sites=conv2+projection,two_bit_sites=memory",
    "blocks=3,deltas=1,int8_sites=conv2+projection,two_bit_sites=memory",
    "blocks=2,deltas=1,front_outputs=48,front_skip=True,"
    "two_bit_sites=conv2+projection+memory+expand+shrink",
    "blocks=3,deltas=1,front_outputs=48,front_skip=True,"
    "two_bit_sites=conv2+projection+memory+expand+shrink",
    "blocks=2,deltas=1,int8_sites=projection",
    "blocks=2,deltas=1,int8_sites=projection,two_bit_sites=memory",
    "blocks=2,deltas=1,int8_sites=projection,two_bit_sites=conv2",
    "blocks=2,deltas=1,int8_sites=projection,two_bit_sites=conv2+memory",
    "blocks=4,deltas=1,int8_sites=projection,two_bit_sites=conv2+memory",
    "blocks=8,deltas=1,int8_sites=projection,two_bit_sites=conv2+memory",
    "blocks=2,deltas=1,int8_sites=projection,"
    "two_bit_sites=conv2+memory+expand+shrink",
    "blocks=2,deltas=1,front_outputs=48,int8_sites=projection,"
    "two_bit_sites=conv2+memory",
    "blocks=2,deltas=1,front_outputs=48,front_skip=True,"
    "int8_sites=projection,two_bit_sites=conv2",
    "blocks=2,deltas=1,front_outputs=48,front_skip=True,"
    "int8_sites=projection,two_bit_sites=conv2+memory",
    "blocks=2,deltas=1,front_outputs=48,front_skip=True,"
    "int8_sites=projection,two_bit_sites=conv2+memory+expand+shrink",
    "blocks=2,deltas=1,memory_size=64,hidden_size=128,int8_sites=projection",
    "blocks=2,deltas=1,memory_size=64,hidden_size=128,int8_sites=projection,"
    "two_bit_sites=conv2",
    "blocks=2,deltas=1,memory_size=64,hidden_size=128,int8_sites=projection,"
    "two_bit_sites=conv2+memory+expand+shrink",
    "blocks=2,deltas=1,memory_size=64,hidden_size=128,front_outputs=16,"
    "int8_sites=projection",
    "blocks=2,deltas=1,memory_size=64,hidden_size=128,"
    "two_bit_sites=projection+memory",
    "blocks=2,deltas=1,memory_size=64,hidden_size=128,front_outputs=48,"
    "front_skip=True,two_bit_sites=projection+memory",
    "blocks=2,deltas=1,memory_size=64,hidden_size=128,"
    "two_bit_sites=conv2+projection+memory+expand+shrink",
    "blocks=2,deltas=1,two_bit_sites=projection+memory",
)

_CLASSES = 12

_DEFAULT = "BiFSMN"

_PAGE = """# Modelled Cortex-A53 cycles of networks with other settings

*Modelled*, as in [a53.md](a53.md): one `invoke()` from Python, one clip of
features, random weights, {classes} classes. A row names what differs from the
first, which is BiFSMN as it is by default.

    tools/aarch64_sysroot.sh BOARD
    python benchmarks/a53/configurations.py BOARD {arguments}

Bits are weights of one bit, MACs those of one clip at the full depth, bytes
those of the .tflite with all depths; cycles in thousands at each depth δ, and
**bold** where they are more than {limits}, the most that a network may take.

{table}

On NEON, products of more than 496 bits take FBCK instead of the faster
kernel: those of the second convolution with `front_channels` above 16, of the
projection with `front_outputs` above 48 (or `front_channels` above 24), of a
block with `memory_size` or `hidden_size` above 496. A memory with other taps
than 2 + 1 + 2, or strides above 1, takes a loop over its taps.
"""


def parse(text: str) -> NetworkConfig:
    """Returns BiFSMN with the settings of a text, ``"blocks=4,prelu=shared"``.

    Raises:
        UserError: There is no such setting, or it makes no network.
    """
    default = bifsmn(_CLASSES)
    known = dataclasses.asdict(default)
    changes: dict[str, Any] = {}
    for setting in text.split(","):
        name, _, written = setting.partition("=")
        if name not in known:
            raise UserError(f"{text}: NetworkConfig has no {name!r}")
        if name.endswith("_sites"):
            changes[name] = tuple(written.split("+"))
            continue
        if name == "deltas":
            try:
                changes[name] = tuple(map(int, written.split("+")))
            except ValueError:
                raise UserError(f"{text}: deltas are as in 1+2") from None
            continue
        try:
            value = ast.literal_eval(written)
        except (SyntaxError, ValueError):
            value = written
        kind = type(known[name])
        if type(value) is int and kind is float:
            value = float(value)
        if type(value) is not kind:
            raise UserError(f"{text}: {name} is of type {kind.__name__}")
        changes[name] = value
    return dataclasses.replace(default, **changes)


def parse_limits(text: str) -> dict[str, float]:
    """Returns the limits of a text, ``"286,201,140"``, by depth.

    Raises:
        UserError: They are not one number for each of BiFSMN's depths.
    """
    depths = bifsmn(_CLASSES).deltas
    try:
        values = [float(value) for value in text.split(",")]
    except ValueError:
        values = []
    if len(values) != len(depths):
        raise UserError(f"--limits: {len(depths)} numbers, not {text}")
    return {str(d): v for d, v in zip(depths, values, strict=True)}


def measure(
    board: Path,
    plugin: Path,
    folder: Path,
    config: NetworkConfig,
    repetitions: int,
) -> dict[str, Any]:
    """Returns the figures of one configuration.

    Args:
        board: The emulated board, as in ``network.py``.
        plugin: The built plugin of qemu-user.
        folder: Takes the file of the network.
        config: The network.
        repetitions: How many invokes a figure is the mean of.

    Returns:
        ``bytes`` of the file; ``one_bit`` weights; ``binary_macs`` and
        ``other_macs`` of one clip at the full depth; ``cycles`` by depth.
    """
    models = make_configuration("measured", config)
    model = folder / "measured.tflite"
    model.write_bytes(models[0].content)
    totals = summarise(config).at(min(config.deltas))
    cycles = {}
    for delta, measured in zip(config.deltas, models, strict=True):
        entry = {"signature": measured.signature}
        cost = model_invoke(board, plugin, folder, entry, model, repetitions)
        cycles[str(delta)] = cost._asdict()
    return {
        "bytes": len(models[0].content),
        "one_bit": totals.one_bit,
        "binary_macs": totals.binary_macs,
        "other_macs": totals.other_macs,
        "cycles": cycles,
    }


def table(
    figures: Mapping[str, Mapping[str, Any]], limits: Mapping[str, float]
) -> str:
    """Returns the rows as Markdown, strict cycles in thousands.

    Args:
        figures: What :func:`measure` returns, by the name of a row.
        limits: The most thousands of cycles, by depth; more are bold.
    """
    depths = list(next(iter(figures.values()))["cycles"])
    rows = []
    for name, row in figures.items():
        cells = [name]
        cells += [
            f"{row[key]:,}"
            for key in ("one_bit", "binary_macs", "other_macs", "bytes")
        ]
        for depth in depths:
            if depth not in row["cycles"]:
                cells.append("")
                continue
            thousands = row["cycles"][depth]["strict"] / 1000
            over = thousands > limits.get(depth, float("inf"))
            cells.append(f"**{thousands:.1f}**" if over else f"{thousands:.1f}")
        rows.append(cells)
    return tables.markdown(
        (
            "network",
            "bits",
            "binary MACs",
            "other MACs",
            "bytes",
            *(f"δ = {depth}" for depth in depths),
        ),
        rows,
    )


def main(arguments: list[str]) -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("board", type=Path)
    parser.add_argument("configurations", nargs="*")
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument(
        "--limits",
        default="286,201,140",
        help="the most thousands of cycles at each depth, the deepest first",
    )
    parser.add_argument(
        "--results", type=Path, help="write this .json and .md, too"
    )
    options = parser.parse_args(arguments)
    toolchain.check()
    board = options.board.resolve()
    if not (board / "library").is_dir():
        sys.exit(f"error: tools/aarch64_sysroot.sh {options.board} makes it")
    configurations = {_DEFAULT: bifsmn(_CLASSES)}
    try:
        limits = parse_limits(options.limits)
        for text in options.configurations or _CONFIGURATIONS:
            configurations[text.replace(",", ", ")] = parse(text)
    except UserError as error:
        sys.exit(f"error: {error}")
    figures = {}
    if options.results and options.results.with_suffix(".json").exists():
        text = options.results.with_suffix(".json").read_text("utf-8")
        figures = {
            row: known
            for row, known in json.loads(text).items()
            if row in configurations
        }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plugin = toolchain.build_plugin(folder)
        for row, config in configurations.items():
            if row in figures:
                continue
            figures[row] = measure(
                board, plugin, folder, config, options.repetitions
            )
            print(f"{row}: {figures[row]}", file=sys.stderr)
    figures = {row: figures[row] for row in configurations}
    print(table(figures, limits))
    if options.results:
        results = options.results
        content = json.dumps(figures, indent=1, ensure_ascii=False)
        results.with_suffix(".json").write_text(content + "\n", "utf-8")
        page = _PAGE.format(
            classes=_CLASSES,
            arguments=" ".join(
                [*options.configurations, f"--results={results}"]
            ),
            limits=" / ".join(f"{x:.0f}" for x in limits.values()),
            table=table(figures, limits),
        )
        results.with_suffix(".md").write_text(page, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
