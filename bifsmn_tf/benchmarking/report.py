"""What was measured, as plain values, as tables and as a page."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bifsmn_tf._version import __version__
from bifsmn_tf.benchmarking.measure import Quartiles
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.benchmarking.profile import Profile

FORMAT = 2

Times = Mapping[str, npt.NDArray[np.float64]]
"""Microseconds a call in each round, by model."""

Cycles = Mapping[str, Mapping[str, float]]
"""Modelled cycles, ``strict`` and ``ideal``, by model."""

_INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx512_vpopcntdq",
    "avx512_bitalg",
    "avx512_vnni",
    "asimd",
    "asimddp",
)
"""Of those that kernels choose by, as Linux calls them."""

_PACKAGES = ("ai-edge-litert", "tflite-runtime", "tensorflow", "numpy")


def make(
    models: Sequence[BenchmarkModel],
    invokes: Times,
    calls: Times,
    profiles: Mapping[str, Profile],
    cycles: Cycles,
    settings: Mapping[str, object],
    machine: Mapping[str, object],
    command: str,
) -> dict:
    """Puts everything together, for JSON.

    Args:
        models: in the order of the tables.
        invokes: of the bare graph.
        calls: of the Python signature runner.
        profiles: by model.
        cycles: modelled elsewhere.
        settings: how it was measured.
        machine: see :func:`describe_machine`, from before it was measured.
        command: that did it.

    Returns:
        ``format``, ``command``, ``date``, ``machine``, ``versions`` and
        ``settings``; ``models``, a list of ``name``, ``role``,
        ``signature``, ``kernels``, ``file_bytes``, ``invoke_microseconds`` and
        ``call_microseconds``; ``speedups`` over each baseline of every network,
        the ratio taken within rounds; ``profiles``; ``cycles``.
    """
    alone = (Role.GLUE, Role.FRONT_END)
    compared = [c.name for c in models if c.role not in alone]
    baselines = [c.name for c in models if c.role is Role.BASELINE]
    return {
        "format": FORMAT,
        "command": command,
        "date": datetime.date.today().isoformat(),
        "machine": dict(machine),
        "versions": _versions(),
        "settings": dict(settings),
        "models": [
            {
                "name": c.name,
                "role": c.role.value,
                "signature": c.signature,
                "kernels": c.kernels,
                "file_bytes": len(c.content),
                "invoke_microseconds": _plain(invokes[c.name]),
                "call_microseconds": _plain(calls[c.name]),
            }
            for c in models
        ],
        "speedups": {
            baseline: {
                name: _plain(invokes[baseline] / invokes[name])
                for name in compared
            }
            for baseline in baselines
        },
        "profiles": {
            name: _rounded(dataclasses.asdict(profile))
            for name, profile in profiles.items()
        },
        "cycles": {name: dict(values) for name, values in cycles.items()},
    }


def describe_machine() -> dict:
    """The processor, and how busy it is before anything is measured."""
    facts = _cpu_facts()
    flags = facts.get("flags", facts.get("Features", "")).split()
    name = facts.get("model name") or facts.get("Model")
    return {
        "cpu": name or platform.processor() or platform.machine(),
        "instructions": [x for x in _INSTRUCTIONS if x in flags],
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def read_cycles(path: str | Path) -> Cycles:
    """Reads modelled cycles.

    Args:
        path: of a JSON file ``{"NAME": {"strict": cycles, "ideal": cycles}}``,
            as ``benchmarks/a53/network.py`` writes it; other figures in it are
            left out.

    Raises:
        OSError: it cannot be read.
        ValueError: it has another form.
    """
    try:
        cycles = json.loads(Path(path).read_text(encoding="utf-8"))
        for name, values in cycles.items():
            if not {"strict", "ideal"} <= set(values):
                raise ValueError(f"{name!r} has {sorted(values)}")
            cycles[name] = {mode: values[mode] for mode in ("strict", "ideal")}
            for value in cycles[name].values():
                if not value > 0:
                    raise ValueError(f"{name!r} has {value} cycles")
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f'{path} is not {{"NAME": {{"strict": cycles, "ideal": cycles}}}}: '
            f"{error}"
        ) from error
    return cycles


def text(report: Mapping) -> str:
    """The tables for a terminal."""
    return "\n\n".join(
        f"{title}\n{_aligned(rows)}" for title, rows in _tables(report)
    )


def page(report: Mapping) -> str:
    """The page of results, in Markdown."""
    versions = ", ".join(f"{k} {v}" for k, v in report["versions"].items())
    settings = report["settings"]
    machine_ = report["machine"]
    parts = [
        "# How long one decision takes",
        "Measured on this CPU: "
        f"{machine_['cpu']} ({machine_['architecture']}, "
        f"{machine_['cores']} cores, {' '.join(machine_['instructions'])}; "
        f"load average before {machine_['load_average']}), {report['date']}, "
        f"one thread; {versions}.",
        f"    {report['command']}",
        "One clip of random features per invoke of a signature's graph, in "
        "one process; the runtime's glue is included, copying in and out by "
        "the Python signature runner is apart (*whole call*). "
        f"{_weights(settings)}{settings['rounds']} rounds in which every row "
        f"has a turn of about {settings['turn_milliseconds']:g} ms, repeated "
        "if another process interrupted it: median, and in brackets the "
        "quartiles; ratios are taken within rounds.",
    ]
    for title, rows in _tables(report):
        parts += [f"## {title}", _markdown(rows)]
    return "\n\n".join(parts) + "\n"


def _weights(settings) -> str:
    return "The weights are random ones. " if settings["networks"] else ""


def _tables(report):
    yield "Microseconds", _times(report)
    ours = [
        entry["name"]
        for entry in report["models"]
        if entry["role"] in (Role.OURS.value, Role.VARIANT.value)
    ]
    if ours and report["speedups"]:
        yield "How many times faster than", _speedups(report, ours)
    for name, profile in report["profiles"].items():
        yield f"Layers of {name}, microseconds", _layers(profile)
    if report["cycles"]:
        yield "Modelled Cortex-A53 cycles, not measured", _cycles(report)


def _times(report):
    rows = [("", "invoke", "", "fastest", "whole call", "file, bytes")]
    for entry in report["models"]:
        invoke = entry["invoke_microseconds"]
        rows.append(
            (
                entry["name"],
                f"{invoke['median']:.1f}",
                f"({invoke['low']:.1f}-{invoke['high']:.1f})",
                f"{invoke['minimum']:.1f}",
                f"{entry['call_microseconds']['median']:.1f}",
                f"{entry['file_bytes']:,}",
            )
        )
    return rows


def _speedups(report, ours):
    rows = [("", *report["speedups"])]
    for name in ours:
        cells = []
        for ratios in report["speedups"].values():
            ratio = ratios[name]
            cells.append(
                f"{ratio['median']:.1f}x ({ratio['low']:.1f}-"
                f"{ratio['high']:.1f})"
            )
        rows.append((name, *cells))
    return rows


def _layers(profile):
    total = sum(x["microseconds"] for x in profile["layers"])
    rows = [("layer", "op", "time", "share")]
    for layer in profile["layers"]:
        time = layer["microseconds"]
        share = f"{100 * time / total:.1f} %"
        rows.append((layer["layer"], layer["op"], f"{time:.2f}", share))
    rows.append(("all ops", "", f"{total:.2f}", ""))
    rows.append(("the rest of an invoke", "", f"{profile['glue']:.2f}", ""))
    return rows


def _cycles(report):
    first = next(iter(report["cycles"]))
    baseline = report["cycles"][first]["strict"]
    rows = [("", "strict", "ideal", f"{first} ÷ it, strict")]
    for name, values in report["cycles"].items():
        rows.append(
            (
                name,
                f"{values['strict']:,.0f}",
                f"{values['ideal']:,.0f}",
                f"{baseline / values['strict']:.1f}x",
            )
        )
    return rows


def _plain(values) -> dict[str, float]:
    return _rounded(dataclasses.asdict(Quartiles.of(values)))


def _rounded(value):
    """Floats to nanoseconds, or thousandths of a ratio."""
    if isinstance(value, dict):
        return {name: _rounded(x) for name, x in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(x) for x in value]
    return round(value, 3) if isinstance(value, float) else value


def _versions() -> dict[str, str]:
    found = {"bifsmn_tf": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_facts() -> dict[str, str]:
    """What Linux tells of a processor, by its own names."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":")[::2] for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _aligned(rows) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _markdown(rows) -> str:
    header, *body = rows
    lines = [header, ("---", *["---:"] * (len(header) - 1)), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
