"""Activations of two bits where one is too few: what they bring and cost."""

from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment

_ONE_BIT = "bifsmn"

# What differs from one bit: the row's name and title, a setting of the network
# and where.
_SITES = (
    *(
        (f"two_bits_{'_'.join(sites)}", "two bits", "two_bit_sites", sites)
        for sites in (
            ("conv2",),
            ("projection",),
            ("conv2", "projection"),
            ("memory",),
        )
    ),
    (
        "int8_conv2_projection",
        "int8",
        "int8_sites",
        ("conv2", "projection"),
    ),
)

ROWS = (
    recipes.vanilla(_ONE_BIT, "BiFSMN, one bit"),
    *(
        recipes.vanilla(
            name,
            f"{kind} in {' and '.join(sites)}",
            f"--{setting}={','.join(sites)}",
        )
        for name, kind, setting, sites in _SITES
    ),
)

# As benchmarks/a53/configurations.py names them.
_MODELS = {_ONE_BIT: "BiFSMN"} | {
    name: f"{setting}={'+'.join(sites)}" for name, _, setting, sites in _SITES
}


EXPERIMENT = Experiment(
    "two_bits",
    "Two bits where one is too few",
    "BiFSMN with our recipe without a teacher, and with activations of two "
    "bits into one kind of layer (`--two_bit_sites`): four levels, -3, -1, 1 "
    "and 3, with learned thresholds between them, weights of one bit as ever. "
    "A sum is twice the dot of the first plane and the dot of the second one, "
    "an integer, and thresholds are folded into integers at conversion "
    "([custom_ops](../custom_ops/README.md)). Cycles are those of the model of "
    "the Cortex-A53 in `benchmarks/a53` "
    "([architecture_cycles.md](architecture_cycles.md)), not measured.",
    ROWS,
    comparison.body(
        reference=_ONE_BIT,
        columns={
            "file, bytes": comparison.file_bytes,
            "modelled A53 cycles, thousands": comparison.thousand_cycles(
                _MODELS
            ),
        },
    ),
    recipes.EPOCHS,
)
