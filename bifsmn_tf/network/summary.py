"""What a network costs as a command, and as text.

    python -m bifsmn_tf.network.summary --architecture=bifsmn --classes=12
    python -m bifsmn_tf.network.summary --deltas=1 --binarizer=xnor

How it is counted: :mod:`~bifsmn_tf.network.costs`. Needs no TensorFlow.
"""

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from bifsmn_tf import cli
from bifsmn_tf.cli import flags
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.architectures import BINARIZERS
from bifsmn_tf.network.costs import PAPER_BATCH
from bifsmn_tf.network.costs import Summary
from bifsmn_tf.network.costs import summarise


def text(summary: Summary) -> str:
    """Returns both tables, and a line on what is counted."""
    counted = "step of a stream" if summary.config.streaming else "clip"
    note = (
        f"MACs are those of one {counted}, the paper's FLOPs those of "
        f"{PAPER_BATCH}; floats are trained ones, beside which BatchNorm keeps "
        f"{summary.file().statistics:,} of statistics."
    )
    return "\n\n".join([_layer_table(summary), _total_table(summary), note])


def _layer_table(summary: Summary) -> str:
    rows = []
    for layer in summary.layers:
        binary = layer.bits == 1
        other_macs = layer.scale_macs + (0 if binary else layer.macs)
        rows.append(
            (
                layer.name,
                " x ".join(map(str, layer.output_shape)),
                ",".join(map(str, layer.depths)),
                str(layer.bits),
                f"{layer.weights:,}",
                f"{layer.biases + layer.variants * layer.floats:,}",
                f"{layer.file_bytes:,}",
                f"{layer.macs:,}" if binary else "",
                f"{other_macs:,}" if other_macs else "",
            )
        )
    headers = (
        "layer",
        "output",
        "δ",
        "bits",
        "weights",
        "floats",
        "bytes",
        "binary MACs",
        "other MACs",
    )
    return _table(headers, rows, left=3)


def _total_table(summary: Summary) -> str:
    rows = []
    columns = [
        (f"δ = {delta}", summary.at(delta), summary.paper_flops(delta))
        for delta in summary.config.deltas
    ]
    for name, totals, flops in [*columns, ("file", summary.file(), None)]:
        rows.append(
            (
                name,
                f"{totals.one_bit:,}",
                f"{totals.eight_bit:,}",
                f"{totals.floats:,}",
                f"{100 * totals.one_bit_share:.1f} %",
                f"{totals.bytes:,}",
                "" if totals.binary_macs is None else f"{totals.binary_macs:,}",
                "" if totals.other_macs is None else f"{totals.other_macs:,}",
                "" if flops is None else f"{flops / 1e6:.2f} M",
            )
        )
    headers = (
        "",
        "1-bit",
        "8-bit",
        "floats",
        "1-bit share",
        "bytes",
        "binary MACs",
        "other MACs",
        "paper's FLOPs",
    )
    return _table(headers, rows, left=1)


def _table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], left: int
) -> str:
    """Returns columns of text, the first ``left`` of them flush left."""
    align = ["left"] * left + ["right"] * (len(headers) - left)
    return tabulate(
        rows, headers, "plain", colalign=align, disable_numparse=True
    )


def main() -> None:
    """Prints what the flags ask for."""
    settings = flags.FLAGS
    make = ARCHITECTURES[settings.architecture]
    changes: dict[str, Any] = {}
    if settings.binarizer:
        changes.update(BINARIZERS[settings.binarizer])
    if settings.deltas:
        changes["deltas"] = tuple(map(int, settings.deltas))
    print(text(summarise(make(settings.classes, **changes))))


if __name__ == "__main__":
    flags.DEFINE_enum(
        "architecture",
        "bifsmn",
        list(ARCHITECTURES),
        "The architecture to count.",
    )
    flags.DEFINE_integer("classes", 12, "The number of classes.", lower_bound=1)
    flags.DEFINE_enum(
        "binarizer",
        None,
        sorted(BINARIZERS),
        "A binarizer that the paper compares with.",
    )
    flags.DEFINE_list(
        "deltas",
        None,
        "The depths δ, such as 1,2,4; by default the architecture's.",
    )
    cli.run(main)
