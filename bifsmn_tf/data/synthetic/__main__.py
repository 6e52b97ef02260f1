r"""Writes sentences of synthetic voices, without a keyword, as a sound file.

    python -m bifsmn_tf.data.synthetic --words=yes,no --minutes=120 \
        --split=test --output=sentences/test.flac

Speech that goes on, to measure false accepts in (evaluate_stream --streams) or
to listen to what trainings hear. The voices of a split speak in no other.
"""

from pathlib import Path

import soundfile

from bifsmn_tf import cli
from bifsmn_tf import whole_file
from bifsmn_tf.audio.files import SAMPLE_RATE
from bifsmn_tf.cli import flags
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.synthetic.sentences import Sentences
from bifsmn_tf.data.synthetic.sentences import spoken

_WORDS = flags.DEFINE_list(
    "words", [], "The words that are not said, the keywords of a spotter."
)
_MINUTES = flags.DEFINE_float("minutes", 60.0, "How much is said, roughly.")
_SPLIT = flags.DEFINE_enum("split", "test", list(SPLITS), "Whose voices speak.")
_SEED = flags.DEFINE_integer("seed", 0, "The seed of all that is drawn.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "The FLAC file to write (required).", required=True
)


def main() -> None:
    """Writes what the flags say."""
    recipe = Sentences(
        _MINUTES.value,
        tuple(_WORDS.value),
        split=_SPLIT.value,
        seed=_SEED.value,
    )
    sound = spoken(recipe)
    path = Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file.replacing(path) as partial:
        soundfile.write(partial, sound, SAMPLE_RATE, format="FLAC")
    print(f"{path}: {len(sound) / SAMPLE_RATE / 3600:.2f} h")


if __name__ == "__main__":
    cli.run(main)
