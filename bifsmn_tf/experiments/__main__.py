"""Runs an experiment and writes its page into results/.

    python -m bifsmn_tf.experiments --name=sc10 --data_dir=RECORDINGS

A stopped experiment goes on with the same command.
"""

from pathlib import Path

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments import precision
from bifsmn_tf.experiments import runner
from bifsmn_tf.experiments import sc10

_EXPERIMENTS = {module.NAME: module for module in (sc10, precision)}

_NAME = flags.DEFINE_enum(
    "name", None, sorted(_EXPERIMENTS), "Which experiment.", required=True
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "The recordings.", required=True
)
_RUNS = flags.DEFINE_string(
    "runs",
    None,
    "Folder for the runs; by default runs/sc10, which precision uses, too.",
)
_RESULTS = flags.DEFINE_string("results", "results", "Where the page goes.")
_JOBS = flags.DEFINE_integer(
    "jobs", 2, "Trainings at a time, one thread each.", lower_bound=1
)
_EXTRA = flags.DEFINE_multi_string(
    "train_flag",
    [],
    "A flag for every training, such as --train_flag=--epochs=2 to try it out.",
)


_ROWS = flags.DEFINE_list(
    "rows", None, "Only these rows of the table, such as dfsmn,bifsmn."
)

_SEEDS = flags.DEFINE_list(
    "seeds", None, "Only these seeds of each row, such as 0,1."
)


def _seeds() -> list[int] | None:
    if _SEEDS.value is None:
        return None
    wrong = [seed for seed in _SEEDS.value if not seed.isdigit()]
    if wrong:
        raise UserError(f"--seeds: {wrong[0]!r} is no number")
    return [int(seed) for seed in _SEEDS.value]


def main() -> None:
    """Runs what the flags say."""
    experiment = _EXPERIMENTS[_NAME.value]
    command = (
        f"python -m bifsmn_tf.experiments --name={_NAME.value} "
        "--data_dir=RECORDINGS"
    )
    for name, values in (("rows", _ROWS.value), ("seeds", _SEEDS.value)):
        if values:
            command += f" --{name}={','.join(values)}"
    command += "".join(f" --train_flag={flag}" for flag in _EXTRA.value)
    page = experiment.run(
        runner.Runner(
            Path(_RUNS.value or f"runs/{experiment.RUNS}").resolve(),
            str(Path(_DATA_DIR.value).resolve()),
            _JOBS.value,
            _EXTRA.value,
            runner.Selection(_ROWS.value, _seeds()),
        ),
        Path(_RESULTS.value),
        command,
    )
    print(f"results: {page}")


if __name__ == "__main__":
    cli.run(main)
