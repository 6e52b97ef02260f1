"""Activations of two bits where one is too few: what they bring and cost."""

from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import precision_sites
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

_SITES = (
    ("conv2",),
    ("projection",),
    ("conv2", "projection"),
    ("memory",),
)

_INT8 = "int8_conv2_projection"


def _name(sites: tuple[str, ...]) -> str:
    return f"two_bits_{'_'.join(sites)}"


ROWS = (
    recipes.TEACHER,
    precision_sites.BIFSMN,
    *(
        recipes.distilled(
            _name(sites),
            f"two bits in {' and '.join(sites)}",
            f"--two_bit_sites={','.join(sites)}",
        )
        for sites in _SITES
    ),
    next(row for row in precision_sites.ROWS if row.name == _INT8),
)

# As benchmarks/a53/configurations.py names them.
_MODELS = {
    precision_sites.BIFSMN.name: "BiFSMN",
    _INT8: "int8_sites=conv2+projection",
} | {_name(sites): f"two_bit_sites={'+'.join(sites)}" for sites in _SITES}


def _cycles(results: Results, name: str, delta: str) -> str:
    found = results.strict_cycles(_MODELS.get(name, ""), delta)
    return f"{found / 1000:.1f}" if found else ""


EXPERIMENT = Experiment(
    "two_bits",
    "Two bits where one is too few",
    "BiFSMN with our whole recipe, and with activations of two bits into one "
    "kind of layer (`--two_bit_sites`): four levels, -3, -1, 1 and 3, with "
    "learned thresholds between them, weights of one bit as ever. A sum is "
    "twice the dot of the first plane and the dot of the second one, an "
    "integer, and thresholds are folded into integers at conversion "
    "([custom_ops](../custom_ops/README.md)). Cycles are those of the model of "
    "the Cortex-A53 in `benchmarks/a53` "
    "([architecture_cycles.md](architecture_cycles.md)), not measured.",
    ROWS,
    comparison.body(
        columns={
            "file, bytes": comparison.file_bytes,
            "modelled A53 cycles, thousands": _cycles,
        }
    ),
    recipes.EPOCHS,
)
