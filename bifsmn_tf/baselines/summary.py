"""What the baselines cost, beside what the BiFSMN paper counts in its Table 3.

    python -m bifsmn_tf.baselines.summary --classes=12

Parameters and multiply-accumulates are of one clip; MFLOPs are the paper's, of
128 clips. Where ours are not the paper's, its authors counted another network:

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

PAPER = {
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
"""Millions of parameters and MFLOPs of 128 clips, by baseline and binarizer."""


def of(config: BaselineConfig) -> Cost:
    """Counts a baseline."""
    return cost(config.make())


def table(classes: int) -> str:
    """All baselines in full precision and as Table 3 binarizes them."""
    lines = [
        f"{'baseline':12} {'binarizer':9} {'parameters':>11} {'1-bit':>11} "
        f"{'MACs':>12} {'1-bit':>12} {'MFLOPs':>9} {'paper: M':>8} "
        f"{'MFLOPs':>9}"
    ]
    rows = [(baseline, "none") for baseline in BASELINES]
    rows += [row for row in PAPER if row not in rows]
    for baseline, binarizer in sorted(rows, key=lambda row: row[0]):
        counted = of(BaselineConfig(baseline, classes, binarizer))
        line = (
            f"{baseline:12} {binarizer:9} {counted.parameters:11,} "
            f"{counted.one_bit_parameters:11,} {counted.macs:12,} "
            f"{counted.one_bit_macs:12,} {counted.paper_mflops:9.2f}"
        )
        if (baseline, binarizer) in PAPER:
            millions, mflops = PAPER[baseline, binarizer]
            line += f" {millions:8.2f} {mflops:9.2f}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """Prints the table."""
    print(table(flags.FLAGS.classes))


if __name__ == "__main__":
    flags.DEFINE_integer("classes", 12, "Of the classifier.", lower_bound=1)
    cli.run(main)
