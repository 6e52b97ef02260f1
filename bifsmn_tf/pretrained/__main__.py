"""Lists the models in the package: size, depths, words, how well they do.

    python -m bifsmn_tf.pretrained
    python -m bifsmn_tf.pretrained bifsmn_stream-sc12

A model's name shows its card, which says what it was trained on and what it is
not for.
"""

import sys

from bifsmn_tf import console
from bifsmn_tf import pretrained
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.converted import describe
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.model_file.reader import ModelFile


def main() -> None:
    """Prints the list, or the cards of the models that are named."""
    console.prepare()
    names = sys.argv[1:]
    if any(name in ("--help", "-h", "-help") for name in names):
        console.say((__doc__ or "").strip())
        return
    try:
        text = "\n".join(map(pretrained.card, names)) if names else _list()
    except UserError as error:
        sys.exit(f"error: {error}")
    console.say(text)


def _list() -> str:
    """Returns all models, a paragraph each."""
    parts = []
    for name in pretrained.names():
        path = pretrained.find(name)
        metadata = describe(ModelFile.read(path))
        kind = "a stream" if metadata.network.streaming else "clips"
        figures = pretrained.figures(name)
        depths = ", ".join(
            f"{depth} ({figures.accuracies[depth]:.1f} %)"
            if depth in figures.accuracies
            else f"{depth}"
            for depth in metadata.network.deltas
        )
        tested = f" of {figures.clips:,} test clips" if figures.clips else ""
        default = ", the default" if name == pretrained.DEFAULT else ""
        parts += [
            f"{name}{default}",
            f"  reads          {kind}; {path.stat().st_size:,} bytes",
            f"  words          {', '.join(keywords_of(metadata.label_names))}",
            f"  depths         δ = {depths}{tested}",
            f"  false accepts  {figures.false_accepts or 'not measured'}",
            "",
        ]
    parts.append("python -m bifsmn_tf.pretrained NAME shows a model's card.")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
