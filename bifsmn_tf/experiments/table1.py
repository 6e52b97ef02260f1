"""Table 1: what distillation, HED and the thinnable architecture bring."""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

_PLAIN = ("--distillation=plain", recipes.NO_LOGITS)
HED = ("--distillation=hed", recipes.NO_LOGITS)

DFSMN_HED = recipes.distilled(
    "dfsmn_hed", "D-FSMN, HED", *HED, recipes.ONE_DEPTH
)
BIFSMN_VANILLA = recipes.vanilla("bifsmn_vanilla", "BiFSMN, vanilla")
BIFSMN_PLAIN = recipes.distilled(
    "bifsmn_plain", "BiFSMN, plain distillation", *_PLAIN
)
BIFSMN_HED = recipes.distilled("bifsmn_hed", "BiFSMN, HED", *HED)

ROWS = (
    recipes.TEACHER,
    recipes.vanilla("dfsmn_vanilla", "D-FSMN, vanilla", recipes.ONE_DEPTH),
    recipes.distilled(
        "dfsmn_plain",
        "D-FSMN, plain distillation",
        *_PLAIN,
        recipes.ONE_DEPTH,
    ),
    DFSMN_HED,
    BIFSMN_VANILLA,
    BIFSMN_PLAIN,
    BIFSMN_HED,
)

# FLOPs in millions, accuracy on V1-12 and on V2-12.
PAPER = {
    "dfsmn": {"1": ("710.15", "97.51", "96.01")},
    "dfsmn_vanilla": {"1": ("40.46", "87.71", "89.53")},
    "dfsmn_plain": {"1": ("40.46", "90.02", "90.95")},
    "dfsmn_hed": {"1": ("40.46", "93.47", "93.54")},
    "bifsmn_vanilla": {
        "1": ("40.46", "87.72", "89.96"),
        "2": ("29.90", "86.95", "88.85"),
        "4": ("24.62", "84.19", "87.09"),
    },
    "bifsmn_plain": {
        "1": ("40.46", "92.31", "93.00"),
        "2": ("29.90", "91.89", "92.84"),
        "4": ("24.62", "91.83", "92.70"),
    },
    "bifsmn_hed": {
        "1": ("40.46", "95.03", "94.86"),
        "2": ("29.90", "94.87", "94.74"),
        "4": ("24.62", "94.48", "94.63"),
    },
}


def beside_the_paper(
    paper: Mapping[str, Mapping[str, Sequence[str]]],
) -> Callable[[Results], list[str]]:
    """Returns the body of a page of the paper's first two tables.

    Args:
        paper: FLOPs and both accuracies in the paper, by row and δ.
    """
    return comparison.body(
        paper,
        ("paper: FLOPs, M", "paper: V1-12", "paper: V2-12"),
        {"FLOPs, M": comparison.flops},
    )


EXPERIMENT = Experiment(
    "table1",
    "Table 1: ablation of distillation and thinnable architecture",
    "The rows of the paper's Table 1. *Vanilla* has no teacher, *plain* "
    "distils the teacher's hidden states as they are, *HED* with their high "
    "frequencies emphasised (Eq. 8-10), both with the paper's γ = 0.01. The "
    "distillation of the logits, which the paper does not have, is off in all "
    "rows: it would hide what HED does. All else is our recipe, the same in "
    "all 1-bit rows: learned thresholds, a slope for each channel, the "
    "smoother surrogate gradient.",
    ROWS,
    beside_the_paper(PAPER),
    recipes.EPOCHS,
    keeps=True,
)
