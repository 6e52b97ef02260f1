"""What a second of sound costs whoever listens to it, measured and as tables.

``inside`` is what the runtime and front ends take, ``python`` what a caller of
the Python interface sees. Cycles are modelled elsewhere, of the same parts.
"""

import copy
import dataclasses
import datetime
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bifsmn_tf.benchmarking import listener as listeners
from bifsmn_tf.benchmarking import report as reports
from bifsmn_tf.benchmarking.listener import Call
from bifsmn_tf.benchmarking.listener import Listener
from bifsmn_tf.benchmarking.measure import Quartiles
from bifsmn_tf.benchmarking.measure import measure as take_turns
from bifsmn_tf.benchmarking.report import Cycles
from bifsmn_tf.benchmarking.report import Report
from bifsmn_tf.benchmarking.report import Table
from bifsmn_tf.errors import UserError

FORMAT = 1

_GROUPS = {
    listeners.OURS: "A second of sound",
    listeners.PEERS: "What else listens",
}

Times = Mapping[tuple[str, str], npt.NDArray[np.float64]]
"""Microseconds of a call in each round, by a part and ``"inside"`` or by a
listener and ``"python"``."""


def measure(found: Sequence[Listener], rounds: int, turn: float) -> Times:
    """Times all parts and all Python callers, in turns.

    Args:
        found: Who listens.
        rounds: How many turns each has.
        turn: About how many milliseconds a turn takes.

    Returns:
        The times of single calls.

    Raises:
        UserError: A model cannot be run, or does not repeat.
    """
    parts = {part.name: part for one in found for part in one.parts}
    invocations = {}
    calls: dict[tuple[str, str], Call] = {}
    for name, part in parts.items():
        if part.model is None:
            assert part.call is not None
            calls[name, "inside"] = part.call
            continue
        try:
            invocations[name] = part.model.invocation()
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        calls[name, "inside"] = invocations[name].invoke
    # The peers' packages load a runtime of their own, whose names are for all:
    # ours has to be there before.
    for one in found:
        if one.push is not None:
            calls[one.name, "python"] = one.push()
    times = take_turns(calls, rounds, turn)
    for name, invocation in invocations.items():
        try:
            invocation.check()
        except RuntimeError as error:
            raise UserError(f"{name}: {error}") from error
    return times


def make(
    found: Sequence[Listener],
    times: Times,
    memory: Mapping[str, Mapping[str, int]],
    skipped: Sequence[str],
    settings: Mapping[str, object],
    machine: Mapping[str, object],
    command: str,
) -> Report:
    """Puts everything together, for JSON.

    Args:
        found: Who listens.
        times: What :func:`measure` returned.
        memory: The bytes of one more spotter, by listener, as
            :func:`~bifsmn_tf.benchmarking.memory.spotter_bytes` returns them.
        skipped: Who does not listen, and why.
        settings: How it was measured.
        machine: What was so before anything was measured.
        command: The command line.

    Returns:
        ``format``, ``command``, ``date``, ``machine``, ``versions``,
        ``settings``, ``skipped``, ``memory``; and ``listeners``, a list of
        ``name``, ``group``, ``decisions``, ``file_bytes``, ``state_bytes``,
        ``parts`` (``name``, ``rate`` and the ``microseconds`` of a call), and
        of a second of sound ``inside_microseconds`` and
        ``python_microseconds``; and ``ratios``, how many times less ours take
        than each peer, within rounds.
    """
    return {
        "format": FORMAT,
        "command": command,
        "date": datetime.date.today().isoformat(),
        "machine": dict(machine),
        "versions": reports.versions(),
        "settings": dict(settings),
        "skipped": list(skipped),
        "memory": {name: dict(size) for name, size in memory.items()},
        "listeners": [_listener(one, times) for one in found],
        "ratios": {
            peer.name: {
                one.name: reports.rounded(
                    _plain(_inside(peer, times) / _inside(one, times))
                )
                for one in found
                if one.group == listeners.OURS
            }
            for peer in found
            if peer.group == listeners.PEERS
        },
    }


def _inside(one: Listener, times: Times) -> npt.NDArray[np.float64]:
    """Returns microseconds of a second of sound in each round."""
    return np.sum([p.rate * times[p.name, "inside"] for p in one.parts], axis=0)


def _listener(one: Listener, times: Times) -> dict[str, Any]:
    python = times.get((one.name, "python"))
    values = {
        "name": one.name,
        "group": one.group,
        "decisions": one.decisions,
        "file_bytes": one.file_bytes,
        "state_bytes": one.state,
        "parts": [
            {
                "name": part.name,
                "rate": part.rate,
                "microseconds": _plain(times[part.name, "inside"]),
            }
            for part in one.parts
        ],
        "inside_microseconds": _plain(_inside(one, times)),
        "python_microseconds": None
        if python is None
        else _plain(python / one.seconds),
    }
    return reports.rounded(values)


def with_cycles(report: Report, cycles: Cycles) -> Report:
    """Returns a report with what was modelled elsewhere.

    Args:
        report: What :func:`make` returned.
        cycles: Modelled cycles of one call, by part.

    Returns:
        A copy in which parts have ``cycles``, empty if they are unknown, and
        listeners ``cycles`` of a second of sound, those of ``cycles_without``
        left out; None if none is known.
    """
    found = copy.deepcopy(report)
    for one in found["listeners"]:
        known = [part for part in one["parts"] if part["name"] in cycles]
        for part in one["parts"]:
            part["cycles"] = dict(cycles.get(part["name"], {}))
        one["cycles_without"] = [
            part["name"] for part in one["parts"] if part not in known
        ]
        one["cycles"] = None
        if known:
            one["cycles"] = {
                mode: round(sum(p["rate"] * p["cycles"][mode] for p in known))
                for mode in ("strict", "ideal")
            }
    return found


