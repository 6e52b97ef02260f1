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

OF_A_BODY = ("heard",)
"""What a body adds to the report of a run, for the run's record in the JSON."""


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
    tested = {
        "clips": record["test_clips"],
        "deltas": record["test"],
        **data,
    }
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
            **(tested if record["test"] else {}),
            **{key: record[key] for key in OF_A_BODY if key in record},
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
        path: a results.json; nothing is kept if there is none, and no run
            that was tested on clips of which it does not say what they are.
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
    if not experiment.keeps:
        return {}
    saved = _read(path)
    data = saved.get("data")
    there = set(there)
    called = _called(experiment, runner, budget)
    return {
        (row, seed): outcome(record, called[row, seed][0], data or {})
        for (row, seed), record in _records(saved).items()
        if (row, seed) in called
        and (row, seed) not in there
        and record["run"] == called[row, seed][1]
        and (data or not record["test"])
    }


def dropped(
    path: Path, experiment: Experiment, runner: Runner, budget: int | None
) -> list[tuple[str, int]]:
    """Returns the rows and seeds of a JSON that a call writes over.

    They are of other flags, epochs or recordings, or not selected.

    Args:
        path: see :func:`outcomes`.
        experiment: see there.
        runner: see there.
        budget: see there.

    Raises:
        UserError: The file is not what an experiment writes.
    """
    called = _called(experiment, runner, budget)
    return [
        key
        for key, record in _records(_read(path)).items()
        if key not in called or record["run"] != called[key][1]
    ]


def _read(path: Path) -> dict[str, Any]:
    """Reads a results.json; one without runs if there is none."""
    if not path.is_file():
        return {"runs": []}
    try:
        saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _records(saved)
        saved.get("data")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path}, which keeps figures of earlier runs, is damaged: mend "
            "it, or move it away to write the page without them"
        ) from error
    return saved


def _records(
    saved: Mapping[str, Any],
) -> dict[tuple[str, int], Mapping[str, Any]]:
    return {(run["row"], run["seed"]): run for run in saved["runs"]}


def _called(
    experiment: Experiment, runner: Runner, budget: int | None
) -> dict[tuple[str, int], tuple[Row, str]]:
    """Returns what each selected run is called, by row and seed."""
    return {
        (row.name, seed): (
            row,
            runner.path(
                runner.training(experiment.rows, row, seed, budget)
            ).name,
        )
        for row in runner.selection.of(experiment.rows)
        for seed in row.seeds
    }
