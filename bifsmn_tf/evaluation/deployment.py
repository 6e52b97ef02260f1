"""From a trained run to a file that keeps quiet, and a page on how it does.

The run is converted, hears validation sound, gets thresholds for a wanted rate
of false accepts, and is described in a report: a table, the curve, what was
missed by which voice, and which words come nearest to waking it.
"""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf import whole_file
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.conversion.convert import convert
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import tables
from bifsmn_tf.evaluation.streams import choice
from bifsmn_tf.evaluation.streams import curve
from bifsmn_tf.evaluation.streams import events
from bifsmn_tf.evaluation.streams import report
from bifsmn_tf.evaluation.streams import scores
from bifsmn_tf.evaluation.streams.choice import Choice
from bifsmn_tf.evaluation.streams.curve import Measurement
from bifsmn_tf.evaluation.streams.labels import Word
from bifsmn_tf.evaluation.streams.listeners import Name
from bifsmn_tf.evaluation.streams.recordings import Recording
from bifsmn_tf.evaluation.streams.scores import Scores
from bifsmn_tf.model_file import metadata
from bifsmn_tf.model_file.converted import describe
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.rewriter import with_metadata

MODEL = "model.tflite"
REPORT = "report.md"

_WORST = 10
"""Rows of a table of what is hardest."""


@dataclasses.dataclass(frozen=True)
class Sounds:
    """What a file is tried on; none of it was trained on.

    Attributes:
        dataset: whose validation split has the keywords.
        speech: sound without a keyword, by name, int16 (samples,) at 16 kHz.
        similar: texts that sound like keywords, each with a voice's rendering
            of it, int16 (samples,).
    """

    dataset: KeywordDataset
    speech: dict[str, Int16Array]
    similar: Sequence[tuple[str, Int16Array]] = ()


def deploy(run: Path, sounds: Sounds, rate: float) -> Choice:
    """Writes a run's ``model.tflite`` and ``report.md``.

    Args:
        run: the folder of the run.
        sounds: what thresholds are chosen on.
        rate: the wanted false accepts per hour, of all keywords together.

    Returns:
        What was chosen.

    Raises:
        UserError: The run cannot be converted, or there is no speech.
    """
    if not sounds.speech:
        raise UserError(
            "thresholds are chosen on speech without a keyword: give "
            "--validation_negatives or --spoken_minutes"
        )
    path = run / MODEL
    convert(run, path, audio="logits")
    name = Name(str(path))
    trials = _trials(sounds.dataset)
    streams = [
        Recording(source, source, sound)
        for source, sound in sounds.speech.items()
    ]
    found = scores.compute(name, [*trials, *streams], None)
    chosen = choice.choose(found, rate, events.WINDOW)
    content = ModelFile.read(path)
    description = dataclasses.replace(
        describe(content), detection=chosen.settings
    )
    whole_file.write_bytes(
        path, with_metadata(content, metadata.NAME, description.to_bytes())
    )
    similar = [
        Recording(f"{text}#{i}", "similar", sound, trial=True)
        for i, (text, sound) in enumerate(sounds.similar)
    ]
    near = scores.compute(name, similar, 1) if similar else []
    _write_report(run, sounds, chosen, found, near)
    return chosen


def _trials(dataset: KeywordDataset) -> list[Recording]:
    """Returns the keywords of the validation split, each on its own."""
    clips, names = dataset.splits["validation"], dataset.label_names
    keywords = keywords_of(names)
    return [
        Recording(
            f"{speaker}#{i}",
            "validation",
            waveform,
            (Word(0.0, math.inf, names[label]),),
            trial=True,
        )
        for i, (waveform, label, speaker) in enumerate(
            zip(clips.waveforms, clips.labels, clips.speakers, strict=True)
        )
        if names[label] in keywords
    ]


