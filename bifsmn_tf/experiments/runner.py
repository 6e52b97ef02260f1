"""Trains, converts and evaluates the rows of an experiment, resumably.

The folder of a run bears the name of what is trained, with a hash of flags,
seed, teacher and recordings, and not the name of a row: rows of several
experiments that need the same training share it.
"""

import concurrent.futures
import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from bifsmn_tf.data import clip_cache
from bifsmn_tf.errors import UserError

ROOT = Path(__file__).resolve().parents[2]

TRAIN = "bifsmn_tf.train"

_LONGEST_LABEL = 80

_MODEL = "model.tflite"


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: for ``--rows`` and in the JSON.
        title: in the table.
        flagfile: what it trains, in ``configs/``.
        flags: what differs from the flagfile.
        seeds: one run each.
        teacher: the row whose run of the same seed is the teacher.
        command: the module that trains.
        converts: into a .tflite, which then is what is evaluated.
        report: that training itself leaves in the run's folder, by its name;
            then nothing is converted or evaluated.
        stages: trainings one after the other that share the row's epochs.
        own_epochs: keeps the epochs of its flags, whatever the experiment's.
        note: what a reader has to know of this row alone.
    """

    name: str
    title: str
    flagfile: str
    flags: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    teacher: str | None = None
    command: str = TRAIN
    converts: bool = True
    report: str | None = None
    stages: int = 1
    own_epochs: bool = False
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Selection:
    """A part of an experiment.

    Attributes:
        rows: names; ``None`` for all.
        seeds: ``None`` for all that a row has.
    """

    rows: list[str] | None = None
    seeds: list[int] | None = None

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """Returns what of these rows is selected.

        Raises:
            UserError: there is no such row, or none with such a seed.
        """
        if not rows and not self.rows:
            return []
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


def settings(flags: Iterable[str]) -> dict[str, str]:
    """What flags say, by name: flagfiles are read, the last value counts.

    Args:
        flags: ``--name=value``, ``--name`` for true, or ``--flagfile=path``
            with a path below the project.

    Raises:
        UserError: a flag is in none of these forms.
    """
    found: dict[str, str] = {}
    for flag in flags:
        name, equals, value = flag.removeprefix("--").partition("=")
        if not flag.startswith("--") or (name.startswith("no") and not equals):
            raise UserError(f"{flag}: write it as --name=value")
        if name == "flagfile":
            lines = (ROOT / value).read_text(encoding="utf-8").splitlines()
            found |= settings(
                line.strip() for line in lines if line.startswith("--")
            )
        else:
            found[name] = value if equals else "true"
    return found


@dataclasses.dataclass(frozen=True)
class Training:
    """One training, which rows of several experiments may share.

    Attributes:
        command: the module that trains.
        flags: all that the outcome depends on but seed and teacher, in the
            order of the command line.
        seed: of the run.
        teacher: is complete before this one starts.
    """

    command: str
    flags: tuple[str, ...]
    seed: int
    teacher: "Training | None" = None

    @property
    def label(self) -> str:
        """The flagfile's name and what differs from it, for a folder."""
        base = settings(self.flags[:1])
        changed = [
            f"{name}-{value}"
            for name, value in sorted(settings(self.flags).items())
            if base.get(name) != value
        ]
        stem = Path(self.flags[0].partition("=")[2]).stem
        label = re.sub(r"[^\w.,-]", "-", "_".join([stem, *changed]))
        return label[:_LONGEST_LABEL]

    def identity(self) -> list:
        """All that the outcome depends on, but the recordings."""
        return [
            self.command,
            sorted(settings(self.flags).items()),
            self.seed,
            self.teacher and self.teacher.identity(),
        ]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one run gave.

    Attributes:
        row: it belongs to.
        seed: of the run.
        folder: of the run.
        run: its run.json.
        metrics: its metrics.json.
        report: of ``evaluate`` on the converted file, or on the run if the row
            does not convert.
        file_bytes: size of the file that was evaluated; ``None`` for Keras.
        cost: the run's cost.json, which baselines have.
    """

    row: Row
    seed: int
    folder: Path
    run: dict
    metrics: dict
    report: dict
    file_bytes: int | None
    cost: dict | None = None


class Runner:
    """Runs rows in processes of one thread each, several at a time.

    What is complete is not done again; a training that was stopped goes on.

    Args:
        folder: for the runs and their logs.
        data_dir: the recordings.
        jobs: processes at a time.
        extra: flags for every training, behind those of its row.
        selection: what to run; by default everything.
        cache_dir: for features; by default below ``folder``.
        collect: run nothing, take what is complete.
        again: convert and evaluate anew.
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
    ):
        self.selection = selection or Selection()
        self.folder = folder
        self.data_dir = data_dir
        self.cache_dir = cache_dir or str(folder / "cache")
        self.jobs = jobs
        self.extra = tuple(extra)
        self.collect = collect
        self.again = again
        self.failures: list[str] = []

    def run(
        self, rows: Sequence[Row], epochs: int | None = None
    ) -> dict[tuple[str, int], Outcome]:
        """Runs every selected seed of every selected row, teachers first.

        A run that fails does not stop the others; see ``failures``.

        Args:
            rows: of an experiment, teachers among them.
            epochs: of every row that has none of its own.

        Returns:
            The outcomes by row and seed; what failed, and what is not there
            yet when only collecting, is missing.

        Raises:
            UserError: there is nothing that was selected.
        """
        selected = self.selection.of(rows)
        tasks = {
            (row.name, seed): (row, self.training(rows, row, seed, epochs))
            for row in selected
            for seed in row.seeds
        }
        if not self.collect:
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
        """What a row trains with one seed, with its teacher's training."""
        flags = [f"--flagfile=configs/{row.flagfile}", *row.flags]
        if epochs is not None and not row.own_epochs:
            last = epochs // row.stages
            if row.stages > 1:
                flags.append(f"--first_stage_epochs={epochs - last}")
            flags.append(f"--epochs={last}")
        teacher = None
        if row.teacher:
            (its,) = (other for other in rows if other.name == row.teacher)
            teacher = self.training(rows, its, seed, epochs)
        return Training(row.command, (*flags, *self.extra), seed, teacher)

    def path(self, training: Training) -> Path:
        """The folder of a run."""
        text = json.dumps([training.identity(), self._recordings])
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return self.folder / f"{training.label}_seed{training.seed}_{digest}"

    @functools.cached_property
    def _recordings(self) -> str:
        """Tells recordings from others, wherever they lie."""
        if not Path(self.data_dir).is_dir():
            raise UserError(f"--data_dir: there is no folder {self.data_dir}")
        files = [file[:2] for file in clip_cache.listing(self.data_dir)]
        return hashlib.sha256(json.dumps(files).encode()).hexdigest()

    def complete(self, training: Training) -> bool:
        """Whether a training has been done."""
        metrics = _read(self.path(training) / "metrics.json")
        return bool(metrics and metrics["complete"])

    def _train(self, tasks: Sequence[tuple[Row, Training]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        print(f"logs: {self.folder}/*.log")
        # Seed by seed, so that a table fills early. No task waits for one
        # that has no thread yet, since teachers are submitted first.
        tasks = sorted(tasks, key=lambda task: task[1].seed)
        teachers = (task[1].teacher for task in tasks)
        rows: dict[Training, Row | None] = {t: None for t in teachers if t}
        rows |= {training: row for row, training in tasks}
        with (
            concurrent.futures.ThreadPoolExecutor(self.jobs) as pool,
            tqdm(total=len(rows), unit="run", dynamic_ncols=True) as bar,
        ):
            futures: dict[Training, concurrent.futures.Future] = {}
            for training, row in rows.items():
                teacher = training.teacher and futures[training.teacher]
                futures[training] = pool.submit(
                    self._one, training, row, teacher
                )
            try:
                for future in concurrent.futures.as_completed(futures.values()):
                    future.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, training: Training, row: Row | None, teacher) -> None:
        if teacher is not None:
            teacher.result()
        folder = self.path(training)
        with _alone(folder):
            wanted = row and row.report and folder / f"{row.report}.json"
            if not self.complete(training) or (wanted and not wanted.exists()):
                words = [
                    training.command,
                    *training.flags,
                    f"--seed={training.seed}",
                    f"--data_dir={self.data_dir}",
                    f"--run_dir={folder}",
                    f"--cache_dir={self.cache_dir}",
                    f"--threads={1 if self.jobs > 1 else 0}",
                ]
                if training.teacher:
                    words.append(f"--teacher={self.path(training.teacher)}")
                self.call(folder, *words)
            if row and not row.report and self.complete(training):
                if row.converts:
                    self.convert(folder, folder / _MODEL)
                self.evaluate(folder, *_evaluated(row, folder))

    def _outcome(self, row: Row, training: Training) -> Outcome | None:
        folder = self.path(training)
        model, name = _evaluated(row, folder)
        run, metrics, report = (
            _read(folder / f"{file}.json") for file in ("run", "metrics", name)
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
            file_bytes=report["bytes"] if row.report else size,
            cost=_read(folder / "cost.json"),
        )

    def convert(self, folder: Path, output: Path, *flags: str) -> None:
        """Converts a run, unless the file is there or only to be collected.

        Args:
            folder: of the run.
            output: the file to write.
            *flags: of ``convert``.
        """
        if not self._wanted(output):
            return
        words = [f"--model={folder}", f"--output={output}", *flags]
        self.call(folder, "bifsmn_tf.convert", *words)

    def evaluate(
        self, folder: Path, model: Path, name: str, *flags: str
    ) -> dict | None:
        """Evaluates a run or a file on the test split.

        Args:
            folder: of the run, for the log and the report.
            model: the run or the file.
            name: of the report.
            *flags: of ``evaluate``.

        Returns:
            The report; ``None`` if there is none.
        """
        return self.derive(
            folder,
            name,
            "bifsmn_tf.evaluate",
            f"--model={model}",
            f"--cache_dir={self.cache_dir}",
            *flags,
        )

    def derive(
        self, folder: Path, name: str, module: str, *flags: str
    ) -> dict | None:
        """Runs a module that makes JSON of a run, unless it is there.

        Args:
            folder: of the run, for the log and the JSON.
            name: of the JSON.
            module: a command that takes ``--data_dir`` and ``--json``.
            *flags: others of the command.

        Returns:
            What the JSON holds; ``None`` if there is none.
        """
        path = folder / f"{name}.json"
        if self._wanted(path):
            words = [*flags, f"--data_dir={self.data_dir}", f"--json={path}"]
            self.call(folder, module, *words)
        return _read(path)

    def _wanted(self, path: Path) -> bool:
        if self.collect:
            return False
        if self.again:
            path.unlink(missing_ok=True)
        return not path.exists()

    def call(self, folder: Path, module: str, *flags: str) -> None:
        """Runs a command of the package; a failure goes to ``failures``.

        Args:
            folder: of the run; its log lies beside it.
            module: the command.
            *flags: of the command.
        """
        log = folder.with_name(folder.name + ".log")
        with open(log, "a") as out:
            out.write(f"$ python -m {' '.join([module, *flags])}\n")
            out.flush()
            done = subprocess.run(
                [sys.executable, "-m", module, *flags],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
            )
        if done.returncode:
            self.failures.append(f"python -m {module} failed: see {log}")


def _evaluated(row: Row, folder: Path) -> tuple[Path, str]:
    """What of a row's run is evaluated, and the name of the report."""
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


def _read(path: Path) -> dict | None:
    """JSON, or ``None`` where there is none or only a part of it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
