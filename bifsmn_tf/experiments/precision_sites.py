"""Where one bit loses accuracy, and what helps there at which cost."""

from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.rows import Row
from bifsmn_tf.network.config import SITES

BIFSMN = recipes.distilled("bifsmn", "BiFSMN")


def _without_file(kind: str, *layers: str) -> Row:
    return recipes.in_keras(
        recipes.distilled(
            f"{kind}_{'_'.join(layers)}",
            f"{kind} in {' and '.join(layers)}",
            f"--{kind}_sites={','.join(layers)}",
        ),
        "there is no conversion",
    )


# What stays bitwise: name, title, settings of the network.
_BITWISE = (
    ("skip", "the first convolution projected, too", {"front_skip": True}),
    ("outputs48", "48 channels of the second", {"front_outputs": 48}),
    (
        "wide",
        "both: the wider front end",
        {"front_skip": True, "front_outputs": 48},
    ),
    ("wide_front", "32 + 64 front-end channels", {"front_channels": 32}),
    ("look3", "memory of 7 taps", {"look_back": 3, "look_ahead": 3}),
)

# With 8 bits in these.
_MIXED = (("conv2",), ("conv2", "projection"))

ROWS = (
    recipes.TEACHER,
    BIFSMN,
    *(_without_file("float", layer) for layer in SITES),
    _without_file("float", "conv2", "projection"),
    *(
        recipes.distilled(
            f"int8_{'_'.join(layers)}",
            f"int8 in {' and '.join(layers)}",
            f"--int8_sites={','.join(layers)}",
        )
        for layers in _MIXED
    ),
    _without_file("int8", "conv2", "projection", "memory"),
    *(
        recipes.distilled(
            name, title, *(f"--{key}={value}" for key, value in changes.items())
        )
        for name, title, changes in _BITWISE
    ),
)

# As benchmarks/a53/configurations.py names them.
_MODELS = (
    {BIFSMN.name: "BiFSMN"}
    | {
        name: ", ".join(f"{key}={value}" for key, value in changes.items())
        for name, _, changes in _BITWISE
    }
    | {f"int8_{'_'.join(x)}": f"int8_sites={'+'.join(x)}" for x in _MIXED}
)


EXPERIMENT = Experiment(
    "precision_sites",
    "Where the loss sits",
    "BiFSMN with our whole recipe; and one kind of layer at a time in full "
    "precision, in all blocks, to see what one bit costs there; in 8 bits, as "
    "mixed precision; and with more of what is bitwise: more channels, more "
    "taps. Options that lost and are gone have a page of their own, "
    "[options_that_lost.md](options_that_lost.md). Cycles are those of the "
    "model of the Cortex-A53 in `benchmarks/a53`, not measured.",
    ROWS,
    comparison.body(
        columns={
            "file, bytes": comparison.file_bytes,
            "modelled A53 cycles, thousands": comparison.thousand_cycles(
                _MODELS
            ),
        }
    ),
    recipes.EPOCHS,
)