def _write_report(
    run: Path,
    sounds: Sounds,
    chosen: Choice,
    found: Sequence[Scores],
    near: Sequence[Scores],
) -> None:
    measurement, settings = chosen.measurement, chosen.settings
    points = measurement.curve()
    figures = curve.report(measurement, points)
    best = chosen.point.figures(measurement.hours)
    figures["chosen"] = settings.to_dict() | {"figures": best}
    report.write(run / "report.json", {run.name: figures}, events.WINDOW)
    keywords = ", ".join(measurement.keywords)
    hours = ", ".join(
        f"{name} {len(sound) / 16000 / 3600:.2f} h"
        for name, sound in sounds.speech.items()
    )
    rows = [
        (
            word,
            f"{settings.thresholds[word]:.4g}",
            str(chosen.point.false[word]),
            f"{chosen.point.words[word] - chosen.point.hits[word]} of "
            f"{chosen.point.words[word]}",
        )
        for word in measurement.keywords
    ]
    parts = [
        f"# {keywords}",
        f"Chosen for {settings.false_accepts_per_hour:g} false accepts an hour "
        "on validation sound, none of which was trained on and which is no "
        f"test: {hours} without a keyword, and the keywords of the validation "
        f"split. There it had {_rate(best)} an hour and missed "
        f"{best['miss_rate']:.1%}; {measurement.hours:.2f} h show no rate "
        f"below {1 / measurement.hours:.2g}.",
        tables.markdown(("keyword", "threshold", "false", "missed"), rows),
        f"Probabilities are averaged over {settings.smoothing:g} s; a keyword "
        f"is reported once in {settings.hold:g} s.",
        "![missed against false accepts](report_det.png)",
        "## Missed, by voice",
        _by_voice(found, chosen),
    ]
    if near:
        parts += ["## What sounds like it", _nearest(near, chosen)]
    parts += [
        "## Try it",
        f"    python -m bifsmn_tf.listen --model={MODEL}",
        "on other sound, with labels or trials:",
        f"    python -m bifsmn_tf.evaluate_stream --model={MODEL} "
        "--streams=FOLDER",
    ]
    whole_file.write_text(run / REPORT, "\n\n".join(parts) + "\n")


def _rate(figures: dict[str, Any]) -> str:
    return f"{figures['false_accepts_per_hour']:.2g}"


def _by_voice(found: Sequence[Scores], chosen: Choice) -> str:
    """Returns the voices of which the most was missed."""
    by_voice: dict[str, list[Scores]] = {}
    for heard in found:
        if heard.trial:
            voice = heard.recording.rpartition("#")[0] or "unknown"
            by_voice.setdefault(voice, []).append(heard)
    rows = []
    for voice, theirs in by_voice.items():
        settings = chosen.settings
        point = Measurement(
            theirs, settings.smoothing, settings.hold, events.WINDOW
        ).at(settings.thresholds)
        said = sum(point.words.values())
        missed = said - sum(point.hits.values())
        rows.append((missed / said, missed, said, voice))
    rows.sort(key=lambda row: (-row[0], -row[1], row[3]))
    missed_some = [row for row in rows if row[1]][:_WORST]
    if not missed_some:
        return f"None of {len(rows)} voices was missed."
    return (
        tables.markdown(
            ("voice", "missed"),
            [(row[3], f"{row[1]} of {row[2]}") for row in missed_some],
        )
        + f"\n\nof {len(rows)} voices; the others were always heard."
    )


def _nearest(near: Sequence[Scores], chosen: Choice) -> str:
    """Returns the texts that come nearest to waking the file."""
    highest: dict[str, tuple[float, int, int]] = {}
    for heard in near:
        text = heard.recording.rpartition("#")[0]
        settings = chosen.settings
        point = Measurement(
            [heard], settings.smoothing, settings.hold, events.WINDOW
        ).at(settings.thresholds)
        woke = int(sum(point.false_beside.values()) + sum(point.false.values()))
        peak = float(np.max(heard.probabilities, initial=0.0))
        before = highest.get(text, (0.0, 0, 0))
        highest[text] = (
            max(before[0], peak),
            before[1] + (woke > 0),
            before[2] + 1,
        )
    rows = sorted(highest.items(), key=lambda x: (-x[1][1], -x[1][0], x[0]))
    return tables.markdown(
        ("said", "highest probability", "woke it"),
        [
            (text, f"{peak:.3f}", f"{woke} of {said}")
            for text, (peak, woke, said) in rows[:_WORST]
        ],
    )
