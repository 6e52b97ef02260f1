"""What BiFSMNv2 (arXiv:2211.06987) adds, as options of the same network."""

from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.rows import Row

_FID = "--distillation=fid"
_WINDOW = "--learned_window=true"
_DUAL = "--dual_activations=true"


def _dual(name: str, title: str, *flags: str) -> Row:
    return recipes.in_keras(
        recipes.distilled(name, title, *flags, _DUAL),
        "no deployed op has two bits of activations",
    )


ROWS = (
    recipes.TEACHER,
    recipes.distilled("hed", "BiFSMN: HED"),
    recipes.distilled("plain", "plain distillation", "--distillation=plain"),
    recipes.distilled("fid", "FID", _FID),
    recipes.distilled("window", "HED, learned windows", _WINDOW),
    _dual("dual", "HED, dual activations"),
    recipes.distilled("fid_window", "FID, learned windows", _FID, _WINDOW),
    _dual("v2", "FID, learned windows, dual activations", _FID, _WINDOW),
)

EXPERIMENT = Experiment(
    "bifsmnv2",
    "Options of BiFSMNv2",
    "Frequency-Independent Distillation (*FID*: high and low band apart), the "
    "learned windows of the surrogate gradients (of the Learning Propagation "
    "Binarizer) and its dual-scale activations, which compute every binary "
    "product twice, on our recipe. The distillation of the logits, a part of "
    "FID in its paper, is on in all rows. BiFSMNv2's own claim is a loss of "
    "1.51 points against full precision, *paper, full data, its protocol*.",
    ROWS,
    comparison.body(columns={"file, bytes": comparison.file_bytes}),
    recipes.EPOCHS,
)
