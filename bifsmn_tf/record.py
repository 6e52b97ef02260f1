r"""Records words of your own, to train with.

    python -m bifsmn_tf.record --words="hey robin" --output=recordings
    python -m bifsmn_tf.train --flagfile=configs/wake_word.flags \
        --words="hey robin" --recordings=recordings --run_dir=runs/hey_robin

Says what to say and waits until it was said; what is heard is trimmed and
written to OUTPUT/WORD/NUMBER.wav. What was too quiet, too loud or too long is
asked for again. Called again, it goes on behind the recordings that are there.
Needs no TensorFlow: pip install bifsmn_tf[listen].
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bifsmn_tf import cli
from bifsmn_tf import whole_file
from bifsmn_tf.audio import files
from bifsmn_tf.audio import streams
from bifsmn_tf.audio.endpoints import Endpointer
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.cli import flags
from bifsmn_tf.errors import UserError

_WORDS = flags.DEFINE_list(
    "words", None, "The words or phrases to record (required).", required=True
)
_OUTPUT = flags.DEFINE_string(
    "output",
    "recordings",
    "The folder for the recordings, a folder in it for each word.",
)
_COUNT = flags.DEFINE_integer(
    "count", 10, "How many recordings of each word there are to be."
)
_INPUT = flags.DEFINE_string(
    "input",
    "microphone",
    "Where sound comes from: microphone, the path of a sound file, or - for "
    "raw 16-bit samples at 16 kHz on the standard input.",
)
_DEVICE = flags.DEFINE_string(
    "device", None, "Number or name of the microphone; by default the system's."
)
_LONGEST = flags.DEFINE_float(
    "longest", 2.0, "Seconds that a word takes at most."
)

_LOUDEST = 0.99
_QUIETEST = 0.02
_METER = 30


def _pieces() -> Iterator[FloatArray]:
    if _INPUT.value == "microphone":
        return streams.microphone(files.SAMPLE_RATE, _DEVICE.value, _say)
    if _INPUT.value == "-":
        if sys.stdin is None:
            raise UserError("input: the standard input is closed")
        return streams.pipe(files.SAMPLE_RATE, sys.stdin.buffer)
    return files.stream(_INPUT.value, files.SAMPLE_RATE)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _meter(level: float) -> None:
    """Shows a level in dB on a terminal, over the line before."""
    if sys.stderr.isatty():
        filled = round(_METER * np.clip((level + 60) / 60, 0, 1))
        bar = "#" * filled + "." * (_METER - filled)
        print(f"\r[{bar}] {level:5.0f} dB", end="", file=sys.stderr, flush=True)


def fault(word: FloatArray, longest: float) -> str | None:
    """Returns what is wrong with a recording, or None.

    Args:
        word: float32 (samples,) at 16 kHz.
        longest: seconds that it may take.
    """
    peak = float(np.abs(word).max())
    if peak >= _LOUDEST:
        return "too loud: it is clipped. Farther from the microphone, please"
    if peak < _QUIETEST:
        return "too quiet. Nearer to the microphone, please"
    if len(word) > longest * files.SAMPLE_RATE:
        return f"longer than {longest:g} s (--longest). The word alone, please"
    return None


def _next_number(folder: Path) -> int:
    # Of digits alone: ² is one, but no number.
    there = [int(p.stem) for p in folder.glob("*.wav") if p.stem.isdecimal()]
    return max(there, default=0) + 1


def _write(path: Path, word: FloatArray) -> None:
    import soundfile

    with whole_file.replacing(path) as partial:
        soundfile.write(partial, word, files.SAMPLE_RATE, format="WAV")


def _is_word(text: str) -> bool:
    """Whether a text can be a label and the name of a folder."""
    return (
        bool(text)
        and text.isprintable()
        and "/" not in text
        and text not in (".", "..")
    )


def main() -> None:
    """Records what the flags say."""
    words = [word.strip() for word in _WORDS.value]
    if not all(map(_is_word, words)):
        raise UserError(f"words are words or phrases, not {_WORDS.value}")
    if _COUNT.value < 1:
        raise UserError(f"count has to be at least 1, not {_COUNT.value}")
    if _LONGEST.value <= 0:
        raise UserError(f"longest has to be positive, not {_LONGEST.value:g}")
    folders = {word: Path(_OUTPUT.value) / word for word in words}
    # One by one, however many are wanted.
    wanted = (
        (word, number)
        for word, folder in folders.items()
        for number in range(_next_number(folder), _COUNT.value + 1)
    )
    first = next(wanted, None)
    if first is None:
        _say(f"{_OUTPUT.value} has {_COUNT.value} recordings of each word")
        return
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    _say("Quiet for a moment, please: how loud is the room? (Ctrl-C ends)")
    endpointer = Endpointer(files.SAMPLE_RATE, longest=2 * _LONGEST.value)
    word, number = first
    _say(f"say: {word} ({number} of {_COUNT.value})")
    for piece in _pieces():
        heard = endpointer.push(piece)
        _meter(endpointer.level)
        if heard is None:
            continue
        if wrong := fault(heard, _LONGEST.value):
            _say(f"\n{wrong}")
        else:
            path = folders[word] / f"{number:04d}.wav"
            _write(path, heard)
            _say(f"\n{path}: {len(heard) / files.SAMPLE_RATE:.2f} s")
            following = next(wanted, None)
            if following is None:
                _say(
                    f"done. Next: train with --recordings={_OUTPUT.value}, as "
                    "--help says"
                )
                return
            word, number = following
        _say(f"say: {word} ({number} of {_COUNT.value})")
    raise UserError(
        f"the sound ended before all was recorded: {word!r} has "
        f"{number - 1} of {_COUNT.value}. Call it again to go on"
    )


if __name__ == "__main__":
    cli.run(main)
