"""Converts a run into one .tflite that needs nothing else.

    python -m bifsmn_tf.convert --model=runs/bifsmn --output=bifsmn.tflite

The file has a signature for each depth (delta_1, delta_2, ...), all on the
same packed weights, and carries labels, feature parameters and normalisation.
A streaming network has stream_delta_1, ..., which take a step's sound and a
state.
``--float`` converts the full-precision teacher instead, to plain TFLite.
``--parts`` lists what takes how many bytes, part by part.

What is not one bit is stored as integers. ``--residual=float32
--classifier=float32`` computes the rest as Keras does, bit for bit in front of
the classifier; results/precision.md has what each choice costs.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.conversion.binary import AUDIO_FORMS
from bifsmn_tf.conversion.binary import SAMPLE_TYPES
from bifsmn_tf.conversion.convert import convert
from bifsmn_tf.conversion.precision import CLASSIFIERS
from bifsmn_tf.conversion.precision import FIRST_CONVOLUTIONS
from bifsmn_tf.conversion.precision import RESIDUALS
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.reader import ModelFile

_MODEL = flags.DEFINE_string("model", None, "Folder of a run.", required=True)
_OUTPUT = flags.DEFINE_string(
    "output", None, "The .tflite to write.", required=True
)
_FLOAT = flags.DEFINE_bool(
    "float", False, "Convert the run's full-precision teacher instead."
)
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "best", ["best", "last"], "Which weights."
)

_RESIDUAL = flags.DEFINE_enum(
    "residual",
    Precision.residual,
    RESIDUALS,
    "The type of the residual between the blocks.",
)
_CLASSIFIER = flags.DEFINE_enum(
    "classifier",
    Precision.classifier,
    CLASSIFIERS,
    "The classifier's weights.",
)
_FIRST_CONVOLUTION = flags.DEFINE_enum(
    "first_convolution",
    Precision.first_convolution,
    FIRST_CONVOLUTIONS,
    "The first convolution's weights and features; trained in int8.",
)

_AUDIO = flags.DEFINE_enum(
    "audio",
    "features",
    AUDIO_FORMS,
    "What takes sound: features adds signatures from sound to features; logits "
    "also one from sound to logits for each depth.",
)

_SAMPLES = flags.DEFINE_enum(
    "samples",
    SAMPLE_TYPES[0],
    SAMPLE_TYPES,
    "The type of the samples that a streaming network's step takes.",
)

_KEYWORD_BIAS = flags.DEFINE_float(
    "keyword_bias",
    0.0,
    "What is added to the logits of keywords and of silence: a network that "
    "was trained beside far more of what is neither says unknown too often "
    "for clips. Choose it on validation clips.",
)

_PARTS = flags.DEFINE_bool(
    "parts", False, "Print the bytes of every part, not of the largest ones."
)

_LARGEST_PARTS = 4


def _shown(parts: Mapping[str, int]) -> dict[str, int]:
    """Bytes of each part, or of the largest and of the rest together."""
    if _PARTS.value or len(parts) <= _LARGEST_PARTS:
        return dict(parts)
    ordered = list(parts.items())
    rest = [size for _, size in ordered[_LARGEST_PARTS:]]
    return {
        **dict(ordered[:_LARGEST_PARTS]),
        f"{len(rest)} smaller parts, which --parts lists": sum(rest),
    }


def main() -> None:
    """Converts what the flags say."""
    output = Path(_OUTPUT.value)
    model = convert(
        _MODEL.value,
        output,
        checkpoint=_CHECKPOINT.value,
        full_precision=_FLOAT.value,
        precision=Precision(
            residual=_RESIDUAL.value,
            classifier=_CLASSIFIER.value,
            first_convolution=_FIRST_CONVOLUTION.value,
        ),
        audio=_AUDIO.value,
        samples=_SAMPLES.value,
        keyword_bias=_KEYWORD_BIAS.value,
    )
    total = len(model.content)
    print(f"{output}: {total:,} bytes")
    for name, size in _shown(model.bytes_by_part).items():
        print(f"  {size:>9,}  {100 * size / total:5.1f} %  {name}")
    print(f"signatures: {', '.join(model.signatures)}")
    for key, signature in ModelFile(model.content).signatures.items():
        if signatures.STATE in signature.inputs:
            _, size = signature.inputs[signatures.STATE].shape
            print(f"  {key} keeps a state of {size:,} bytes")
    print(f"next: python -m bifsmn_tf.evaluate --model={os.fspath(output)}")


if __name__ == "__main__":
    cli.run(main)
