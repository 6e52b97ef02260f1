"""What the pages of results share: head, tables, flags, JSON."""

import dataclasses
import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bifsmn_tf.data.speech_commands.protocol import NOT_COMPARABLE
from bifsmn_tf.evaluation import plots
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.experiments.runner import Row
from bifsmn_tf.experiments.runner import Runner
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.costs import Summary
from bifsmn_tf.network.costs import summarise

NOT_RUN = "*not run*"

_CREDIT = (
    "Recordings of Google Speech Commands (P. Warden, arXiv:1804.03209), "
    "licensed under [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)."
)

_SPLITS = (
    "Training, validation and test have different speakers. Nothing is tuned "
    "on the test clips; the best epoch is that of the highest validation "
    "accuracy, mean over δ."
)

_FIGURES = (
    "Accuracy in % on the test clips: of the converted .tflite in the stock "
    "ai-edge-litert interpreter, or of Keras where a row says so. One run has "
    "its 95 % Wilson interval in brackets; several seeds have their mean ± "
    "the standard deviation between them. Weights and activations of 1-bit "
    "networks are one bit everywhere but in the first convolution and the "
    "classifier (8 bits)."
)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is run for a page.

    Attributes:
        name: of the page, its folder and the command's ``--name``.
        title: above the page.
        introduction: what is compared, and how.
        rows: what is trained; teachers come before their students.
        body: tables and pictures, as lines of Markdown.
        epochs: of every row that has none of its own; ``None`` for those of
            its flagfile.
    """

    name: str
    title: str
    introduction: str
    rows: tuple[Row, ...]
    body: Callable[["Results"], list[str]]
    epochs: int | None = None


class Results:
    """The outcomes of an experiment and what tables ask of them.

    Args:
        experiment: that was run.
        runner: that ran it, for what a body makes of the runs.
        outcomes: by row and seed.
        folder: for pictures and JSON; has the experiment's name.
        cycles: modelled Cortex-A53 cycles by name, as ``benchmarks/a53``
            writes them.

    Attributes:
        figures: what a body found, for the JSON.
    """

    def __init__(
        self,
        experiment: Experiment,
        runner: Runner,
        outcomes: Mapping[tuple[str, int], Outcome],
        folder: Path,
        cycles: Mapping[str, dict] | None = None,
    ):
        self.experiment = experiment
        self.runner = runner
        self.outcomes = outcomes
        self.folder = folder
        self.cycles = cycles or {}
        self.rows = runner.selection.of(experiment.rows)
        self.figures: dict = {}

    @property
    def missing(self) -> list[tuple[Row, int]]:
        """What was selected and is not there."""
        return [
            (row, seed)
            for row in self.rows
            for seed in row.seeds
            if (row.name, seed) not in self.outcomes
        ]

    def row(self, name: str) -> Row | None:
        """A row, if it is selected."""
        return next((row for row in self.rows if row.name == name), None)

    def of(self, name: str) -> list[Outcome]:
        """The outcomes of a row, by seed."""
        return [
            self.outcomes[key]
            for key in sorted(self.outcomes)
            if key[0] == name
        ]

    def deltas(self, name: str) -> list[str]:
        """The depths of a row, as text; none if it was not run."""
        outcomes = self.of(name)
        return list(outcomes[0].report["deltas"]) if outcomes else []

    def accuracies(self, name: str, delta: str) -> dict[int, float]:
        """Accuracy in % by seed."""
        return {
            outcome.seed: 100 * outcome.report["deltas"][delta]["accuracy"]
            for outcome in self.of(name)
            if delta in outcome.report["deltas"]
        }

    def accuracy(self, name: str, delta: str) -> str:
        """A cell of a table."""
        found = list(self.accuracies(name, delta).values())
        if not found:
            return NOT_RUN if not self.of(name) else ""
        if len(found) > 1:
            return f"**{np.mean(found):.2f}** ± {np.std(found, ddof=1):.2f}"
        low, high = self.of(name)[0].report["deltas"][delta]["interval"]
        return f"**{found[0]:.2f}** ({100 * low:.1f}-{100 * high:.1f})"

    def gap(self, name: str, delta: str, reference: str) -> str:
        """Points below another row at δ = 1, mean over the same seeds."""
        own = self.accuracies(name, delta)
        theirs = self.accuracies(reference, "1")
        both = own.keys() & theirs.keys()
        if not both or name == reference:
            return ""
        return f"{np.mean([theirs[s] - own[s] for s in both]):.2f}"

    def summary(self, name: str) -> Summary | None:
        """What a row's network costs, if it was run and is an FSMN."""
        for outcome in self.of(name):
            if "memory_size" in outcome.run["network"]:
                config = NetworkConfig.from_dict(outcome.run["network"])
                return summarise(config)
        return None

    def cost(self, name: str) -> dict | None:
        """What a row's network costs, if it was run and is a baseline."""
        return next((o.cost for o in self.of(name) if o.cost), None)

    def strict_cycles(self, model: str, delta: str) -> float | None:
        """Modelled Cortex-A53 cycles, ``strict``, of a decision.

        Args:
            model: its name in the JSON, without its depth.
            delta: the depth.
        """
        several = self.cycles.get(model, {}).get("cycles", {}).get(delta)
        entry = several or self.cycles.get(f"{model} δ={delta}")
        if entry is None and delta == "1":
            entry = self.cycles.get(model)
        return entry.get("strict") if entry else None

    def picture(self, name: str, title: str) -> str:
        """A reference to a picture in the experiment's folder."""
        return f"![{title}]({self.experiment.name}/{name})"


