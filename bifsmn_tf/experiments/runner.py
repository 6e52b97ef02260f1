"""Trains, converts and evaluates the rows of an experiment, resumably."""

import concurrent.futures
import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bifsmn_tf.data import clip_cache
from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments.commands import Commands
from bifsmn_tf.experiments.commands import read_json
from bifsmn_tf.experiments.rows import Row
from bifsmn_tf.experiments.rows import Selection
from bifsmn_tf.experiments.trainings import Training

_MODEL = "model.tflite"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one run gave.

    Attributes:
        row: the row that it belongs to.
        seed: the seed of the run.
        folder: the folder of the run.
        run: what its run.json holds.
        metrics: what its metrics.json holds.
        report: what ``evaluate`` says of the converted file, or of the run if
            the row does not convert.
        file_bytes: the size of the file that was evaluated; ``None`` for Keras.
        cost: what its cost.json holds, which baselines have.
        kept: whether it is from the JSON of a page (kept.py), which holds
            less: no folder, no confusions.
    """

    row: Row
    seed: int
    folder: Path
    run: dict[str, Any]
    metrics: dict[str, Any]
    report: dict[str, Any]
    file_bytes: int | None
    cost: dict[str, Any] | None = None
    kept: bool = False


class Runner:
    """Runs rows in processes of one thread each, several at a time.

    What is complete is not done again; a training that was stopped goes on.

    Args:
        folder: the folder for the runs and their logs.
        data_dir: the folder with the recordings.
        jobs: how many processes run at a time.
        extra: flags for every training, behind those of its row.
        selection: what to run; by default everything.
        cache_dir: the folder for features; by default below ``folder``.
        collect: run nothing, take what is complete.
        again: convert and evaluate anew.
        places: what stands for folders in the flags of rows, and the folders.

    Attributes:
        commands: what calls the commands that train, convert and evaluate.
    """

    def __init__(
        self,
        folder: Path,
        data_dir: str,
        jobs: int = 1,
        extra: Sequence[str] = (),
        selection: Selection | None = None,
        cache_dir: str | None = None,
        collect: bool = False,
        again: bool = False,
        places: Mapping[str, str] | None = None,
    ) -> None:
        self.selection = selection or Selection()
        self.folder = folder
        self.jobs = jobs
        self.extra = tuple(extra)
        self.places = dict(places or {})
        self.commands = Commands(
            data_dir, cache_dir or str(folder / "cache"), collect, again
        )

    def run(
        self, rows: Sequence[Row], epochs: int | None = None
    ) -> dict[tuple[str, int], Outcome]:
        """Runs every selected seed of every selected row, teachers first.

        A run that fails does not stop the others; see the commands' failures.

        Args:
            rows: the rows of an experiment, teachers among them.
            epochs: the epochs of every row that has none of its own.

        Returns:
            The outcomes by row and seed; what failed, and what is not there
            yet when only collecting, is missing.

        Raises:
            UserError: There is nothing that was selected.
        """
        selected = self.selection.of(rows)
        tasks = {
            (row.name, seed): (row, self.training(rows, row, seed, epochs))
            for row in selected
            for seed in row.seeds
        }
        if not self.commands.collect:
            self._train(list(tasks.values()))
        outcomes = {}
        for key, (row, training) in tasks.items():
            outcome = self._outcome(row, training)
            if outcome is not None:
                outcomes[key] = outcome
        return outcomes

    def training(
        self, rows: Sequence[Row], row: Row, seed: int, epochs: int | None
    ) -> Training:
        """Returns what a row trains with one seed, with its teacher's training.

        Args:
            rows: the rows of an experiment, the row's teacher among them.
            row: one of them.
            seed: the seed of the run.
            epochs: the epochs of every row that has none of its own.
        """
        flags = [f"--flagfile=configs/{row.flagfile}", *row.flags]
        if epochs is not None and not row.own_epochs:
            last = epochs // row.stages
            if row.stages > 1:
                flags.append(f"--first_stage_epochs={epochs - last}")
            flags.append(f"--epochs={last}")
        teacher, more = None, []
        if row.teacher:
            (its,) = (other for other in rows if other.name == row.teacher)
            teacher = self.training(rows, its, seed, epochs)
            more = [
                self.training(rows, its, another, epochs)
                for another in row.ensemble
                if another != seed
            ]
        return Training(
            row.command, (*flags, *self.extra), seed, teacher, tuple(more)
        )

    def path(self, training: Training) -> Path:
        """Returns the folder of a run."""
        text = json.dumps([training.identity(), self._recordings])
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return self.folder / f"{training.label}_seed{training.seed}_{digest}"

    def _placed(self, flag: str) -> str:
        """Returns a flag with folders where words stand for them."""
        name, equals, value = flag.partition("=")
        parts = [self.places.get(part, part) for part in value.split(",")]
        return f"{name}{equals}{','.join(parts)}"

    @functools.cached_property
    def _recordings(self) -> str:
        """Tells recordings from others, wherever they lie."""
        data_dir = self.commands.data_dir
        if not Path(data_dir).is_dir():
            raise UserError(f"data_dir: there is no folder {data_dir}")
        files = [file[:2] for file in clip_cache.listing(data_dir)]
        return hashlib.sha256(json.dumps(files).encode()).hexdigest()

    def complete(self, training: Training) -> bool:
        """Returns whether a training has been done."""
        metrics = read_json(self.path(training) / "metrics.json")
        return bool(metrics and metrics["complete"])

    def _train(self, tasks: Sequence[tuple[Row, Training]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        print(f"logs: {self.folder}/*.log")
        # Seed by seed, so that a table fills early. No task waits for one
        # that has no thread yet, since teachers are submitted first.
        tasks = sorted(tasks, key=lambda task: task[1].seed)
        rows: dict[Training, Row | None] = {
            teacher: None for task in tasks for teacher in task[1].teachers
        }
        rows |= {training: row for row, training in tasks}
        with (
            concurrent.futures.ThreadPoolExecutor(self.jobs) as pool,
            tqdm(
                total=len(rows), unit="run", dynamic_ncols=True, disable=None
            ) as bar,
        ):
            futures: dict[Training, concurrent.futures.Future[None]] = {}
            for training, row in rows.items():
                before = [futures[teacher] for teacher in training.teachers]
                futures[training] = pool.submit(
                    self._one, training, row, before
                )
            try:
                for future in concurrent.futures.as_completed(futures.values()):
                    future.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(
        self,
        training: Training,
        row: Row | None,
        before: Sequence[concurrent.futures.Future[None]],
    ) -> None:
        for teacher in before:
            teacher.result()
        folder = self.path(training)
        with _alone(folder):
            wanted = row and row.report and folder / f"{row.report}.json"
            if not self.complete(training) or (wanted and not wanted.exists()):
                words = [
                    training.command,
                    *map(self._placed, training.flags),
                    f"--seed={training.seed}",
                    f"--data_dir={self.commands.data_dir}",
                    f"--run_dir={folder}",
                    f"--cache_dir={self.commands.cache_dir}",
                    f"--threads={1 if self.jobs > 1 else 0}",
                ]
                if training.teacher:
                    words.append(f"--teacher={self.path(training.teacher)}")
                if training.more_teachers:
                    folders = map(str, map(self.path, training.more_teachers))
                    words.append(f"--more_teachers={','.join(folders)}")
                self.commands.call(folder, *words)
            if row and not row.report and self.complete(training):
                if row.converts:
                    self.commands.convert(folder, folder / _MODEL)
                self.commands.evaluate(folder, *_evaluated(row, folder))

    def _outcome(self, row: Row, training: Training) -> Outcome | None:
        folder = self.path(training)
        model, name = _evaluated(row, folder)
        run, metrics, report = (
            read_json(folder / f"{file}.json")
            for file in ("run", "metrics", name)
        )
        if not (run and metrics and metrics["complete"] and report):
            return None
        if not model.exists():
            return None
        size = model.stat().st_size if row.converts else None
        return Outcome(
            row=row,
            seed=training.seed,
            folder=folder,
            run=run,
            metrics=metrics,
            report=report,
            file_bytes=report.get("bytes") if row.report else size,
            cost=read_json(folder / "cost.json"),
        )


def _evaluated(row: Row, folder: Path) -> tuple[Path, str]:
    """Returns what of a row's run is evaluated, and the name of the report."""
    if row.report:
        return folder, row.report
    if row.converts:
        return folder / _MODEL, "test_tflite"
    return folder, "test_keras"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other experiment trains the same run."""
    with open(folder.with_name(folder.name + ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
