r"""Measures a spotter in sound that goes on: false accepts, misses, latency.

    python -m bifsmn_tf.evaluate_stream --model=bifsmn.tflite \
        --streams=MY_RECORDINGS --json=result.json

Recordings of any length; Audacity's label tracks beside them (one.txt beside
one.wav), or one CSV of file,start,end,word in the folder, say where keywords
are. A recording without labels holds none: whatever is detected there is false.
A detection within a window after a word is a hit, once a word; every other one
is a false accept. Needs no TensorFlow.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import tables
from bifsmn_tf.evaluation.streams import curve
from bifsmn_tf.evaluation.streams import events
from bifsmn_tf.evaluation.streams import recordings
from bifsmn_tf.evaluation.streams import scores
from bifsmn_tf.evaluation.streams.listeners import Name
from bifsmn_tf.evaluation.streams.listeners import listener
from bifsmn_tf.evaluation.streams.recordings import Recording

_MODEL = flags.DEFINE_multi_string(
    "model",
    None,
    "The model that listens (required): the path of a .tflite that convert "
    "wrote, the name of a model in the package, or microwakeword:alexa, "
    "openwakeword:alexa and so on of the peers' packages. Several are measured "
    "on the same sound.",
    required=True,
)
_DELTAS = flags.DEFINE_list(
    "deltas",
    None,
    "The depths to measure, such as 1,4; the deepest by default.",
)
_STREAMS = flags.DEFINE_list(
    "streams",
    [],
    "Folders of long recordings, with labels beside them or without keywords.",
)
_JOIN = flags.DEFINE_bool(
    "join",
    False,
    "Lay the recordings of a folder of streams end to end, by name, as one.",
)
_TRIALS = flags.DEFINE_list(
    "trials",
    [],
    "Folders of recordings in each of which one word is spoken, the folder's "
    "name; word=FOLDER says another word.",
)
_THRESHOLDS = flags.DEFINE_list(
    "thresholds",
    ["0.5", "0.8", "0.9", "0.95", "0.99"],
    "The thresholds of the table; the curves have many more.",
)
_SMOOTHING = flags.DEFINE_float(
    "smoothing",
    None,
    "Seconds of decisions whose probabilities are averaged; by default what "
    "the model says, or 0.2, and nothing for a peer's model.",
)
_HOLD = flags.DEFINE_float(
    "hold",
    None,
    "Seconds in which the same keyword is not reported again; by default what "
    "the model says, or 1.",
)
_WINDOW = flags.DEFINE_float(
    "window",
    events.WINDOW,
    "Seconds after the end of a word in which its detection is a hit.",
)
_HOP = flags.DEFINE_float(
    "hop",
    None,
    "Seconds from one decision to the next with a model of clips; by default "
    "0.032.",
)
_PROCESSES = flags.DEFINE_integer(
    "processes",
    None,
    "Processes that share the recordings; by default one a processor.",
)
_JSON = flags.DEFINE_string(
    "json",
    None,
    "The file for all figures at every threshold; the curves are drawn beside "
    "it as PNG.",
)


def _recordings() -> list[Recording]:
    found = []
    for place in _STREAMS.value:
        found += recordings.folder(place, join=_JOIN.value)
    for place in _TRIALS.value:
        word, equals, named = place.rpartition("=")
        found += recordings.trials(named, word if equals else None)
    if not found:
        raise UserError("streams or trials have to be given: what is heard?")
    return found


def _thresholds() -> list[float]:
    try:
        values = [float(text) for text in _THRESHOLDS.value]
    except ValueError as error:
        raise UserError(f"thresholds are numbers: {error}") from error
    if not values or not all(0 < value <= 1 for value in values):
        raise UserError(f"thresholds are in (0, 1], not {values}")
    return values


def _names() -> list[Name]:
    deltas: list[int | None] = [None]
    if _DELTAS.value is not None:
        if not all(text.isdigit() for text in _DELTAS.value):
            raise UserError(f"deltas are whole numbers, not {_DELTAS.value}")
        deltas = [int(text) for text in _DELTAS.value]
    return [
        Name(model, delta, _HOP.value)
        for model in _MODEL.value
        for delta in (deltas if ":" not in model else [None])
    ]


def _rows(
    name: Name, report: dict[str, Any], shown: Sequence[float]
) -> list[tuple[str, ...]]:
    figures = report["all"]
    rows: list[tuple[str, ...]] = []
    for threshold in shown:
        i = report["thresholds"].index(threshold)
        at = {key: values[i] for key, values in figures.items()}
        rows.append(
            (
                str(name),
                f"{threshold:g}",
                str(at["false_accepts"]),
                _number(at["false_accepts_per_hour"], "{:.2f}"),
                f"{at['missed']} of {at['words']}",
                _number(at["miss_rate"], "{:.1%}"),
                _number(at["latency_median"], "{:.2f}"),
                _number(at["latency_90_percent"], "{:.2f}"),
            )
        )
    return rows


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


HEAD = (
    "model",
    "threshold",
    "false",
    "an hour",
    "missed",
    "missed, %",
    "latency, s",
    "of 90 %",
)


def main() -> None:
    """Measures what the flags say."""
    shown = _thresholds()
    heard = _recordings()
    reports: dict[str, Any] = {}
    rows = []
    # What is wrong with one is said before another has heard an hour.
    listening_by_name = {name: listener(name) for name in _names()}
    for name, listening in listening_by_name.items():
        found = scores.compute(name, heard, _PROCESSES.value)
        smoothing, hold = _SMOOTHING.value, _HOLD.value
        measurement = curve.Measurement(
            found,
            listening.smoothing if smoothing is None else smoothing,
            listening.hold if hold is None else hold,
            _WINDOW.value,
        )
        points = measurement.curve([*curve.THRESHOLDS, *shown])
        reports[str(name)] = curve.report(measurement, points)
        rows += _rows(name, reports[str(name)], shown)
    print(tables.plain(HEAD, rows, left=1))
    if _JSON.value:
        path = Path(_JSON.value)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"models": reports}, indent=1) + "\n")


if __name__ == "__main__":
    cli.run(main)
