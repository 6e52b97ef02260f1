"""How accurate a decision can be for so many cycles, or bytes.

First a search: short trainings of candidates, judged by validation alone, none
of which is ever evaluated on the test split. Then its winners, trained to the
end and evaluated as files.
"""

import dataclasses
from typing import Any

from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments import trade_offs
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
_EVERY = ("conv2", "projection", "memory", "expand", "shrink")
_NUMBERS = {2: "two", 3: "three", 4: "four", 8: "eight"}


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


def _one_depth(
    what: str,
    *flags: str,
    blocks: int = 2,
    sizes: str = "",
    int8: tuple[str, ...] = (),
    two_bits: tuple[str, ...] = (),
) -> Candidate:
    """Returns a network of one depth that has more bits in these places."""
    network = [f"blocks={blocks}, deltas=1", *([sizes] if sizes else [])]
    sites = []
    for name, layers in (("int8_sites", int8), ("two_bit_sites", two_bits)):
        if layers:
            sites.append(f"--{name}={','.join(layers)}")
            network.append(f"{name}={'+'.join(layers)}")
    return Candidate(
        f"{_NUMBERS[blocks]} blocks, {what}, three teachers' logits",
        (f"--blocks={blocks}", *_SHALLOW[1:], *flags, *sites),
        ", ".join(network),
        teachers=3,
    )


def _levels(what: str, *flags: str, **settings: Any) -> Candidate:
    """Returns a network whose activations have one bit and two."""
    return _one_depth(f"two bits into {what}", *flags, **settings)


def _mixed(what: str, *flags: str, **settings: Any) -> Candidate:
    """Returns a network whose projection has 8 bits."""
    return _one_depth(
        f"projection in 8 bits, {what}",
        *flags,
        int8=("projection",),
        **settings,
    )


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
    "shallow_channels": Candidate(
        "two blocks, two bits into second convolution and projection, 32 + 32 "
        "channels in front, three teachers' logits",
        ("--front_channels=32",),
        f"{_SHALLOW_SIZES}, front_channels=32, {_TWO}",
        teachers=3,
        flagfile=_SHALLOW_FILE,
    ),
    "shallow_int8_conv2": _one_depth(
        "second convolution in 8 bits, the paper's front end",
        *_PAPERS_FRONT,
        int8=("conv2",),
    ),
    "shallow_int8": _one_depth(
        "second convolution and projection in 8 bits, the paper's front end",
        *_PAPERS_FRONT,
        int8=("conv2", "projection"),
    ),
    "shallow_int8_memory": _one_depth(
        "second convolution and projection in 8 bits, two bits into memories, "
        "the paper's front end",
        *_PAPERS_FRONT,
        int8=("conv2", "projection"),
        two_bits=("memory",),
    ),
    "three_int8_memory": _one_depth(
        "second convolution and projection in 8 bits, two bits into memories, "
        "the paper's front end",
        *_PAPERS_FRONT,
        blocks=3,
        int8=("conv2", "projection"),
        two_bits=("memory",),
    ),
    "shallow_every": _levels(
        "every layer, wider front end",
        sizes=_WIDE_FRONT,
        two_bits=_EVERY,
    ),
    "three_every": _levels(
        "every layer, wider front end",
        blocks=3,
        sizes=_WIDE_FRONT,
        two_bits=_EVERY,
    ),
    "mixed_one": _mixed("the paper's front end", *_PAPERS_FRONT),
    "mixed_one_memory": _mixed(
        "two bits into memories, the paper's front end",
        *_PAPERS_FRONT,
        two_bits=("memory",),
    ),
    "mixed_conv2": _mixed(
        "two bits into second convolution, the paper's front end",
        *_PAPERS_FRONT,
        two_bits=("conv2",),
    ),
    "mixed": _mixed(
        "two bits into second convolution and memories, the paper's front end",
        *_PAPERS_FRONT,
        two_bits=("conv2", "memory"),
    ),
    "mixed_four": _mixed(
        "two bits into second convolution and memories, the paper's front end",
        *_PAPERS_FRONT,
        blocks=4,
        two_bits=("conv2", "memory"),
    ),
    "mixed_eight": _mixed(
        "two bits into second convolution and memories, the paper's front end",
        *_PAPERS_FRONT,
        blocks=8,
        two_bits=("conv2", "memory"),
    ),
    "mixed_every": _mixed(
        "two bits into every other layer, the paper's front end",
        *_PAPERS_FRONT,
        two_bits=("conv2", "memory", "expand", "shrink"),
    ),
    "mixed_48": _mixed(
        "two bits into second convolution and memories, 48 channels behind "
        "the second convolution",
        "--front_skip=false",
        sizes="front_outputs=48",
        two_bits=("conv2", "memory"),
    ),
    "mixed_wide": _mixed(
        "two bits into second convolution, wider front end",
        sizes=_WIDE_FRONT,
        two_bits=("conv2",),
    ),
    "mixed_wide_memory": _mixed(
        "two bits into second convolution and memories, wider front end",
        sizes=_WIDE_FRONT,
        two_bits=("conv2", "memory"),
    ),
    "mixed_wide_every": _mixed(
        "two bits into every other layer, wider front end",
        sizes=_WIDE_FRONT,
        two_bits=("conv2", "memory", "expand", "shrink"),
    ),
    "half_mixed": _mixed(
        "memory 64, hidden 128, the paper's front end",
        *(*_HALF[:2], *_PAPERS_FRONT),
        sizes=_HALVES,
    ),
    "half_mixed_conv2": _mixed(
        "two bits into second convolution, memory 64, hidden 128, the paper's "
        "front end",
        *(*_HALF[:2], *_PAPERS_FRONT),
        sizes=_HALVES,
        two_bits=("conv2",),
    ),
    "half_mixed_every": _mixed(
        "two bits into every other layer, memory 64, hidden 128, the paper's "
        "front end",
        *(*_HALF[:2], *_PAPERS_FRONT),
        sizes=_HALVES,
        two_bits=("conv2", "memory", "expand", "shrink"),
    ),
    "half_mixed_16": _mixed(
        "memory 64, hidden 128, 16 channels behind the second convolution",
        *(*_HALF[:2], "--front_outputs=16", "--front_skip=false"),
        sizes=f"{_HALVES}, front_outputs=16",
    ),
    "half_levels": _levels(
        "projection and memories, memory 64, hidden 128, the paper's front end",
        *(*_HALF[:2], *_PAPERS_FRONT),
        sizes=_HALVES,
        two_bits=("projection", "memory"),
    ),
    "half_levels_wide": _levels(
        "projection and memories, memory 64, hidden 128, wider front end",
        *_HALF[:2],
        sizes=f"{_HALVES}, {_WIDE_FRONT}",
        two_bits=("projection", "memory"),
    ),
    "half_levels_every": _levels(
        "every layer, memory 64, hidden 128, the paper's front end",
        *(*_HALF[:2], *_PAPERS_FRONT),
        sizes=_HALVES,
        two_bits=_EVERY,
    ),
    "levels": _levels(
        "projection and memories, the paper's front end",
        *_PAPERS_FRONT,
        two_bits=("projection", "memory"),
    ),
}
"""By name; what stands on the page as tried."""

