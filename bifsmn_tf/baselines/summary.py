"""What the baselines cost, beside what the BiFSMN paper counts in its Table 3.

    python -m bifsmn_tf.baselines.summary --classes=12

Multiply-accumulates are those of one clip; MFLOPs are counted as the paper
does, for 128 clips. Where ours are not the paper's, its authors counted another
network:

* BC-ResNet-8 here is its own paper's on 32 frames of 32 mels, with 4 sub-bands.
  The one they counted has a tenth more parameters and a fifth more operations.
* Audiomer-L has their parameters, on its authors' 8192 samples a second. Theirs
  has four times the operations, whichever length that may be of; attention
  itself is in neither figure, but it is in the multiply-accumulates.
* A binary VGG19 here normalises behind its poolings, which sees fewer elements.
* PReLU stands for ReLU in binary baselines, which adds a slope for each
  channel.
"""

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.baselines.counts import Cost
from bifsmn_tf.baselines.counts import cost
from bifsmn_tf.baselines.network import BASELINES
from bifsmn_tf.baselines.network import BaselineConfig
from bifsmn_tf.evaluation import tables

PAPER: dict[tuple[str, str], tuple[float, float]] = {
    ("vgg19_bn", "none"): (38.97, 53348.40),
    ("vgg19_bn", "xnor"): (38.97, 1061.63),
    ("vgg19_bn", "irnet"): (38.97, 1030.18),
    ("bc_resnet_8", "none"): (0.35, 3749.71),
    ("bc_resnet_8", "xnor"): (0.35, 619.03),
    ("bc_resnet_8", "irnet"): (0.35, 541.70),
    ("audiomer_l", "none"): (0.80, 18577.49),
    ("audiomer_l", "xnor"): (0.80, 2567.19),
    ("audiomer_l", "irnet"): (0.80, 1449.41),
    ("fsmn", "none"): (0.45, 1625.29),
    ("fsmn", "xnor"): (0.45, 80.61),
    ("fsmn", "irnet"): (0.45, 64.36),
    ("fsmn", "sign"): (0.45, 64.36),
}
"""The paper's millions of parameters and MFLOPs of 128 clips."""


def of(config: BaselineConfig) -> Cost:
    """Counts what a baseline costs."""
    return cost(config.make())


def table(classes: int) -> str:
    """Returns the costs of all baselines as text.

    They are counted in full precision and as Table 3 binarizes them.

    Args:
        classes: The number of classes.
    """
    keys = [(baseline, "none") for baseline in BASELINES]
    keys += [key for key in PAPER if key not in keys]
    rows = []
    for baseline, binarizer in sorted(keys, key=lambda key: key[0]):
        counted = of(BaselineConfig(baseline, classes, binarizer))
        millions, mflops = PAPER.get((baseline, binarizer), (None, None))
        rows.append(
            (
                baseline,
                binarizer,
                f"{counted.parameters:,}",
                f"{counted.one_bit_parameters:,}",
                f"{counted.macs:,}",
                f"{counted.one_bit_macs:,}",
                f"{counted.paper_mflops:.2f}",
                "" if millions is None else f"{millions:.2f}",
                "" if mflops is None else f"{mflops:.2f}",
            )
        )
    head = (
        *("baseline", "binarizer", "parameters", "1-bit", "MACs", "1-bit"),
        *("MFLOPs", "paper: M", "MFLOPs"),
    )
    return tables.plain(head, rows, left=2)


def main() -> None:
    """Prints the table."""
    print(table(flags.FLAGS.classes))


if __name__ == "__main__":
    flags.DEFINE_integer("classes", 12, "The number of classes.", lower_bound=1)
    cli.run(main)