Column = Callable[[Results, str, str], str]
"""A cell from results, row and δ."""


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table and an empty line."""
    rows = [head, ["---"] * len(head), *lines]
    return [*(f"| {' | '.join(row)} |" for row in rows), ""]


def comparison(
    results: Results,
    paper: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    paper_columns: Sequence[str] = (),
    columns: Mapping[str, Column] | None = None,
    reference: str | None = "dfsmn",
) -> list[str]:
    """The table of a paper's rows: one line for each row and depth.

    Args:
        results: of the experiment.
        paper: what the paper has, by row and δ.
        paper_columns: what these figures are.
        columns: further ones of ours: a function of results, row and δ.
        reference: the row that others are compared with.

    Returns:
        Markdown.
    """
    paper, columns = paper or {}, columns or {}
    head = ["network", "δ", "test accuracy, %"]
    if reference:
        head.append(f"points below {reference}")
    head += [*columns, *(f"*{name}*" for name in paper_columns)]
    lines = []
    for row in results.rows:
        theirs = paper.get(row.name, {})
        for delta in results.deltas(row.name) or list(theirs) or ["1"]:
            line = [row.title, delta, results.accuracy(row.name, delta)]
            if reference:
                line.append(results.gap(row.name, delta, reference))
            line += [
                make(results, row.name, delta) for make in columns.values()
            ]
            line += theirs.get(delta, [""] * len(paper_columns))
            lines.append(line)
    if not paper_columns:
        return table(head, lines)
    return [
        *table(head, lines),
        "*In italics: the paper's figures, on the full data set, with its own "
        "protocol, in which more than half of the clips are `unknown`; they "
        "stand beside ours for the order of the rows, not for the level.*",
        "",
    ]


def compared(
    paper: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    paper_columns: Sequence[str] = (),
    columns: Mapping[str, Column] | None = None,
    reference: str | None = "dfsmn",
) -> Callable[[Results], list[str]]:
    """A body that is :func:`comparison` and its picture."""

    def body(results: Results) -> list[str]:
        path = results.folder / "accuracies.png"
        plots.accuracies(series(results), path)
        return [
            *comparison(results, paper, paper_columns, columns, reference),
            results.picture(path.name, "test accuracy"),
            "",
        ]

    return body


def series(results: Results) -> dict[str, dict[str, list[float]]]:
    """Accuracies for a picture: by depth, row and seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in results.rows:
        for delta in results.deltas(row.name):
            values = list(results.accuracies(row.name, delta).values())
            found.setdefault(f"δ = {delta}", {})[row.title] = values
    return found


def parameters(results: Results, name: str, delta: str) -> str:
    """Millions of trained parameters, all depths together."""
    del delta
    cost, summary = results.cost(name), results.summary(name)
    if cost:
        return f"{cost['parameters'] / 1e6:.2f}"
    return f"{summary.file().parameters / 1e6:.2f}" if summary else ""


def flops(results: Results, name: str, delta: str) -> str:
    """Millions of FLOPs as the paper counts them, for a batch of 128."""
    cost, summary = results.cost(name), results.summary(name)
    if cost:
        return f"{cost['paper_mflops_batch_128']:.2f}"
    return f"{summary.paper_flops(int(delta)) / 1e6:.2f}" if summary else ""


def file_bytes(results: Results, name: str, delta: str) -> str:
    """Size of the converted file, all depths together."""
    del delta
    sizes = [o.file_bytes for o in results.of(name) if o.file_bytes]
    return f"{round(np.mean(sizes)):,}" if sizes else ""


def write(results: Results, page: Path, command: str, budget: int | None):
    """Writes a page and its JSON.

    Args:
        results: of the experiment.
        page: the Markdown file; ``results.folder`` lies beside it.
        command: that was called.
        budget: epochs of every row that has none of its own.
    """
    results.folder.mkdir(parents=True, exist_ok=True)
    experiment = results.experiment
    body = (
        experiment.body(results)
        if results.outcomes or not experiment.rows
        else [f"No row has been run yet: {NOT_RUN}.", ""]
    )
    lines = [
        f"# {experiment.title}",
        "",
        "Command (trains what is missing, converts, evaluates, writes this "
        "page):",
        "",
        f"    {command}",
        "",
        experiment.introduction,
        "",
        *_head(results, budget),
        *body,
        *_discussion(results.folder),
        *_flags(results, budget),
    ]
    page.write_text("\n".join(lines), encoding="utf-8")
    text = json.dumps(_json(results, command, budget), indent=1)
    (results.folder / "results.json").write_text(text + "\n", encoding="utf-8")


