"""Trains, converts and evaluates the rows of an experiment, resumably."""

import concurrent.futures
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from bifsmn_tf.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: of the row and of its runs' folders.
        flagfile: what it trains, in ``configs/``.
        seeds: one run each.
        teacher: the row whose run of the same seed is the teacher.
    """

    name: str
    flagfile: str
    seeds: tuple[int, ...] = (0,)
    teacher: str | None = None


@dataclasses.dataclass(frozen=True)
class Selection:
    """A part of an experiment.

    Attributes:
        rows: names; ``None`` for all.
        seeds: ``None`` for all that a row has.
    """

    rows: list[str] | None = None
    seeds: list[int] | None = None

    def of(self, rows: list[Row]) -> list[Row]:
        """Returns what of these rows is selected.

        Raises:
            UserError: there is no such row, or none with such a seed.
        """
        names = [row.name for row in rows]
        for name in self.rows or ():
            if name not in names:
                raise UserError(
                    f"there is no row {name}: one of {', '.join(names)}"
                )
        selected = []
        for row in rows:
            seeds = tuple(
                seed
                for seed in row.seeds
                if self.seeds is None or seed in self.seeds
            )
            if seeds and (self.rows is None or row.name in self.rows):
                selected.append(dataclasses.replace(row, seeds=seeds))
        if not selected:
            raise UserError(f"no row has one of the seeds {self.seeds}")
        return selected


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one run gave.

    Attributes:
        row: it belongs to.
        seed: of the run.
        folder: of the run.
        run: its run.json.
        metrics: its metrics.json.
        keras: the report of ``evaluate --integers`` on the run.
        tflite: the report of ``evaluate`` on the converted file.
        file_bytes: size of the converted file.
    """

    row: Row
    seed: int
    folder: Path
    run: dict
    metrics: dict
    keras: dict
    tflite: dict
    file_bytes: int


class Runner:
    """Runs rows in processes of one thread each, several at a time.

    What is complete is not done again; a training that was stopped goes on.

    Args:
        folder: for the runs and their logs.
        data_dir: the recordings.
        jobs: processes at a time.
        extra: flags for every training, behind those of its flagfile.
        selection: what to run; by default everything.
    """

    def __init__(
        self,
        folder: Path,
        data_dir: str,
        jobs: int,
        extra: list[str],
        selection: Selection | None = None,
    ):
        self.selection = selection or Selection()
        self.folder = folder
        self.data_dir = data_dir
        self.jobs = jobs
        self.extra = extra

    def run(self, rows: list[Row]) -> list[Outcome]:
        """Runs every seed of every row; teachers come before their students.

        Raises:
            UserError: a step failed; its log is named. Or there is nothing that
                was selected.
        """
        rows = self.selection.of(rows)
        self.folder.mkdir(parents=True, exist_ok=True)
        tasks = [(row, seed) for row in rows for seed in row.seeds]
        print(f"logs: {self.folder}/*.log")
        with (
            concurrent.futures.ThreadPoolExecutor(self.jobs) as pool,
            tqdm(total=len(tasks), unit="run", dynamic_ncols=True) as bar,
        ):
            futures: dict = {}
            for row, seed in tasks:
                teacher = futures.get((row.teacher, seed))
                futures[row.name, seed] = pool.submit(
                    self._one, row, seed, teacher
                )
            for future in concurrent.futures.as_completed(futures.values()):
                error = future.exception()
                if error is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise error
                bar.update()
            return [futures[row.name, seed].result() for row, seed in tasks]

    def path(self, name: str, seed: int) -> Path:
        """The folder of a run."""
        return self.folder / f"{name}_seed{seed}"

    def training_flags(self, row: Row, seed: int) -> list[str]:
        """What a run is trained with, beside folders."""
        flags = [f"--flagfile=configs/{row.flagfile}", f"--seed={seed}"]
        return [*flags, *self.extra]

    def _one(self, row: Row, seed: int, teacher) -> Outcome:
        if teacher is not None:
            # Teachers are submitted first, so this never waits for a task
            # that waits for a thread.
            teacher.result()
        folder = self.path(row.name, seed)
        command = [
            "bifsmn_tf.train",
            *self.training_flags(row, seed),
            f"--data_dir={self.data_dir}",
            f"--run_dir={folder}",
            f"--cache_dir={self.folder / 'cache'}",
            f"--threads={1 if self.jobs > 1 else 0}",
        ]
        if row.teacher:
            command.append(f"--teacher={self.path(row.teacher, seed)}")
        self._command(folder, command)
        model = folder / "model.tflite"
        self.convert(folder, model)
        keras = self.evaluate(folder, folder, "test_keras", "--integers")
        tflite = self.evaluate(folder, model, "test_tflite")
        return Outcome(
            row=row,
            seed=seed,
            folder=folder,
            run=json.loads((folder / "run.json").read_text()),
            metrics=json.loads((folder / "metrics.json").read_text()),
            file_bytes=model.stat().st_size,
            keras=keras,
            tflite=tflite,
        )

    def convert(self, folder: Path, output: Path, *flags: str) -> None:
        """Converts a run.

        Args:
            folder: of the run.
            output: the file to write.
            *flags: of ``convert``.

        Raises:
            UserError: it failed; its log is named.
        """
        words = [f"--model={folder}", f"--output={output}", *flags]
        self._command(folder, ["bifsmn_tf.convert", *words])

    def evaluate(
        self, folder: Path, model: Path, name: str, *flags: str
    ) -> dict:
        """Evaluates a run or a file on the test split.

        Args:
            folder: of the run, for the log and the report.
            model: the run or the file.
            name: of the report.
            *flags: of ``evaluate``.

        Returns:
            The report.

        Raises:
            UserError: it failed; its log is named.
        """
        report = folder / f"{name}.json"
        words = [
            f"--model={model}",
            f"--data_dir={self.data_dir}",
            f"--json={report}",
            *flags,
        ]
        self._command(folder, ["bifsmn_tf.evaluate", *words])
        return json.loads(report.read_text())

    def _command(self, folder: Path, words: list[str]) -> None:
        log = folder.with_suffix(".log")
        with open(log, "a") as out:
            out.write(f"$ python -m {' '.join(words)}\n")
            out.flush()
            done = subprocess.run(
                [sys.executable, "-m", *words],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
            )
        if done.returncode:
            raise UserError(f"python -m {words[0]} failed: see {log}")
