"""What was measured, as plain values, as tables and as a page."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cpuinfo
import numpy as np
import numpy.typing as npt

from bifsmn_tf._version import __version__
from bifsmn_tf.benchmarking.measure import Quartiles
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.benchmarking.profile import Profile
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import tables
from bifsmn_tf.runtime.interpreter import isa

FORMAT = 2

Times = Mapping[str, npt.NDArray[np.float64]]
"""Microseconds a call in each round, by the model's name."""

Cycles = Mapping[str, Mapping[str, float]]
"""Modelled cycles, ``strict`` and ``ideal``, by the model's name."""

Report = dict[str, Any]
"""Plain values, as :func:`make` returns them and JSON holds them."""

_INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx512_vpopcntdq",
    "avx512_bitalg",
    "avx512_vnni",
    "asimd",
    "asimddp",
)
"""The instruction sets that kernels choose by, under Linux's names."""

_PACKAGES = (
    "ai-edge-litert",
    "tflite-runtime",
    "tensorflow",
    "numpy",
    "pymicro-wakeword",
    "pymicro-features",
    "pyopen-wakeword",
)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table before it has a layout.

    Attributes:
        title: What the table tells.
        head: The names of the columns.
        rows: The cells.
        left: How many columns name what a row is.
    """

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    left: int = 1

    def plain(self) -> str:
        """Returns the table for a terminal."""
        return tables.plain(self.head, self.rows, self.left)

    def markdown(self) -> str:
        """Returns the table in Markdown."""
        return tables.markdown(self.head, self.rows, self.left)


def make(
    models: Sequence[BenchmarkModel],
    invokes: Times,
    calls: Times,
    profiles: Mapping[str, Profile],
    cycles: Cycles,
    settings: Mapping[str, object],
    machine: Mapping[str, object],
    command: str,
) -> Report:
    """Puts everything together, for JSON.

    Args:
        models: What was measured, in the order of the tables.
        invokes: The times of the bare graph.
        calls: The times of the Python signature runner.
        profiles: The times of the layers, by the model's name.
        cycles: Figures that were modelled elsewhere.
        settings: How it was measured.
        machine: What :func:`describe_machine` returned before anything was
            measured.
        command: The command line that measured it.

    Returns:
        ``format``, ``command``, ``date``, ``machine``, ``versions`` and
        ``settings``; ``models``, a list of ``name``, ``role``, ``signature``,
        ``kernels``, ``file_bytes``, ``invoke_microseconds`` and
        ``call_microseconds``; ``speedups`` of every network over each
        baseline, the ratio taken within rounds; ``profiles``; ``cycles``.
    """
    alone = (Role.GLUE, Role.FRONT_END)
    compared = [m.name for m in models if m.role not in alone]
    baselines = [m.name for m in models if m.role is Role.BASELINE]
    return {
        "format": FORMAT,
        "command": command,
        "date": datetime.date.today().isoformat(),
        "machine": dict(machine),
        "versions": versions(),
        "settings": dict(settings),
        "models": [
            {
                "name": m.name,
                "role": m.role.value,
                "signature": m.signature,
                "kernels": m.kernels,
                "file_bytes": len(m.content),
                "invoke_microseconds": _plain(invokes[m.name]),
                "call_microseconds": _plain(calls[m.name]),
            }
            for m in models
        ],
        "speedups": {
            baseline: {
                name: _plain(invokes[baseline] / invokes[name])
                for name in compared
            }
            for baseline in baselines
        },
        "profiles": {
            name: rounded(dataclasses.asdict(profile))
            for name, profile in profiles.items()
        },
        "cycles": {name: dict(values) for name, values in cycles.items()},
    }


def describe_machine(stock_isa: str = "") -> dict[str, Any]:
    """Describes the processor, and how busy it is at the moment.

    Args:
        stock_isa: What the stock interpreter is held to, see
            :func:`~bifsmn_tf.benchmarking.held.hold`.

    Returns:
        ``cpu``, ``instructions``, ``isa`` (the level of them that our kernels
        use), ``stock_isa``, ``cores``, ``architecture`` and
        ``load_average``, that of the last minute.
    """
    facts = cpuinfo.get_cpu_info()
    flags = facts.get("flags", ())
    return {
        "cpu": facts.get("brand_raw") or platform.machine(),
        "instructions": [x for x in _INSTRUCTIONS if x in flags],
        "isa": isa(),
        "stock_isa": stock_isa,
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "load_average": load_average(),
    }


def load_average() -> float:
    """Returns how many processes have been running in the last minute."""
    return round(os.getloadavg()[0], 2)


def read_cycles(path: str | Path) -> Cycles:
    """Reads modelled cycles.

    Args:
        path: A JSON file ``{"NAME": {"strict": cycles, "ideal": cycles}}``, as
            ``benchmarks/a53/network.py`` writes it; other figures in it are
            left out.

    Returns:
        The cycles by the model's name.

    Raises:
        OSError: The file cannot be read.
        UserError: It has another form.
    """
    try:
        cycles = json.loads(Path(path).read_text(encoding="utf-8"))
        for name, values in cycles.items():
            if not {"strict", "ideal"} <= set(values):
                raise UserError(f"{name!r} has {sorted(values)}")
            cycles[name] = {mode: values[mode] for mode in ("strict", "ideal")}
            for value in cycles[name].values():
                if not value > 0:
                    raise UserError(f"{name!r} has {value} cycles")
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(
            f'{path} is not {{"NAME": {{"strict": cycles, "ideal": cycles}}}}: '
            f"{error}"
        ) from error
    return cycles


def text(report: Report) -> str:
    """Returns the tables for a terminal."""
    level = f"{levels(report['machine'])}.\n"
    level = level[0].upper() + level[1:]
    return level + "\n\n".join(
        f"{table.title}\n{table.plain()}" for table in _tables(report)
    )


def levels(machine: Mapping[str, Any]) -> str:
    """Says at which level of instructions was measured.

    Args:
        machine: As :func:`describe_machine` describes it.
    """
    # Reports of before had no levels to tell.
    level = machine.get("isa", "unknown")
    if machine.get("stock_isa"):
        return (
            f"held to level {level}: our kernels by BIFSMN_ISA, the stock "
            "interpreter by answers to its questions for instructions"
        )
    return f"our kernels at level {level}"


def page(report: Report) -> str:
    """Returns the page of results, in Markdown."""
    used = ", ".join(f"{k} {v}" for k, v in report["versions"].items())
    settings = report["settings"]
    machine_ = report["machine"]
    weights = "The weights are random ones. " if settings["networks"] else ""
    parts = [
        "# How long one decision takes",
        "Measured on this CPU: "
        f"{machine_['cpu']} ({machine_['architecture']}, "
        f"{machine_['cores']} cores, {' '.join(machine_['instructions'])}; "
        f"{levels(machine_)}; "
        f"load average before {machine_['load_average']}), {report['date']}, "
        f"one thread; {used}.",
        f"    {report['command']}",
        "One clip of random features per invoke of a signature's graph, in "
        "one process; the runtime's glue is included, copying in and out by "
        "the Python signature runner is apart (*whole call*). "
        f"{weights}{settings['rounds']} rounds in which every row has a turn "
        f"of about {settings['turn_milliseconds']:g} ms, repeated if another "
        "process interrupted it: median, and in brackets the quartiles; "
        "ratios are taken within rounds.",
    ]
    for table in _tables(report):
        parts += [
            f"## {table.title}",
            table.markdown(),
        ]
    return "\n\n".join(parts) + "\n"


def _tables(report: Report) -> Iterator[Table]:
    yield _times(report)
    ours = [
        model["name"]
        for model in report["models"]
        if model["role"] in (Role.OURS.value, Role.VARIANT.value)
    ]
    if ours and report["speedups"]:
        yield _speedups(report, ours)
    for name, profile in report["profiles"].items():
        yield _layers(name, profile)
    if report["cycles"]:
        yield _cycles(report)


def _times(report: Report) -> Table:
    rows = []
    for model in report["models"]:
        invoke = model["invoke_microseconds"]
        rows.append(
            (
                model["name"],
                f"{invoke['median']:.1f}",
                f"({invoke['low']:.1f}-{invoke['high']:.1f})",
                f"{invoke['minimum']:.1f}",
                f"{model['call_microseconds']['median']:.1f}",
                f"{model['file_bytes']:,}",
            )
        )
    head = ("", "invoke", "", "fastest", "whole call", "file, bytes")
    return Table("Microseconds", head, rows)


def _speedups(report: Report, ours: Sequence[str]) -> Table:
    rows = []
    for name in ours:
        cells = []
        for ratios in report["speedups"].values():
            ratio = ratios[name]
            cells.append(
                f"{ratio['median']:.1f}x ({ratio['low']:.1f}-"
                f"{ratio['high']:.1f})"
            )
        rows.append((name, *cells))
    head = ("", *report["speedups"])
    return Table("How many times faster than", head, rows)


def _layers(name: str, profile: Mapping[str, Any]) -> Table:
    total = sum(x["microseconds"] for x in profile["layers"])
    rows = []
    for layer in profile["layers"]:
        time = layer["microseconds"]
        share = f"{100 * time / total:.1f} %"
        rows.append((layer["layer"], layer["op"], f"{time:.2f}", share))
    rows.append(("all ops", "", f"{total:.2f}", ""))
    rows.append(("the rest of an invoke", "", f"{profile['glue']:.2f}", ""))
    head = ("layer", "op", "time", "share")
    return Table(f"Layers of {name}, microseconds", head, rows, left=2)


def _cycles(report: Report) -> Table:
    first = next(iter(report["cycles"]))
    baseline = report["cycles"][first]["strict"]
    rows = [
        (
            name,
            f"{values['strict']:,.0f}",
            f"{values['ideal']:,.0f}",
            f"{baseline / values['strict']:.1f}x",
        )
        for name, values in report["cycles"].items()
    ]
    head = ("", "strict", "ideal", f"{first} ÷ it, strict")
    return Table("Modelled Cortex-A53 cycles, not measured", head, rows)


def _plain(values: npt.NDArray[np.float64]) -> dict[str, float]:
    return rounded(dataclasses.asdict(Quartiles.of(values)))


def rounded(value: Any) -> Any:
    """Rounds floats, however nested, to thousandths."""
    if isinstance(value, dict):
        return {name: rounded(x) for name, x in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(x) for x in value]
    return round(value, 3) if isinstance(value, float) else value


def versions() -> dict[str, str]:
    """Returns the versions of the package, of Python and of the runtimes."""
    found = {"bifsmn_tf": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