def _head(results: Results, budget: int | None) -> list[str]:
    outcomes = list(results.outcomes.values())
    if not outcomes:
        return []
    first = outcomes[0]
    name = first.run["dataset"]["name"]
    labels = first.report["label_names"]
    seeds = sorted({outcome.seed for outcome in outcomes})
    data = (
        f"Data: `{name}`, {len(labels)} classes: {', '.join(labels)}. Test "
        f"split: {first.report['clips']:,} clips. {_SPLITS}"
    )
    if name.startswith("speech_commands"):
        data += f" {_CREDIT}"
    lines = [data, ""]
    lines += _notes(first.report["notes"])
    lines += [
        f"{_epochs(results, budget)} Seeds: {', '.join(map(str, seeds))}. "
        f"{_FIGURES}",
        "",
    ]
    return lines


def _notes(notes: Sequence[str]) -> list[str]:
    """Of a part of the data set: what it lacks."""
    if not any(NOT_COMPARABLE in note for note in notes):
        return []
    # It ends one of them, or in reports from before, each one.
    missing = [note.replace(NOT_COMPARABLE, "").strip() for note in notes]
    return [" ".join([f"**{NOT_COMPARABLE}**", *missing]), ""]


def _epochs(results: Results, budget: int | None) -> str:
    """Counted, since ``--train_flag`` may say otherwise than the rows do."""
    counts = {
        row.title: len(results.of(row.name)[0].metrics["history"])
        for row in results.rows
        if results.of(row.name)
    }
    own = {row.title for row in results.rows if row.own_epochs}
    others = {n for title, n in counts.items() if title not in own}
    if budget is None or len(others) != 1:
        each = (f"{title} {count}" for title, count in counts.items())
        return f"Epochs: {', '.join(each)}."
    (common,) = others
    apart = [
        f"{title} has {count}"
        for title, count in counts.items()
        if count != common
    ]
    return f"Epochs: {'; '.join([f'{common} for each row', *apart])}."


def _discussion(folder: Path) -> list[str]:
    path = folder / "discussion.md"
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8").strip()
    return ["## What we make of it", "", text, ""]


def _flags(results: Results, budget: int | None) -> list[str]:
    rows = results.experiment.rows
    lines = ["## What each row is", ""] if rows else []
    for row in results.rows:
        training = results.runner.training(rows, row, row.seeds[0], budget)
        words = [f"python -m {row.command}", *training.flags, "--seed=SEED"]
        if row.teacher:
            words.append(f"--teacher=RUN_OF_{row.teacher}")
        note = f" {row.note}" if row.note else ""
        lines += [f"`{row.name}`: {row.title}.{note}", ""]
        lines += [f"    {' '.join(words)}", ""]
    if results.missing:
        lines += ["Not run:", ""]
        for row in results.rows:
            seeds = [str(seed) for r, seed in results.missing if r is row]
            if seeds:
                lines.append(f"* `{row.name}`, seed {', '.join(seeds)}")
        lines.append("")
    return lines


def _json(results: Results, command: str, budget: int | None) -> dict:
    return {
        "experiment": results.experiment.name,
        "command": command,
        "epochs": budget,
        "runs": [
            _values(results, o, budget) for o in results.outcomes.values()
        ],
        "not_run": [[row.name, seed] for row, seed in results.missing],
        "figures": results.figures,
    }


def _values(results: Results, outcome: Outcome, budget: int | None) -> dict:
    history = outcome.metrics["history"]
    training = results.runner.training(
        results.experiment.rows, outcome.row, outcome.seed, budget
    )
    evaluated = outcome.row.report or (
        "tflite" if outcome.row.converts else "keras"
    )
    return {
        "row": outcome.row.name,
        "seed": outcome.seed,
        "run": outcome.folder.name,
        "command": training.command,
        "flags": list(training.flags),
        "teacher": outcome.row.teacher,
        "dataset": outcome.run["dataset"],
        "evaluated": evaluated,
        "file_bytes": outcome.file_bytes,
        "epochs": len(history),
        "training_seconds": round(sum(e["seconds"] for e in history)),
        "best_epoch": outcome.metrics["best"]["epoch"] + 1,
        "validation": outcome.metrics["best"]["score"],
        "test_clips": outcome.report["clips"],
        "test": {
            delta: {k: figures[k] for k in ("correct", "accuracy", "interval")}
            for delta, figures in outcome.report["deltas"].items()
        },
    }