# What of the search is trained to the end.
WINNERS = (
    *("two_bits", "half", "half_wide", "shallow_one_bit", "shallow"),
    *("shallow_wide", "shallow_64", "shallow_int8"),
    *("mixed", "mixed_wide", "half_mixed", "half_mixed_16", "half_levels"),
    *("mixed_eight", "three_int8_memory"),
)

TAUGHT = dataclasses.replace(
    recipes.SMALL_TEACHER,
    name="dfsmn_s_taught",
    title=f"{recipes.SMALL_TEACHER.title}, three teachers' logits, 150 epochs",
    flags=("--distillation=none", "--logit_weight=2", "--epochs=150"),
    teacher=recipes.TEACHER.name,
    ensemble=recipes.SEEDS,
)
"""The small network in floats with what makes ours better: equal care."""

PEERS = (recipes.SMALL_TEACHER, TAUGHT)

_FLOATS = "D-FSMN, fp32"
_FIELD = ("DS-CNN, fp32", "DS-CNN, int8", "BC-ResNet, fp32", "BC-ResNet, int8")


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
    *PEERS,
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
        for delta, accuracy in epoch_accuracy.by_depth(best).items():
            lines.append(
                [
                    title,
                    delta,
                    f"{100 * accuracy:.2f}",
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


def _is_drawn(name: str) -> bool:
    """Returns whether the picture has a row: not one on another's point."""
    if name not in CANDIDATES:
        return True
    return "deltas=1" in CANDIDATES[name].network and name != "mixed_wide"


def _winners(results: Results) -> list[str]:
    networks = {name: CANDIDATES[name].network for name in WINNERS}
    networks |= {row.name: recipes.SMALL_TEACHER.name for row in PEERS}
    cycles = comparison.thousand_cycles(networks)
    lines = [
        [
            row.title,
            delta,
            results.accuracy(row.name, delta),
            cycles(results, row.name, delta),
            comparison.file_bytes(results, row.name, delta),
        ]
        for row in results.rows
        if row.name in networks
        for delta in results.deltas(row.name) or ["1"]
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
        *trade_offs.body(
            results,
            trade_offs.points(
                results,
                {n: its for n, its in networks.items() if _is_drawn(n)},
                {row.name: _FLOATS for row in PEERS},
            )
            | trade_offs.of_page(results, "pareto", _FIELD),
        ),
        "What can be thinned is in the table alone, and so is `mixed_wide`, "
        "which has the place of `shallow_int8`. DS-CNN and BC-ResNet are "
        "those of [pareto.md](pareto.md), one seed each, 60 epochs without a "
        "teacher.",
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
    keeps=True,
)
