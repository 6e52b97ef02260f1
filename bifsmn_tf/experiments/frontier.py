"""How accurate a decision can be for so many cycles, or bytes.

First a search: short trainings of candidates, judged by validation alone, none
of which is ever evaluated on the test split. Then its winners, trained to the
end and evaluated as files.
"""

import dataclasses

from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import NOT_RUN
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Row

_SEARCH = "search_"

_TWO_BITS = "--two_bit_sites=conv2,projection"
_MEMORY_TOO = f"{_TWO_BITS},memory"
_STRONGER = "--gamma=0.1"
_PAPERS_FRONT = ("--front_outputs=32", "--front_skip=false")
# Not in the teacher's sizes, whose logits alone they can be distilled from.
_HALF = ("--memory_size=64", "--hidden_size=128", "--distillation=none")
_SHALLOW_FILE = "sc10_bifsmn_shallow.flags"
# The same in one bit, and of other widths.
_SHALLOW = ("--blocks=2", "--deltas=1", "--distillation=none")

_WIDE_FRONT = "front_outputs=48, front_skip=True"
_HALVES = "memory_size=64, hidden_size=128"
_TWO = "two_bit_sites=conv2+projection"
_SHALLOW_SIZES = "blocks=2, deltas=1"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A network and how it is trained.

    Attributes:
        title: what the table calls it.
        flags: what differs from the flagfile.
        network: what benchmarks/a53/configurations.py calls it.
        teachers: how many teach the logits together.
        flagfile: the file in ``configs/``.
    """

    title: str
    flags: tuple[str, ...]
    network: str
    teachers: int = 1
    flagfile: str = recipes.WIDE.flagfile


CANDIDATES = {
    "wide": Candidate(
        "one bit, wider front end", (), "front_skip=True, front_outputs=48"
    ),
    "gamma": Candidate(
        "the same with γ = 0.1",
        (_STRONGER,),
        "front_skip=True, front_outputs=48",
    ),
    "two_bits": Candidate(
        "γ = 0.1, two bits into second convolution and projection",
        (_STRONGER, _TWO_BITS),
        f"front_skip=True, front_outputs=48, {_TWO}",
    ),
    "narrow": Candidate(
        "the same with the paper's front end",
        (_STRONGER, _TWO_BITS, *_PAPERS_FRONT),
        _TWO,
    ),
    "half": Candidate(
        "one bit, the paper's front end, memory 64, hidden 128, logits "
        "distilled alone",
        (*_HALF, *_PAPERS_FRONT),
        _HALVES,
    ),
    "half_wide": Candidate(
        "the same with the wider front end", _HALF, f"{_HALVES}, {_WIDE_FRONT}"
    ),
    "shallow_one_bit": Candidate(
        "two blocks, one depth, one bit, wider front end, three teachers' "
        "logits",
        _SHALLOW,
        f"{_SHALLOW_SIZES}, {_WIDE_FRONT}",
        teachers=3,
    ),
    "shallow_one_teacher": Candidate(
        "two blocks, two bits into second convolution and projection, the "
        "paper's front end, one teacher's logits",
        (),
        f"{_SHALLOW_SIZES}, {_TWO}",
        flagfile=_SHALLOW_FILE,
    ),
    "shallow": Candidate(
        "two blocks, two bits into second convolution and projection, the "
        "paper's front end, three teachers' logits",
        (),
        f"{_SHALLOW_SIZES}, {_TWO}",
        teachers=3,
        flagfile=_SHALLOW_FILE,
    ),
    "shallow_memory": Candidate(
        "two blocks, two bits into second convolution, projection and "
        "memories, the paper's front end, three teachers' logits",
        (_MEMORY_TOO,),
        f"{_SHALLOW_SIZES}, {_TWO}+memory",
        teachers=3,
        flagfile=_SHALLOW_FILE,
    ),
    "shallow_wide": Candidate(
        "two blocks, two bits into second convolution, projection and "
        "memories, wider front end, three teachers' logits",
        (*_SHALLOW, _MEMORY_TOO),
        f"{_SHALLOW_SIZES}, {_WIDE_FRONT}, {_TWO}+memory",
        teachers=3,
    ),
    "shallow_64": Candidate(
        "two blocks, memory 64, hidden 128, one bit, the paper's front end, "
        "three teachers' logits",
        (*_SHALLOW, *_HALF[:2], *_PAPERS_FRONT),
        f"{_SHALLOW_SIZES}, {_HALVES}",
        teachers=3,
    ),
}
"""By name; what stands on the page as tried."""

# What of the search is trained to the end.
WINNERS = (
    *("two_bits", "half", "half_wide", "shallow_one_bit", "shallow"),
    *("shallow_wide", "shallow_64"),
)


def _row(candidate: str, name: str) -> Row:
    its = CANDIDATES[candidate]
    return dataclasses.replace(
        recipes.WIDE,
        name=name,
        title=its.title,
        flagfile=its.flagfile,
        flags=its.flags,
        ensemble=recipes.SEEDS[: its.teachers] if its.teachers > 1 else (),
    )


def _candidate(name: str) -> Row:
    # Its metrics are of the validation clips alone.
    row = _row(name, _SEARCH + name)
    return dataclasses.replace(row, seeds=(0,), report="metrics")


ROWS = (
    recipes.TEACHER,
    *(_candidate(name) for name in CANDIDATES),
    *(
        dataclasses.replace(_row(name, name), own_epochs=True)
        for name in WINNERS
    ),
)


def _cycles(results: Results, name: str, delta: str) -> str:
    cycles = results.strict_cycles(CANDIDATES[name].network, delta)
    return f"{cycles / 1000:.1f}" if cycles else ""


def _bytes(results: Results, name: str) -> str:
    found = results.cycles.get(CANDIDATES[name].network, {}).get("bytes")
    return f"{found:,}" if found else ""


def _search(results: Results) -> list[str]:
    lines = []
    for name, candidate in CANDIDATES.items():
        title = candidate.title
        outcomes = results.of(_SEARCH + name)
        if not outcomes:
            if results.row(_SEARCH + name):
                lines.append([title, "", NOT_RUN, "", _bytes(results, name)])
            continue
        metrics = outcomes[0].metrics
        best = metrics["history"][metrics["best"]["epoch"]]
        prefix = "val_accuracy_delta_"
        for key in (key for key in best if key.startswith(prefix)):
            delta = key.removeprefix(prefix)
            lines.append(
                [
                    title,
                    delta,
                    f"{100 * best[key]:.2f}",
                    _cycles(results, name, delta),
                    _bytes(results, name),
                ]
            )
    return [
        tables.markdown(
            (
                "candidate",
                "δ",
                "validation accuracy, %",
                "modelled A53 cycles, thousands",
                "bytes",
            ),
            lines,
        ),
        "",
    ]


def _winners(results: Results) -> list[str]:
    lines = [
        [
            CANDIDATES[name].title,
            delta,
            results.accuracy(name, delta),
            _cycles(results, name, delta),
            comparison.file_bytes(results, name, delta),
        ]
        for name in WINNERS
        if results.row(name)
        for delta in results.deltas(name) or ["1"]
    ]
    return [
        tables.markdown(
            (
                "network",
                "δ",
                "test accuracy, %",
                "modelled A53 cycles, thousands",
                "file, bytes",
            ),
            lines,
        ),
        "",
    ]


def _body(results: Results) -> list[str]:
    return [
        "## The search",
        "",
        *_search(results),
        "## Trained to the end",
        "",
        *_winners(results),
    ]


EXPERIMENT = Experiment(
    "frontier",
    "The frontier: accuracy against cycles",
    "Short trainings of candidates, one seed each, compared by their best "
    "validation accuracy (the mean of all depths chooses the epoch); they were "
    "not evaluated on the test split. Then what was chosen, with the epochs "
    "of its flagfile, as files on the test split. Cycles are modelled "
    "([architecture_cycles.md](architecture_cycles.md)).",
    ROWS,
    _body,
    20,
)
