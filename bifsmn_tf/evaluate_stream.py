r"""Measures a spotter in sound that goes on: false accepts, misses, latency.

    python -m bifsmn_tf.evaluate_stream --model=bifsmn.tflite \
        --streams=MY_RECORDINGS --json=result.json

    python -m bifsmn_tf.evaluate_stream --model=bifsmn-sc12 \
        --streams=MY_RECORDINGS --data_dir=CLIPS --split=validation \
        --false_accepts_per_hour=0.5 --output=quiet.tflite

Recordings of any length; Audacity's label tracks beside them (one.txt beside
one.wav), or one CSV of file,start,end,word in the folder, say where keywords
are. A recording without labels holds none: whatever is detected there is false.
A folder of trials holds recordings in each of which its word is spoken once;
--data_dir strings clips of a data set together, in noise. A detection within
a window after a word is a hit, once a word; every other one is a false accept.
The rate is that of streams; what is false beside the words of trials and of
strung clips is counted apart.

--false_accepts_per_hour chooses threshold, smoothing and hold on this sound;
--output stores them in a copy of the file, for listen to obey. Choose on other
sound than what you quote. Needs no TensorFlow.
"""

import dataclasses
import warnings
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bifsmn_tf import cli
from bifsmn_tf import pretrained
from bifsmn_tf import whole_file
from bifsmn_tf.cli import flags
from bifsmn_tf.data import datasets
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import tables
from bifsmn_tf.evaluation.streams import choice
from bifsmn_tf.evaluation.streams import curve
from bifsmn_tf.evaluation.streams import events
from bifsmn_tf.evaluation.streams import recordings
from bifsmn_tf.evaluation.streams import report
from bifsmn_tf.evaluation.streams import scores
from bifsmn_tf.evaluation.streams.choice import Choice
from bifsmn_tf.evaluation.streams.compose import Composition
from bifsmn_tf.evaluation.streams.compose import compose
from bifsmn_tf.evaluation.streams.curve import Measurement
from bifsmn_tf.evaluation.streams.listeners import Listener
from bifsmn_tf.evaluation.streams.listeners import Name
from bifsmn_tf.evaluation.streams.listeners import listener
from bifsmn_tf.evaluation.streams.recordings import Recording
from bifsmn_tf.evaluation.streams.scores import Scores
from bifsmn_tf.model_file import metadata
from bifsmn_tf.model_file.converted import describe
from bifsmn_tf.model_file.detection import NOT_KEYWORDS
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.rewriter import with_metadata

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
    "The depths to measure, such as 1,4,auto; the deepest by default. With "
    "auto the shallowest listens and the deepest confirms.",
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
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "A folder of clips to string together, as evaluate takes it.",
)
_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "The data set of these clips: synthetic, folder, or "
    "speech_commands/CONFIG; by default what the model was trained on.",
)
_SPLIT = flags.DEFINE_enum(
    "split", "test", list(SPLITS), "The part of the data set to take."
)
_EVERYTHING = flags.DEFINE_bool(
    "everything",
    None,
    "Take all of a folder's clips, not only its split; by default unless the "
    "model itself was trained on a folder.",
)
_WORDS = flags.DEFINE_integer(
    "words", Composition.words, "How many keywords are strung together."
)
_OTHERS = flags.DEFINE_integer(
    "others",
    Composition.others,
    "How many words of the class unknown are among them.",
)
_PAUSE = flags.DEFINE_list(
    "pause",
    [str(x) for x in Composition.pause],
    "Seconds from one clip to the next, the least and the most.",
)
_GAIN = flags.DEFINE_list(
    "gain",
    [str(x) for x in Composition.gain],
    "Of a clip in dB, the least and the most.",
)
_NOISE = flags.DEFINE_float(
    "noise",
    Composition.noise,
    "Level of the background of strung clips in dB of full scale.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Of what is drawn to string clips.")
