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
_STRONGER = "--gamma=0.1"
_PAPERS_FRONT = ("--front_outputs=32", "--front_skip=false")
# Half as wide as the teacher, whose logits alone it can be distilled from.
_HALF = ("--memory_size=64", "--hidden_size=128", "--distillation=none")

CANDIDATES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "wide": (
        "one bit, wider front end",
        (),
        "front_skip=True, front_outputs=48",
    ),
    "gamma": (
        "the same with γ = 0.1",
        (_STRONGER,),
        "front_skip=True, front_outputs=48",
    ),
    "two_bits": (
        "γ = 0.1, two bits into second convolution and projection",
        (_STRONGER, _TWO_BITS),
        "front_skip=True, front_outputs=48, two_bit_sites=conv2+projection",
    ),
    "narrow": (
        "the same with the paper's front end",
        (_STRONGER, _TWO_BITS, *_PAPERS_FRONT),
        "two_bit_sites=conv2+projection",
    ),
    "half": (
        "one bit, the paper's front end, memory 64, hidden 128, logits "
        "distilled alone",
        (*_HALF, *_PAPERS_FRONT),
        "memory_size=64, hidden_size=128",
    ),
    "half_wide": (
        "the same with the wider front end",
        _HALF,
        "memory_size=64, hidden_size=128, front_outputs=48, front_skip=True",
    ),
}
"""Title, flags, and what benchmarks/a53/configurations.py calls the network."""

# What of the search is trained to the end.
_WINNERS = ("two_bits", "half", "half_wide")


def _row(candidate: str, name: str) -> Row:
    title, flags, _ = CANDIDATES[candidate]
    return dataclasses.replace(
        recipes.WIDE, name=name, title=title, flags=flags
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
        for name in _WINNERS
    ),
)


def _cycles(results: Results, name: str, delta: str) -> str:
    cycles = results.strict_cycles(CANDIDATES[name][2], delta)
    return f"{cycles / 1000:.1f}" if cycles else ""


def _bytes(results: Results, name: str) -> str:
    found = results.cycles.get(CANDIDATES[name][2], {}).get("bytes")
    return f"{found:,}" if found else ""


def _search(results: Results) -> list[str]:
    lines = []
    for name, (title, _, _) in CANDIDATES.items():
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
            CANDIDATES[name][0],
            delta,
            results.accuracy(name, delta),
            _cycles(results, name, delta),
            comparison.file_bytes(results, name, delta),
        ]
        for name in _WINNERS
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
