"""Figure 5: how many times faster and smaller than full precision."""

import json

from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments.results import NOT_RUN
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

_BASE = "D-FSMN fp32"

# Of the text, for a Raspberry Pi 3B+; the storage is that of the abstract.
PAPER = {"1": "10.9", "2": "15.5", "4": "22.3"}
PAPER_STORAGE = "15.5"


def _body(results: Results) -> list[str]:
    folder = results.folder.parent / "benchmark"
    path = folder / "results.json"
    commands = results.commands
    if not commands.collect and (commands.again or not path.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        cycles = folder / "a53_cycles.json"
        runs = results.runner.folder
        runs.mkdir(parents=True, exist_ok=True)
        commands.call(
            runs / "benchmark",
            "bifsmn_tf.benchmark",
            "--profile",
            *([f"--cycles={cycles.resolve()}"] if cycles.exists() else []),
            f"--results={folder.parent.resolve()}",
            f"--chart={(folder / 'latency.png').resolve()}",
            f"--json={path.resolve()}",
        )
    if not path.exists():
        return [f"The benchmark: {NOT_RUN}.", ""]
    report = json.loads(path.read_text(encoding="utf-8"))
    sizes = {c["name"]: c["file_bytes"] for c in report["models"]}
    lines = []
    for delta, claimed in PAPER.items():
        ours = f"BiFSMN δ={delta}"
        measured = report["speedups"][_BASE][ours]
        cells = [
            delta,
            f"{measured['median']:.1f} "
            f"({measured['low']:.1f}-{measured['high']:.1f})",
        ]
        for name in (ours, f"{ours}, FBCK"):
            modelled = results.strict_cycles(name, "1")
            base = results.strict_cycles(_BASE, "1")
            cells.append(
                f"{base / modelled:.1f}" if modelled and base else NOT_RUN
            )
        cells += [claimed, f"{sizes[_BASE] / sizes[ours]:.1f}", PAPER_STORAGE]
        lines.append(cells)
    results.figures["benchmark"] = str(path.name)
    return [
        tables.markdown(
            (
                "δ",
                f"measured on this CPU, {report['machine']['cpu']}",
                "modelled Cortex-A53",
                "modelled, with the paper's kernel",
                "*paper: Raspberry Pi 3B+, measured*",
                "file smaller, all depths in it",
                "*paper: storage*",
            ),
            lines,
        ),
        "",
        f"How many times faster than the full-precision {_BASE}, which "
        "TensorFlow's converter writes, in the stock ai-edge-litert "
        "interpreter, one thread, its own work included; measured: median and "
        "quartiles. The paper compares with a baseline of its own and names no "
        "depth for its storage. All models: [benchmark.md]"
        "(benchmark.md); how cycles are modelled: [a53.md](a53.md).",
        "",
        "![latencies](benchmark/latency.png)",
        "",
    ]


EXPERIMENT = Experiment(
    "speed",
    "Figure 5: deployment efficiency",
    "One decision from features. Nothing was measured on a board: the "
    "Cortex-A53 of the paper's Raspberry Pi 3B+ is modelled.",
    (),
    _body,
)
