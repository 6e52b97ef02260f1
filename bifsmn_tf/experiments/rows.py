"""Rows of a table, each with what it trains, and selections of them."""

import dataclasses
from collections.abc import Sequence

from bifsmn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        name: what ``--rows`` and the JSON call it.
        title: what the table calls it.
        flagfile: the file in ``configs/`` that says what it trains.
        flags: what differs from the flagfile.
        seeds: the seeds of its runs, one run each.
        teacher: the name of the row whose run of the same seed is the teacher.
        ensemble: the seeds of that row whose runs teach the logits together;
            by default the teacher alone does.
        command: the module that trains.
        converts: whether the run becomes a .tflite, which then is what is
            evaluated.
        report: the name of a report that training itself leaves in the run's
            folder; then nothing is converted or evaluated.
        stages: how many trainings, one after the other, share the row's epochs.
        own_epochs: whether it keeps the epochs of its flags, whatever the
            experiment's are.
        note: what a reader has to know of this row alone.
    """

    name: str
    title: str
    flagfile: str
    flags: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    teacher: str | None = None
    ensemble: tuple[int, ...] = ()
    command: str = "bifsmn_tf.train"
    converts: bool = True
    report: str | None = None
    stages: int = 1
    own_epochs: bool = False
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Selection:
    """A part of an experiment.

    Attributes:
        rows: the names of the rows; ``None`` for all.
        seeds: the seeds; ``None`` for all that a row has.
    """

    rows: list[str] | None = None
    seeds: list[int] | None = None

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """Returns those of these rows that are selected.

        Args:
            rows: the rows of an experiment.

        Raises:
            UserError: There is no such row, or none with such a seed.
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
