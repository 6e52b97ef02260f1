"""Table 3: other architectures, binarized."""

import dataclasses

from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments import table1
from bifsmn_tf.experiments import table2
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.rows import Row

_BASELINES = {
    "vgg19_bn": "VGG19bn",
    "bc_resnet_8": "BC-ResNet-8",
    "audiomer_l": "Audiomer-L",
    "fsmn": "FSMN",
}

_BINARIZERS = {
    "none": "full precision",
    "irnet": "IR-Net",
    "xnor": "XNOR-Net",
}

# For two cores, on which VGG19bn does about 20 clips a second.
_SLICES = {
    "vgg19_bn": ("--epochs=2", "--limit_clips=1200"),
    "audiomer_l": ("--epochs=2", "--limit_clips=1200"),
    "bc_resnet_8": ("--epochs=2",),
}

_NO_NORM = {("fsmn", "irnet"): ", for want of a norm at chance"}
"""What a row says of itself: balanced weights need a norm, which FSMN lacks."""


def _baseline(model: str, binarizer: str) -> Row:
    part = _SLICES.get(model, ())
    return recipes.baseline(
        f"{model}_{binarizer}",
        f"{_BASELINES[model]}, {_BINARIZERS[binarizer]}"
        f"{_NO_NORM.get((model, binarizer), '')}",
        model,
        f"--binarizer={binarizer}",
        *part,
        own_epochs=bool(part),
        note=f"A slice of the training only, {' '.join(part)}: that it trains "
        "at all, not what it can do."
        if part
        else "",
    )


def _thinned(name: str, title: str, *flags: str) -> Row:
    return recipes.vanilla(name, title, "--binarizer=irnet", *flags)


_SMALL = "--architecture=bifsmn_s"

ROWS = (
    *(
        _baseline(model, binarizer)
        for model in _BASELINES
        for binarizer in _BINARIZERS
    ),
    dataclasses.replace(
        recipes.baseline(
            "fsmn_hed",
            "FSMN, HED",
            "fsmn",
            "--binarizer=sign",
            "--distillation=hed",
            "--gamma=0.01",
        ),
        teacher="fsmn_none",
    ),
    recipes.TEACHER,
    *(row for row in table2.ROWS if row.name in ("irnet", "xnor")),
    table1.DFSMN_HED,
    _thinned("bifsmn_irnet", "BiFSMN, IR-Net"),
    table1.BIFSMN_HED,
    recipes.SMALL_TEACHER,
    _thinned("bifsmn_s_irnet", "BiFSMN_S, IR-Net", _SMALL),
    recipes.distilled_small("bifsmn_s_hed", "BiFSMN_S, HED", *table1.HED),
)

# Millions of parameters, FLOPs in millions, accuracy on V1-12.
PAPER = {
    "vgg19_bn_none": {"1": ("38.97", "53348.40", "97.74")},
    "vgg19_bn_irnet": {"1": ("38.97", "1030.18", "63.86")},
    "vgg19_bn_xnor": {"1": ("38.97", "1061.63", "66.10")},
    "bc_resnet_8_none": {"1": ("0.35", "3749.71", "97.84")},
    "bc_resnet_8_irnet": {"1": ("0.35", "541.70", "66.51")},
    "bc_resnet_8_xnor": {"1": ("0.35", "619.03", "65.94")},
    "audiomer_l_none": {"1": ("0.80", "18577.49", "98.95")},
    "audiomer_l_irnet": {"1": ("0.80", "1449.41", "62.44")},
    "audiomer_l_xnor": {"1": ("0.80", "2567.19", "62.44")},
    "fsmn_none": {"1": ("0.45", "1625.29", "97.52")},
    "fsmn_irnet": {"1": ("0.45", "64.36", "88.35")},
    "fsmn_xnor": {"1": ("0.45", "80.61", "55.89")},
    "fsmn_hed": {"1": ("0.45", "64.36", "89.90")},
    "dfsmn": {"1": ("0.60", "710.15", "97.93")},
    "irnet": {"1": ("0.60", "40.46", "86.81")},
    "xnor": {"1": ("0.60", "45.04", "82.74")},
    "dfsmn_hed": {"1": ("0.60", "40.46", "93.47")},
    "bifsmn_irnet": {
        "1": ("0.61", "40.46", "88.37"),
        "2": ("0.61", "29.90", "87.11"),
        "4": ("0.61", "24.62", "86.08"),
    },
    "bifsmn_hed": {
        "1": ("0.61", "40.46", "95.03"),
        "2": ("0.61", "29.90", "94.87"),
        "4": ("0.61", "24.62", "94.48"),
    },
    "dfsmn_s": {"1": ("0.05", "91.62", "97.51")},
    "bifsmn_s_irnet": {
        "1": ("0.05", "11.94", "72.21"),
        "2": ("0.05", "10.08", "71.70"),
        "4": ("0.05", "9.16", "71.66"),
    },
    "bifsmn_s_hed": {
        "1": ("0.05", "11.94", "90.65"),
        "2": ("0.05", "10.08", "90.33"),
        "4": ("0.05", "9.16", "90.31"),
    },
}

EXPERIMENT = Experiment(
    "table3",
    "Table 3: binarized architectures",
    "The networks of the paper's Table 3. Baselines are evaluated in Keras, "
    "full-precision ones as well; of one-bit baselines the classifier and what "
    "reads the input are not binary, but for FSMN's first memory, which reads "
    "signs of the features. Only the FSMN family has states that HED can "
    "compare. VGG19bn, BC-ResNet-8 and Audiomer-L train for two epochs, the "
    "first and the last of them on a part of the clips, which says little of "
    "their accuracy. The full-precision BiFSMN of the paper's table is its "
    "D-FSMN.",
    ROWS,
    comparison.body(
        PAPER,
        ("paper: parameters, M", "paper: FLOPs, M", "paper: V1-12"),
        {"parameters, M": comparison.parameters, "FLOPs, M": comparison.flops},
        reference=None,
    ),
    recipes.EPOCHS,
)
