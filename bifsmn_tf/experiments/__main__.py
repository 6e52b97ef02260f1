"""Runs an experiment and writes its page into results/.

    python -m bifsmn_tf.experiments --name=table1 --data_dir=RECORDINGS

A stopped experiment goes on with the same command; experiments share the runs
that they have in common. --collect writes the page from what is there. Where
frontier, sc12, table1, table2 and wake_word find no run, but its figures in the
results.json of their page, those stay on it, and the page lists them; flags or
recordings that differ are another run.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments import checkout
from bifsmn_tf.experiments import kept
from bifsmn_tf.experiments import pages
from bifsmn_tf.experiments import wake_word
from bifsmn_tf.experiments.catalogue import EXPERIMENTS
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Selection
from bifsmn_tf.experiments.runner import Runner

_NAME = flags.DEFINE_enum(
    "name", None, list(EXPERIMENTS), "The experiment to run.", required=True
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "The folder with the recordings.", required=True
)
_WAKE_DIR = flags.DEFINE_string(
    "wake_dir",
    None,
    "For wake_word, the folder with reading, order, computer and alexa: "
    "recordings of people.",
)
_RUNS = flags.DEFINE_string(
    "runs", "runs/experiments", "The folder for the runs of all experiments."
)
_CACHE_DIR = flags.DEFINE_string(
    "cache_dir", None, "The folder for features; by default RUNS/cache."
)
_RESULTS = flags.DEFINE_string("results", "results", "The folder for the page.")
_JOBS = flags.DEFINE_integer(
    "jobs",
    2,
    "How many trainings run at a time, of one thread each.",
    lower_bound=1,
)
_EPOCHS = flags.DEFINE_integer(
    "epochs",
    None,
    "The epochs of every row that has none of its own, unlike the teacher; by "
    "default the experiment's.",
    lower_bound=1,
)
_EXTRA = flags.DEFINE_multi_string(
    "train_flag",
    [],
    "A flag for every training, the teachers' too, such as "
    "--train_flag=--epochs=2 to try it out, or --train_flag=--dataset=folder.",
)
_ROWS = flags.DEFINE_list(
    "rows",
    None,
    "The rows of the table to run, such as dfsmn,bifsmn_hed; by default all.",
)
_SEEDS = flags.DEFINE_list(
    "seeds", None, "The seeds of each row to run, such as 0,1; by default all."
)
_COLLECT = flags.DEFINE_bool(
    "collect",
    False,
    "Whether to run nothing and write the page from what is complete.",
)
_AGAIN = flags.DEFINE_bool(
    "again",
    False,
    "Whether to convert and evaluate anew what has been trained.",
)
_CYCLES = flags.DEFINE_list(
    "cycles",
    [
        "results/benchmark/a53_cycles.json",
        "results/architecture_cycles.json",
        "results/pareto/a53_cycles.json",
    ],
    "JSON files of modelled Cortex-A53 cycles by name; of these, those are "
    "read that exist.",
)


def _cycles() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path in map(Path, _CYCLES.value):
        if path.is_file():
            found |= json.loads(path.read_text(encoding="utf-8"))
    return found


def _seeds() -> list[int] | None:
    if _SEEDS.value is None:
        return None
    wrong = [seed for seed in _SEEDS.value if not seed.isdigit()]
    if wrong:
        raise UserError(f"--seeds: {wrong[0]!r} is no number")
    return [int(seed) for seed in _SEEDS.value]


def _command() -> str:
    """Returns the command as the page says it: what changes the figures."""
    words = [
        f"python -m bifsmn_tf.experiments --name={_NAME.value}",
        "--data_dir=RECORDINGS",
    ]
    if _WAKE_DIR.value:
        words.append("--wake_dir=PEOPLE")
    for name, values in (("rows", _ROWS.value), ("seeds", _SEEDS.value)):
        if values:
            words.append(f"--{name}={','.join(values)}")
    if _EPOCHS.value:
        words.append(f"--epochs={_EPOCHS.value}")
    words += [f"--train_flag={flag}" for flag in _EXTRA.value]
    return " ".join(words)


def _listed(runs: Sequence[tuple[str, int]]) -> str:
    """Names rows with their seeds."""
    names = dict.fromkeys(name for name, _ in runs)
    return "; ".join(
        f"{name}, seed {', '.join(str(s) for row, s in runs if row == name)}"
        for name in names
    )


def main() -> None:
    """Runs what the flags say."""
    checkout.check()
    if _COLLECT.value and _AGAIN.value:
        raise UserError("--collect runs nothing: leave out --again")
    experiment = EXPERIMENTS[_NAME.value]
    data_dir = Path(_DATA_DIR.value).resolve()
    runs = Path(_RUNS.value).resolve()
    if _NAME.value == "wake_word" and _WAKE_DIR.value is None:
        raise UserError("wake_word needs --wake_dir")
    places = wake_word.places(
        data_dir,
        Path(_WAKE_DIR.value).resolve() if _WAKE_DIR.value else None,
        runs / "wake_word",
    )
    runner = Runner(
        runs,
        str(data_dir),
        jobs=_JOBS.value,
        extra=_EXTRA.value,
        selection=Selection(_ROWS.value, _seeds()),
        cache_dir=_CACHE_DIR.value and str(Path(_CACHE_DIR.value).resolve()),
        collect=_COLLECT.value,
        again=_AGAIN.value,
        places=places,
    )
    budget = _EPOCHS.value or experiment.epochs
    folder = Path(_RESULTS.value)
    written = folder / experiment.name / "results.json"
    if gone := kept.dropped(written, experiment, runner, budget):
        print(
            f"note: {folder / experiment.name}.md will be without "
            f"{len(gone)} figures that it has, which are not selected or of "
            f"other flags, epochs or recordings: {_listed(gone)}. "
            "--results=FOLDER writes elsewhere.",
            file=sys.stderr,
        )
    outcomes = runner.run(experiment.rows, budget)
    outcomes |= kept.outcomes(written, experiment, runner, budget, outcomes)
    results = Results(
        experiment, runner, outcomes, folder / experiment.name, _cycles()
    )
    page = folder / f"{experiment.name}.md"
    pages.write(results, page, _command(), budget)
    print(f"results: {page}")
    for row, seed in results.kept:
        print(f"kept from an earlier call: {row.name}, seed {seed}")
    for row, seed in results.missing:
        training = runner.training(experiment.rows, row, seed, budget)
        print(f"not run: {row.name}, seed {seed}: {runner.path(training)}")
    if runner.commands.failures:
        raise UserError("; ".join(runner.commands.failures))


if __name__ == "__main__":
    cli.run(main)
