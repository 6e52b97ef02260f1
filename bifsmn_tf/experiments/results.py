"""The outcomes of an experiment, and what tables ask of them."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf.experiments.commands import Commands
from bifsmn_tf.experiments.rows import Row
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.experiments.runner import Runner
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.costs import Summary
from bifsmn_tf.network.costs import summarise

NOT_RUN = "*not run*"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is run for a page.

    Attributes:
        name: the name of the page, its folder and the command's ``--name``.
        title: the headline of the page.
        introduction: what is compared, and how.
        rows: what is trained; teachers come before their students.
        body: makes tables and pictures, as lines of Markdown.
        epochs: the epochs of every row that has none of its own; ``None`` for
            those of its flagfile.
        keeps: whether the body asks no more of a run than its JSON keeps, so
            that this may stand for runs that are gone (kept.py).
    """

    name: str
    title: str
    introduction: str
    rows: tuple[Row, ...]
    body: Callable[["Results"], list[str]]
    epochs: int | None = None
    keeps: bool = False


class Results:
    """The outcomes of an experiment and what tables ask of them.

    Args:
        experiment: the experiment that was run.
        runner: what ran it, for what a body makes of the runs.
        outcomes: the outcomes by row and seed.
        folder: the folder for pictures and JSON, with the experiment's name.
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
        cycles: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.experiment = experiment
        self.runner = runner
        self.outcomes = outcomes
        self.folder = folder
        self.cycles = cycles or {}
        self.rows = runner.selection.of(experiment.rows)
        self.figures: dict[str, Any] = {}

    @property
    def commands(self) -> Commands:
        """What calls commands on the runs."""
        return self.runner.commands

    @property
    def kept(self) -> list[tuple[Row, int]]:
        """The rows and seeds whose figures are of earlier calls."""
        return [(o.row, o.seed) for o in self.outcomes.values() if o.kept]

    @property
    def missing(self) -> list[tuple[Row, int]]:
        """The rows and seeds that were selected and are not there."""
        return [
            (row, seed)
            for row in self.rows
            for seed in row.seeds
            if (row.name, seed) not in self.outcomes
        ]

    def row(self, name: str) -> Row | None:
        """Returns a row; ``None`` if it is not selected."""
        return next((row for row in self.rows if row.name == name), None)

    def of(self, name: str) -> list[Outcome]:
        """Returns the outcomes of a row, by seed."""
        return [
            self.outcomes[key]
            for key in sorted(self.outcomes)
            if key[0] == name
        ]

    def deltas(self, name: str) -> list[str]:
        """Returns the depths of a row, as text; none if it was not run."""
        outcomes = self.of(name)
        return list(outcomes[0].report["deltas"]) if outcomes else []

    def accuracies(self, name: str, delta: str) -> dict[int, float]:
        """Returns the accuracy of a row at one depth in %, by seed."""
        return {
            outcome.seed: 100 * outcome.report["deltas"][delta]["accuracy"]
            for outcome in self.of(name)
            if delta in outcome.report["deltas"]
        }

    def accuracy(self, name: str, delta: str) -> str:
        """Returns the accuracy of a row at one depth as a cell of a table."""
        found = list(self.accuracies(name, delta).values())
        if not found:
            return NOT_RUN if not self.of(name) else ""
        if len(found) > 1:
            return f"**{np.mean(found):.2f}** ± {np.std(found, ddof=1):.2f}"
        low, high = self.of(name)[0].report["deltas"][delta]["interval"]
        return f"**{found[0]:.2f}** ({100 * low:.1f}-{100 * high:.1f})"

    def gap(self, name: str, delta: str, reference: str) -> str:
        """Returns how far below another row at δ = 1 a row is.

        Args:
            name: the row.
            delta: its depth.
            reference: the other row.

        Returns:
            Percentage points as a cell of a table, the mean over the seeds
            that both have.
        """
        own = self.accuracies(name, delta)
        theirs = self.accuracies(reference, "1")
        both = own.keys() & theirs.keys()
        if not both or name == reference:
            return ""
        return f"{np.mean([theirs[s] - own[s] for s in both]):.2f}"

    def summary(self, name: str) -> Summary | None:
        """Returns what a row's network costs, if it was run and is an FSMN."""
        for outcome in self.of(name):
            if outcome.run["kind"] == "fsmn" and outcome.run["network"]:
                config = NetworkConfig.from_dict(outcome.run["network"])
                return summarise(config)
        return None

    def cost(self, name: str) -> dict[str, Any] | None:
        """Returns what a row's network costs, if it is a baseline's."""
        return next((o.cost for o in self.of(name) if o.cost), None)

    def strict_cycles(self, model: str, delta: str) -> float | None:
        """Returns the modelled Cortex-A53 cycles, ``strict``, of a decision.

        Args:
            model: the network's name in the JSON, without its depth.
            delta: the depth.
        """
        several = self.cycles.get(model, {}).get("cycles", {}).get(delta)
        entry = several or self.cycles.get(f"{model} δ={delta}")
        if entry is None and delta == "1":
            entry = self.cycles.get(model)
        return entry.get("strict") if entry else None

    def picture(self, name: str, title: str) -> str:
        """Returns a reference to a picture in the experiment's folder."""
        return f"![{title}]({self.experiment.name}/{name})"
