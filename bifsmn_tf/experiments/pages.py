"""Writes the page of an experiment and its JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bifsmn_tf import whole_file
from bifsmn_tf.data.speech_commands.protocol import NOT_COMPARABLE
from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.experiments import kept
from bifsmn_tf.experiments.results import NOT_RUN
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Row
from bifsmn_tf.experiments.runner import Outcome

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


def write(
    results: Results, page: Path, command: str, budget: int | None
) -> None:
    """Writes a page and its JSON.

    Args:
        results: the outcomes of the experiment.
        page: the Markdown file; ``results.folder`` lies beside it.
        command: the command that was called, as the page says it.
        budget: the epochs of every row that has none of its own.
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
    whole_file.write_text(page, "\n".join(lines))
    text = json.dumps(_json(results, command, budget), indent=1)
    whole_file.write_text(results.folder / "results.json", text + "\n")


def _head(results: Results, budget: int | None) -> list[str]:
    # What listens to a stream has no accuracy.
    outcomes = [o for o in results.outcomes.values() if "deltas" in o.report]
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
    """Returns what a part of the data set lacks."""
    if not any(NOT_COMPARABLE in note for note in notes):
        return []
    # It ends one of them, or in reports from before, each one.
    missing = [note.replace(NOT_COMPARABLE, "").strip() for note in notes]
    return [" ".join([f"**{NOT_COMPARABLE}**", *missing]), ""]


def _epochs(results: Results, budget: int | None) -> str:
    """Says how long each row was trained.

    The epochs are counted: ``--train_flag`` may say otherwise than the rows.
    """
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
        if row.ensemble:
            words.append("--more_teachers=RUNS_OF_ITS_OTHER_SEEDS")
        note = f" {row.note}" if row.note else ""
        lines += [f"`{row.name}`: {row.title}.{note}", ""]
        lines += [f"    {' '.join(words)}", ""]
    lines += _list(
        "Of earlier calls, kept in results.json:", results, results.kept
    )
    return lines + _list("Not run:", results, results.missing)


def _list(
    title: str, results: Results, runs: Sequence[tuple[Row, int]]
) -> list[str]:
    names = {row.name: row for row in results.rows}
    lines = [
        f"* `{name}`, seed {', '.join(seeds)}"
        for name in names
        if (seeds := [str(seed) for row, seed in runs if row.name == name])
    ]
    return [title, "", *lines, ""] if lines else []


def _json(results: Results, command: str, budget: int | None) -> dict[str, Any]:
    return {
        "experiment": results.experiment.name,
        "command": command,
        "epochs": budget,
        "data": kept.of_data(results.outcomes.values()),
        "runs": [
            _values(results, o, budget) for o in results.outcomes.values()
        ],
        "not_run": [[row.name, seed] for row, seed in results.missing],
        "figures": results.figures,
    }


def _values(
    results: Results, outcome: Outcome, budget: int | None
) -> dict[str, Any]:
    history = outcome.metrics["history"]
    best = history[outcome.metrics["best"]["epoch"]]
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
        **({"ensemble": outcome.row.ensemble} if outcome.row.ensemble else {}),
        "kind": outcome.run.get("kind"),
        "network": outcome.run.get("network"),
        "cost": outcome.cost,
        "dataset": outcome.run["dataset"],
        "evaluated": evaluated,
        "file_bytes": outcome.file_bytes,
        "epochs": len(history),
        "training_seconds": round(sum(e["seconds"] for e in history)),
        "best_epoch": outcome.metrics["best"]["epoch"] + 1,
        "validation": outcome.metrics["best"]["score"],
        "validation_by_delta": epoch_accuracy.by_depth(best),
        "test_clips": outcome.report.get("clips"),
        "test": {
            delta: {k: figures[k] for k in ("correct", "accuracy", "interval")}
            for delta, figures in outcome.report.get("deltas", {}).items()
        },
        **{k: outcome.report[k] for k in kept.OF_A_BODY if k in outcome.report},
    }
