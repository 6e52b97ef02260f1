"""The trained models that come with the package, by name.

    >>> bifsmn_tf.models()
    ["bifsmn-alexa", "bifsmn-sc12", "bifsmn_quiet-sc12", "bifsmn_s-sc12",
     "bifsmn_shallow-sc12", "bifsmn_stream-sc12", "bifsmn_tiny-sc12"]
    >>> spotter = bifsmn_tf.KeywordSpotter("bifsmn_quiet-sc12")

Beside each model lies its card, which says what it was trained on, how well it
does, and what it is not for.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bifsmn_tf.errors import UserError

FOLDER = Path(__file__).resolve().parent

DEFAULT = "bifsmn_quiet-sc12"


def names() -> list[str]:
    """Returns the names of the models in the package, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.tflite"))


def find(model: str) -> Path:
    """Returns the path of a model.

    Args:
        model: a name of :func:`names`, or the path of a file.

    Raises:
        UserError: It is neither.
    """
    if model in names():
        return FOLDER / f"{model}.tflite"
    path = Path(model)
    if path.is_file():
        return path
    raise UserError(
        f"there is no file {model}, nor a model of that name in the package: "
        f"{', '.join(names()) or 'it has none'}"
    )


def card(model: str) -> str:
    """Returns what there is to know of a model in the package, as Markdown.

    Raises:
        UserError: There is no such model.
    """
    if model not in names():
        raise UserError(
            f"there is no model {model} in the package: {', '.join(names())}"
        )
    return (FOLDER / f"{model}.md").read_text(encoding="utf-8")


class Figures(NamedTuple):
    """How well a model does, as its card says.

    Attributes:
        clips: test clips; 0 if none were tested.
        accuracies: percent of them by depth δ; empty if none were tested.
        false_accepts: how often it fires in speech that holds none of its
            words, and what it misses at that; empty if not measured.
    """

    clips: int
    accuracies: Mapping[int, float]
    false_accepts: str


def figures(model: str) -> Figures:
    """Reads a model's figures from its card.

    Raises:
        UserError: There is no such model.
    """
    text = card(model)
    clips = re.search(r"^([\d,]+) test clips", text, re.M)
    rows = re.findall(r"^\| (\d+) +\|[^|]*\| +([\d.]+) %", text, re.M)
    accepts = re.search(r"^\* \*\*False accepts\*\*: (.*)\.$", text, re.M)
    return Figures(
        int(clips[1].replace(",", "")) if clips else 0,
        {int(delta): float(accuracy) for delta, accuracy in rows},
        accepts[1] if accepts else "",
    )