_CACHE_DIR = flags.DEFINE_string(
    "cache_dir",
    ".cache/bifsmn_tf",
    "The folder in which prepared clips are kept.",
)
_RATE = flags.DEFINE_float(
    "false_accepts_per_hour",
    None,
    "Choose threshold, smoothing and hold for this rate of all keywords "
    "together, with as few missed as can be; --smoothing and --hold fix these.",
)
_COMMON = flags.DEFINE_bool(
    "common_threshold",
    False,
    "With --false_accepts_per_hour, one threshold for all keywords: what is "
    "divided among them by a few events each holds less well elsewhere.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "The .tflite to write: the model with what was chosen in it.",
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


def _recordings(names: Sequence[Name]) -> list[Recording]:
    found = []
    for place in _STREAMS.value:
        found += recordings.folder(place, join=_JOIN.value)
    for place in _TRIALS.value:
        word, equals, named = place.rpartition("=")
        found += recordings.trials(named, word if equals else None)
    if _DATA_DIR.value or _DATASET.value:
        found += _composed(names)
    if not found:
        raise UserError(
            "streams, trials or data_dir have to be given: what is heard?"
        )
    return found


def _composed(names: Sequence[Name]) -> list[Recording]:
    """Strings clips together."""
    composition = Composition(
        _WORDS.value,
        _OTHERS.value,
        _pair(_PAUSE),
        _pair(_GAIN),
        _NOISE.value,
        _SEED.value,
    )
    trained_on: dict[str, Any] = {"name": "", "options": {}}
    ours = [name for name in names if ":" not in name.model]
    if ours:
        content = ModelFile.read(pretrained.find(ours[0].model))
        trained_on = describe(content).dataset
    name = _DATASET.value or trained_on["name"]
    options = trained_on["options"] if name == trained_on["name"] else {}
    options = dict(options)
    everything = _EVERYTHING.value
    if everything is None:
        everything = trained_on["name"] != "folder"
    if name == "folder" and everything:
        options["everything_as"] = _SPLIT.value
    dataset = datasets.load(
        name,
        _DATA_DIR.value,
        splits=(_SPLIT.value,),
        cache_dir=_CACHE_DIR.value,
        **options,
    )
    return compose(dataset, _SPLIT.value, composition)


def _pair(flag: flags.FlagHolder[list[str]]) -> tuple[float, float]:
    try:
        low, high = map(float, flag.value)
    except ValueError as error:
        raise UserError(
            f"{flag.name} is two numbers, a least and a most, not "
            f"{','.join(flag.value)}"
        ) from error
    return low, high


def _thresholds() -> list[float]:
    try:
        values = [float(text) for text in _THRESHOLDS.value]
    except ValueError as error:
        raise UserError(f"thresholds are numbers: {error}") from error
    if not values or not all(0 < value <= 1 for value in values):
        raise UserError(f"thresholds are in (0, 1], not {values}")
    return values


def _names() -> list[Name]:
    deltas: list[str | None] = [None]
    if _DELTAS.value is not None:
        deltas = [*_DELTAS.value]
    return [
        Name(model, delta, _HOP.value)
        for model in _MODEL.value
        for delta in (deltas if ":" not in model else [None])
    ]


def main() -> None:
    """Measures what the flags say."""
    shown = _thresholds()
    names = _names()
    if _OUTPUT.value and (_RATE.value is None or len(names) > 1):
        raise UserError(
            "output needs false_accepts_per_hour, one model and one depth"
        )
    if _COMMON.value and _RATE.value is None:
        raise UserError("common_threshold needs false_accepts_per_hour")
    # What is wrong with one is said before another has heard an hour.
    models = {name: listener(name) for name in names}
    if _OUTPUT.value and ":" in names[0].model:
        raise UserError("output is for models of ours, not for a peer's")
    heard = _recordings(names)
    _tell_of_strange_words(heard, models.values())
    reports: dict[str, Any] = {}
    rows = []
    for name, model in models.items():
        found = scores.compute(name, heard, _PROCESSES.value)
        settings = model.detection.override(None, _SMOOTHING.value, _HOLD.value)
        measurement = Measurement(
            found, settings.smoothing, settings.hold, _WINDOW.value
        )
        points = measurement.curve([*curve.THRESHOLDS, *shown])
        figures = curve.report(measurement, points)
        reports[str(name)] = figures
        hours = measurement.hours
        rows += [
            report.row(str(name), f"{x:g}", points[x].figures(hours))
            for x in shown
        ]
        if model.chosen:
            own = measurement.at(settings.thresholds).figures(hours)
            figures["own"] = settings.to_dict() | {"figures": own}
            rows.append(report.row(str(name), "its own", own))
        if _RATE.value is not None:
            chosen = _chosen(found, _RATE.value)
            best = chosen.point.figures(chosen.measurement.hours)
            figures["chosen"] = chosen.settings.to_dict() | {"figures": best}
            rows.append(report.row(str(name), "chosen", best))
            if _OUTPUT.value:
                _write_model(name.model, chosen.settings, Path(_OUTPUT.value))
    print(_sound(measurement))
    print(tables.plain(report.HEAD, rows, left=2))
    for title, figures in reports.items():
        if "chosen" in figures:
            print(report.settings(title, figures["chosen"]))
    if _JSON.value:
        report.write(Path(_JSON.value), reports, _WINDOW.value)


def _sound(measurement: Measurement) -> str:
    window = f"{_WINDOW.value:g} s after a word are a hit"
    if not measurement.hours:
        return f"no stream, so no rate; {window}"
    return (
        f"rate in {measurement.hours:.2f} h of "
        f"{', '.join(measurement.sources)}; {window}"
    )


def _tell_of_strange_words(
    heard: Sequence[Recording], models: Iterable[Listener]
) -> None:
    """Warns of labels that are no keywords: somebody may have misspelt one."""
    known = {label for model in models for label in keywords_of(model.labels)}
    spoken = {word.label for recording in heard for word in recording.words}
    strange = sorted(spoken - known - {*NOT_KEYWORDS})
    if strange:
        warnings.warn(
            f"no model has the keywords {', '.join(strange[:5])}: these words "
            "are sound like any other. The keywords: "
            f"{', '.join(sorted(known))}",
            DataWarning,
            stacklevel=2,
        )


def _chosen(found: list[Scores], rate: float) -> Choice:
    smoothing, hold = _SMOOTHING.value, _HOLD.value
    chosen = choice.choose(
        found,
        rate,
        _WINDOW.value,
        choice.SMOOTHINGS if smoothing is None else [smoothing],
        choice.HOLDS if hold is None else [hold],
        _COMMON.value,
    )
    hours = chosen.measurement.hours
    note = None
    if not chosen.reached:
        note = (
            f"no threshold keeps to {rate:g} false accepts an hour: these are "
            "the fewest"
        )
    elif rate * hours < 1:
        note = (
            f"{hours:.2f} h of sound show no rate below {1 / hours:.2g} an "
            f"hour: for {rate:g} an hour nothing may be false in it, which "
            "more sound would tell better"
        )
    if note:
        warnings.warn(note, DataWarning, stacklevel=2)
    return chosen


def _write_model(model: str, settings: DetectionSettings, path: Path) -> None:
    content = ModelFile.read(pretrained.find(model))
    description = dataclasses.replace(describe(content), detection=settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write_bytes(
        path, with_metadata(content, metadata.NAME, description.to_bytes())
    )
    print(f"model: {path}")


if __name__ == "__main__":
    cli.run(main)
