r"""Listens for keywords: to a microphone, a recording or a pipe.

    python -m bifsmn_tf.listen
    python -m bifsmn_tf.listen --model=bifsmn.tflite --input=recording.wav
    arecord -q -f S16_LE -r 16000 -c 1 -t raw | \
        python -m bifsmn_tf.listen --model=bifsmn.tflite --input=-

Prints a line for each keyword: when it was certain, which, how certain; with
--json an object a line, for programs. On a terminal a line on the standard
error shows what is heard. Needs no TensorFlow: pip install bifsmn_tf[listen].
"""

import dataclasses
import json
import sys
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from bifsmn_tf import cli
from bifsmn_tf import pretrained
from bifsmn_tf.audio import files
from bifsmn_tf.audio import streams
from bifsmn_tf.audio.mending import Mender
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.cli import flags
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.model_file.detection import parse_thresholds
from bifsmn_tf.runtime.detector import Detection
from bifsmn_tf.runtime.display import make_display
from bifsmn_tf.runtime.listening import Listener
from bifsmn_tf.runtime.spotter import KeywordSpotter
from bifsmn_tf.runtime.streaming import depths

_MODEL = flags.DEFINE_string(
    "model",
    pretrained.DEFAULT,
    "Path of a .tflite that convert wrote, or the name of a model in the "
    f"package: {', '.join(pretrained.names())}.",
)
_INPUT = flags.DEFINE_string(
    "input",
    "microphone",
    "Where sound comes from: microphone, the path of a sound file, or - for "
    "raw samples on the standard input, signed and of 16 bits.",
)
_RATE = flags.DEFINE_integer(
    "rate",
    None,
    "Samples a second on the standard input; by default the model's, 16000.",
)
_CHANNELS = flags.DEFINE_integer(
    "channels",
    None,
    "Channels on the standard input, whose mean is heard; by default 1.",
)
_DEVICE = flags.DEFINE_string(
    "device",
    None,
    "Number or name of the microphone, as --list_devices shows them; by "
    "default the system's.",
)
_LIST = flags.DEFINE_bool(
    "list_devices", False, "Print the system's microphones and end."
)
_DELTA = flags.DEFINE_string(
    "delta",
    None,
    "Depth δ at which the network runs, such as 4; by default the deepest. "
    "auto: of a streaming model the shallowest listens and the deepest "
    "confirms what may be a keyword.",
)
_THRESHOLD = flags.DEFINE_list(
    "threshold",
    None,
    "Smoothed probability from which on a keyword counts: one for all, or "
    "some keywords' own, yes=0.9,stop=0.99; by default each keyword's own, as "
    "the model's file says, or 0.8.",
)
_SMOOTHING = flags.DEFINE_float(
    "smoothing",
    None,
    "Seconds of decisions whose probabilities are averaged; by default as the "
    "model's file says, or 0.2.",
)
_HOLD = flags.DEFINE_float(
    "hold",
    None,
    "Seconds in which the same keyword is not reported again; by default as "
    "the model's file says, or 1.",
)
_HOP = flags.DEFINE_float(
    "hop",
    None,
    "Seconds from one decision to the next with a model of clips, which "
    "computes a clip for each; by default 0.032. A streaming model has a step "
    "of its own.",
)
_JSON = flags.DEFINE_bool(
    "json", False, "Print each keyword as an object of JSON on a line."
)


def _pieces(rate: int, mend: Mender) -> Iterator[FloatArray]:
    for flag in (_RATE, _CHANNELS):
        if flag.value is not None and _INPUT.value != "-":
            raise UserError(
                f"{flag.name} is for samples on the standard input, --input=-: "
                "files and microphones have their own"
            )
    if not _INPUT.value:
        raise UserError(
            "input: names nothing; give a sound file, - or microphone"
        )
    if _INPUT.value == "microphone":
        return streams.microphone(rate, _DEVICE.value, _say, mend)
    if _INPUT.value == "-":
        if sys.stdin is None:
            raise UserError("input: the standard input is closed")
        channels = 1 if _CHANNELS.value is None else _CHANNELS.value
        return streams.pipe(rate, sys.stdin.buffer, _RATE.value, channels)
    return files.stream(_INPUT.value, rate, mend=mend)


def main() -> None:
    """Listens as the flags say."""
    if _LIST.value:
        print(streams.microphones())
        return
    delta, confirm = depths(_MODEL.value, _DELTA.value)
    spotter = KeywordSpotter(_MODEL.value, delta=delta)
    rate = spotter.metadata.features.sample_rate
    settings = spotter.detection.override(
        parse_thresholds(_THRESHOLD.value), _SMOOTHING.value, _HOLD.value
    )
    listener = Listener(spotter, settings, _HOP.value, confirm)
    count = 0
    mend = Mender()
    announcement = _announcement(listener.detector.keywords, settings)
    with make_display(spotter.labels, rate) as display:
        try:
            for piece, detections in _heard(listener, rate, mend, announcement):
                for detection in detections:
                    count += 1
                    _print(detection)
                display.show(
                    piece,
                    listener.detector.probabilities,
                    listener.stream.delta,
                )
        except KeyboardInterrupt:
            pass
    bad = f", {mend.count} pieces of sound left out" if mend.count else ""
    noun = "keyword" if count == 1 else "keywords"
    print(f"{count} {noun}{bad}", file=sys.stderr)


def _announcement(keywords: Sequence[str], settings: DetectionSettings) -> str:
    """Says what is listened for, and when it counts as heard."""
    thresholds = {x: f"{settings.thresholds[x]:.5g}" for x in keywords}
    if len(set(thresholds.values())) == 1:
        named = ", ".join(keywords)
        least = f"a probability of {thresholds[keywords[0]]}"
    else:
        named = ", ".join(f"{x} ({y})" for x, y in thresholds.items())
        least = "the probability in brackets"
    rate = settings.false_accepts_per_hour
    chosen = "" if rate is None else f", chosen for {rate:g} false an hour"
    return (
        f"listening for: {named}; from {least} on, "
        f"over {settings.smoothing:g} s{chosen} (Ctrl-C ends)"
    )


def _heard(
    listener: Listener, rate: int, mend: Mender, announcement: str
) -> Iterator[tuple[FloatArray, list[Detection]]]:
    """Yields pieces of sound and the words in them, to the last sample."""
    for number, piece in enumerate(_pieces(rate, mend)):
        # Not before there is sound: what is missing would stand below it.
        if number == 0:
            _say(announcement)
        yield piece, listener.push(piece)
    yield np.empty(0, np.float32), listener.finish()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(detection: Detection) -> None:
    if _JSON.value:
        text = json.dumps(dataclasses.asdict(detection))
    else:
        text = (
            f"{detection.time:9.2f} s  {detection.label:<16} "
            f"{detection.probability:.2f}"
        )
    print(text, flush=True)


if __name__ == "__main__":
    cli.run(main)
