"""What each part of our recipe brings: one change at a time."""

import dataclasses

from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results

FULL = recipes.distilled("full", "the full recipe")

_WITHOUT = (
    ("thresholds", "no learned thresholds", "--thresholds=false"),
    ("prelu", "one PReLU slope for all channels", "--prelu=shared"),
    (
        "approx_sign",
        "clipped straight-through gradient",
        "--activation_quantizer=bifsmn_sign",
    ),
    (
        "projection_norm",
        "no BatchNorm behind the projection",
        "--projection_norm=false",
    ),
    ("residual_scale", "residual scale 1", "--residual_scale=1"),
    ("clipping", "latent weights not clipped", "--clip_latents=false"),
    ("logits", "no distillation of the logits", recipes.NO_LOGITS),
    ("hed", "no HED", "--distillation=none"),
    ("emphasis", "plain distillation for HED", "--distillation=plain"),
)

_ADDED = (
    ("spec_augment", "SpecAugment, masks up to 8", "--spec_mask=8"),
    ("mixup", "mixup, α = 0.2", "--mixup=0.2"),
    ("average", "weights averaged, 0.999", "--weight_average=0.999"),
)

ROWS = (
    recipes.TEACHER,
    FULL,
    *(
        recipes.distilled(f"no_{name}", f"less: {title}", flag)
        for name, title, flag in _WITHOUT
    ),
    *(
        recipes.distilled(f"with_{name}", f"more: {title}", flag)
        for name, title, flag in _ADDED
    ),
    dataclasses.replace(
        recipes.distilled(
            "two_stages", "other: float weights first, half of the epochs"
        ),
        stages=2,
    ),
    recipes.distilled(
        "sgd",
        "other: SGD as the authors have it",
        "--optimizer=sgd",
        "--learning_rate=5e-3",
        "--weight_decay=1e-4",
        note="Ours decays only weights that are not one bit.",
    ),
)


def _change(results: Results, name: str, delta: str) -> str:
    """Returns how many points above the full recipe a row is.

    It is the mean over the seeds that both have.
    """
    own = results.accuracies(name, delta)
    theirs = results.accuracies(FULL.name, delta)
    both = own.keys() & theirs.keys()
    if not both or name == FULL.name:
        return ""
    return f"{sum(own[s] - theirs[s] for s in both) / len(both):+.2f}"


EXPERIMENT = Experiment(
    "ablation",
    "What each part of the recipe brings",
    "BiFSMN with the full recipe, HED and distillation of the logits; in every "
    "other row one thing is taken away, added or done otherwise. *Change* is "
    "against the full recipe with the same seeds and depth.",
    ROWS,
    comparison.body(columns={"change": _change}),
    recipes.EPOCHS,
)
