"""Outcomes of earlier calls, from the JSON beside the pictures of a page.

A page outlives the folder of its runs: what the JSON holds of a run stands for
it where the run itself is gone and the same command would train it again.
"""

import json
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.rows import Row
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.experiments.runner import Runner

_DATA = ("label_names", "notes")


def of_data(found: Iterable[Outcome]) -> dict[str, Any] | None:
    """Returns what a JSON says of the recordings, once for all runs.

    Args:
        found: the outcomes of an experiment.

    Returns:
        The names of the classes and what the recordings lack, as ``evaluate``
        says it; nothing where no run was evaluated on clips.
    """
    for one in found:
        if all(key in one.report for key in _DATA):
            return {key: one.report[key] for key in _DATA}
    return None


def outcome(
    record: Mapping[str, Any], row: Row, data: Mapping[str, Any]
) -> Outcome:
    """Returns what a JSON keeps of a run.

    Args:
        record: one of the ``runs`` of a results.json.
        row: the row that it belongs to.
        data: what :func:`of_data` gave for the JSON.

    Returns:
        Accuracies, sizes and costs, and nothing else of the run.
    """
    epoch = {
        epoch_accuracy.validation(delta): value
        for delta, value in record.get("validation_by_delta", {}).items()
    }
    epochs = record["epochs"]
    history = [dict(epoch, seconds=0) for _ in range(epochs)]
    history[0]["seconds"] = record["training_seconds"]
    return Outcome(
        row=row,
        seed=record["seed"],
        folder=Path(record["run"]),
        run={
            "kind": record.get("kind"),
            "network": record.get("network"),
            "dataset": record["dataset"],
        },
        metrics={
            "history": history,
            "best": {
                "epoch": record["best_epoch"] - 1,
                "score": record["validation"],
            },
        },
        report={
            "clips": record["test_clips"],
            "deltas": record["test"],
            **data,
        },
        file_bytes=record["file_bytes"],
        cost=record.get("cost"),
        kept=True,
    )


def outcomes(
    path: Path,
    experiment: Experiment,
    runner: Runner,
    budget: int | None,
    there: Iterable[tuple[str, int]],
) -> dict[tuple[str, int], Outcome]:
    """Returns what a JSON keeps of runs that are not in the runner's folder.

    Args:
        path: a results.json; nothing is kept if there is none, or if it does
            not say what its recordings are.
        experiment: the experiment that wrote it.
        runner: knows what is selected, and what each run would be called: a
            run of other flags or recordings has another name, and is not taken.
        budget: the epochs of every row that has none of its own.
        there: the rows and seeds whose runs are there.

    Returns:
        Outcomes by row and seed.

    Raises:
        UserError: The file is not what an experiment writes.
    """
    if not experiment.keeps or not path.is_file():
        return {}
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        data = saved.get("data")
        records = {(run["row"], run["seed"]): run for run in saved["runs"]}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path}, which keeps figures of earlier runs, is damaged: mend "
            "it, or move it away to write the page without them"
        ) from error
    if not data:
        return {}
    there = set(there)
    found = {}
    for row in runner.selection.of(experiment.rows):
        for seed in row.seeds:
            record = records.get((row.name, seed))
            if record is None or (row.name, seed) in there:
                continue
            training = runner.training(experiment.rows, row, seed, budget)
            if record["run"] == runner.path(training).name:
                found[row.name, seed] = outcome(record, row, data)
    return found