def _plain(values: npt.NDArray[np.float64]) -> dict[str, float]:
    return dataclasses.asdict(Quartiles.of(values))


def text(report: Report) -> str:
    """Returns the tables for a terminal."""
    parts = [f"{table.title}\n{table.plain()}" for table in tables_of(report)]
    parts += [f"skipped: {why}" for why in report["skipped"]]
    return "\n\n".join(parts)


def circumstances(report: Report) -> str:
    """Returns a sentence on where and how the times were taken."""
    versions = ", ".join(f"{k} {v}" for k, v in report["versions"].items())
    machine, settings = report["machine"], report["settings"]
    return (
        f"Measured on this CPU: {machine['cpu']} ({machine['architecture']}, "
        f"{machine['cores']} cores, {' '.join(machine['instructions'])}; "
        f"{reports.levels(machine)}; load average "
        f"{machine['load_average']} before and "
        f"{machine['load_average_after']} after), {report['date']}, one "
        f"thread; {versions}. {settings['rounds']} rounds in which every part "
        f"has a turn of about {settings['turn_milliseconds']:g} ms, repeated "
        "if another process interrupted it."
    )


def page(report: Report) -> str:
    """Returns the tables in Markdown."""
    parts = [circumstances(report), f"    {report['command']}"]
    for table in tables_of(report):
        parts += [f"## {table.title}", table.markdown()]
    parts += [f"Skipped: {why}." for why in report["skipped"]]
    return "\n\n".join(parts) + "\n"


def tables_of(report: Report) -> Iterator[Table]:
    """Returns a table of each group of listeners, of parts and of memory."""
    groups = dict.fromkeys(one["group"] for one in report["listeners"])
    for group in groups:
        title = _GROUPS.get(group, f"How cost grows with {group}")
        yield _costs(
            title, [x for x in report["listeners"] if x["group"] == group]
        )
        if group == listeners.PEERS and report["ratios"]:
            yield _ratios(report)
    yield _parts(report)
    if report["memory"]:
        yield _memory(report)


def _costs(title: str, found: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for one in found:
        inside, python = one["inside_microseconds"], one["python_microseconds"]
        cycles = one["cycles"]
        partly = "*" if cycles and one["cycles_without"] else ""
        rows.append(
            (
                one["name"],
                f"{one['decisions']:.4g}",
                f"{inside['median']:,.0f}",
                f"({inside['low']:,.0f}-{inside['high']:,.0f})",
                f"{inside['minimum']:,.0f}",
                f"{python['median']:,.0f}" if python else "",
                f"{python['minimum']:,.0f}" if python else "",
                f"{cycles['strict'] / 1e6:.3f}{partly}" if cycles else "",
                f"{cycles['ideal'] / 1e6:.3f}{partly}" if cycles else "",
                f"{one['file_bytes']:,}",
                "" if one["state_bytes"] is None else f"{one['state_bytes']:,}",
            )
        )
    head = (
        "",
        "decisions",
        "µs inside",
        "",
        "fastest",
        "µs in Python",
        "fastest",
        "A53 Mcycles, strict",
        "ideal",
        "file, bytes",
        "state, bytes",
    )
    return Table(title, head, rows)


def _ratios(report: Report) -> Table:
    peers = report["ratios"]
    rows = [
        (
            name,
            *(
                f"{by_name[name]['median']:.1f}x "
                f"({by_name[name]['low']:.1f}-{by_name[name]['high']:.1f})"
                for by_name in peers.values()
            ),
        )
        for name in next(iter(peers.values()))
    ]
    return Table("How many times less time inside than", ("", *peers), rows)


def _parts(report: Report) -> Table:
    rows = {}
    for one in report["listeners"]:
        for part in one["parts"]:
            times, cycles = part["microseconds"], part["cycles"]
            rows[part["name"]] = (
                part["name"],
                f"{times['median']:.2f}",
                f"{times['minimum']:.2f}",
                f"{cycles['strict']:,.0f}" if cycles else "",
                f"{cycles['ideal']:,.0f}" if cycles else "",
            )
    head = ("", "µs", "fastest", "A53 cycles, strict", "ideal")
    return Table("One call of each part", head, list(rows.values()))


def _memory(report: Report) -> Table:
    states = {x["name"]: x["state_bytes"] for x in report["listeners"]}
    files = {x["name"]: x["file_bytes"] for x in report["listeners"]}
    rows = [
        (
            name,
            f"{size['spotter']:,}",
            f"{size['interpreter']:,}",
            f"{size['plan']:,}",
            f"{size['without_runtime']:,}",
            f"{size['native']:,}",
            "" if states[name] is None else f"{states[name]:,}",
            f"{files[name]:,}",
        )
        for name, size in report["memory"].items()
    ]
    head = (
        "",
        "one more spotter, LiteRT",
        "interpreter",
        "plan of its depth",
        "one more without it",
        "one in C, all depths",
        "a stream's state",
        "file",
    )
    return Table("Memory beside the runtime, bytes", head, rows)
