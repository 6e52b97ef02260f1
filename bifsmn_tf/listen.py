"""Listens for keywords: to a microphone, a recording or a pipe.

    python -m bifsmn_tf.listen
    python -m bifsmn_tf.listen --model=bifsmn.tflite --input=recording.wav
    arecord -q -f S16_LE -r 16000 -c 1 | \
        python -m bifsmn_tf.listen --model=bifsmn.tflite --input=-

Prints a line for each keyword: when it was heard, which, how certain. Needs no
TensorFlow: pip install bifsmn_tf[listen].
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf import pretrained
from bifsmn_tf.audio import streams as sound_input
from bifsmn_tf.errors import UserError
from bifsmn_tf.runtime.detector import Detector
from bifsmn_tf.runtime.spotter import KeywordSpotter
from bifsmn_tf.runtime.streaming import StreamingSpotter

_MODEL = flags.DEFINE_string(
    "model",
    pretrained.DEFAULT,
    "A .tflite that convert wrote, or the name of a model in the package: "
    + ", ".join(pretrained.names()),
)
_INPUT = flags.DEFINE_string(
    "input",
    "microphone",
    "microphone, a sound file, or - for 16-bit samples on the standard input.",
)
_DEVICE = flags.DEFINE_string(
    "device", None, "The microphone, by number or name; see --list_devices."
)
_LIST = flags.DEFINE_bool("list_devices", False, "Show them and end.")
_DELTA = flags.DEFINE_integer(
    "delta", None, "The depth δ; by default the deepest."
)
_THRESHOLD = flags.DEFINE_float(
    "threshold", 0.8, "Smoothed probability from which on a keyword counts."
)
_SMOOTHING = flags.DEFINE_float(
    "smoothing", 0.2, "Seconds of decisions that are averaged."
)
_HOLD = flags.DEFINE_float(
    "hold", 1.0, "Seconds in which the same keyword is not reported again."
)


def _pieces(rate: int) -> Iterator[np.ndarray]:
    if _INPUT.value == "microphone":
        return sound_input.microphone(rate, _DEVICE.value)
    if _INPUT.value == "-":
        return sound_input.pipe(rate, sys.stdin.buffer)
    if not Path(_INPUT.value).is_file():
        raise UserError(f"--input: there is no file {_INPUT.value}")
    return sound_input.recording(rate, _INPUT.value)


def _print_devices() -> None:
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise UserError(
            f"no microphones without sounddevice and PortAudio ({error})"
        ) from error
    print(sounddevice.query_devices())


def main() -> None:
    """Listens as the flags say."""
    if _LIST.value:
        _print_devices()
        return
    try:
        spotter = KeywordSpotter(_MODEL.value, delta=_DELTA.value)
    except FileNotFoundError as error:
        raise UserError(f"--model: {error}") from error
    except RuntimeError as error:
        raise UserError(str(error)) from error
    rate = spotter.metadata.features.sample_rate
    detector = Detector(
        spotter.labels,
        rate,
        threshold=_THRESHOLD.value,
        smoothing=_SMOOTHING.value,
        hold=_HOLD.value,
    )
    stream = StreamingSpotter(spotter)
    keywords = ", ".join(detector.keywords)
    print(f"listening for: {keywords} (Ctrl-C ends)", file=sys.stderr)
    count = 0
    try:
        for piece in _pieces(rate):
            for decision in stream.push(piece):
                heard = detector.push(decision)
                if heard:
                    count += 1
                    print(
                        f"{heard.time:9.2f} s  {heard.label:<16} "
                        f"{heard.probability:.2f}",
                        flush=True,
                    )
    except KeyboardInterrupt:
        pass
    print(f"{count} keywords", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
