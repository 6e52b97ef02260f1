"""Table 2: other binarizers of the same D-FSMN."""

from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.rows import Row
from bifsmn_tf.experiments.table1 import BIFSMN_HED
from bifsmn_tf.experiments.table1 import beside_the_paper

_BINARIZERS = {
    "dorefa": "DoReFa-Net",
    "bnn": "BNN",
    "rad": "RAD",
    "xnor": "XNOR-Net",
    "bireal": "Bi-Real Net",
    "irnet": "IR-Net",
    "w32a1": "the authors' code: 1-bit activations, 32-bit pointwise weights",
}

# What they multiply with depends on the data, or is not one bit.
_NO_FILE = ("dorefa", "xnor", "w32a1")


def _binarized(name: str, title: str) -> Row:
    row = recipes.vanilla(
        name, f"D-FSMN, {title}", f"--binarizer={name}", recipes.ONE_DEPTH
    )
    return recipes.in_keras(row) if name in _NO_FILE else row


ROWS = (
    recipes.TEACHER,
    *(_binarized(name, title) for name, title in _BINARIZERS.items()),
    BIFSMN_HED,
)

# FLOPs in millions, accuracy on V1-12 and on V2-12.
PAPER = {
    "dfsmn": {"1": ("710.15", "97.93", "98.05")},
    "dorefa": {"1": ("40.46", "66.42", "66.59")},
    "bnn": {"1": ("35.87", "68.84", "70.87")},
    "rad": {"1": ("35.87", "71.51", "69.80")},
    "xnor": {"1": ("45.04", "82.74", "87.34")},
    "bireal": {"1": ("40.46", "85.87", "87.93")},
    "irnet": {"1": ("40.46", "86.81", "85.10")},
    BIFSMN_HED.name: {
        "1": ("40.46", "95.03", "94.86"),
        "2": ("29.90", "94.87", "94.73"),
        "4": ("24.62", "94.48", "94.63"),
    },
}

EXPERIMENT = Experiment(
    "table2",
    "Table 2: binarization methods",
    "The binarization methods of the paper's Table 2 on the D-FSMN of 8 "
    "blocks, without a teacher, and BiFSMN with HED. Optimizer, schedule, "
    "PReLU slopes and BatchNorm are ours in all 1-bit rows; each method brings "
    "its quantizers of weights and activations, and RAD its loss. The last "
    "method is what the published code of BiFSMN does, to compare: its "
    "pointwise weights are not binary.",
    ROWS,
    beside_the_paper(PAPER),
    recipes.EPOCHS,
    keeps=True,
)
