"""The whole way in some minutes: speech, teacher, BiFSMN, .tflite, decision.

    python -m bifsmn_tf.quickstart

Speaks a set of keywords with synthetic voices, trains the full-precision
teacher and then BiFSMN by distillation, converts both, runs the binary file
through the stock ai-edge-litert interpreter on clips of voices that were never
trained on, and prints what came out. Then such a voice says three of the words,
and ``listen`` hears them. What is done already is not done again.
What the commands say is in ``quickstart.log`` in the run's folder.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bifsmn_tf import cli
from bifsmn_tf.audio import files
from bifsmn_tf.audio.resampling import resampled
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.cli import flags
from bifsmn_tf.data.synthetic import espeak
from bifsmn_tf.data.synthetic import voices
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import tables
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.runtime.spotter import KeywordSpotter

_RUN_DIR = flags.DEFINE_string(
    "run_dir", "runs/quickstart", "The folder of everything that is made."
)
_FLAGFILE = flags.DEFINE_string(
    "training", "configs/quickstart.flags", "The flagfile of the training."
)

_STEPS = 6


def main() -> None:
    """Runs the commands one after the other and prints a table."""
    if not Path(_FLAGFILE.value).is_file():
        raise UserError(
            f"there is no {_FLAGFILE.value}: run this in the project's folder"
        )
    began = time.monotonic()
    run = Path(_RUN_DIR.value)
    binary, full = run / "bifsmn.tflite", run / "dfsmn_float.tflite"
    reports = {
        "Keras": run / "test_keras.json",
        ".tflite": run / "test_tflite.json",
    }
    trained = run / "metrics.json"
    run.mkdir(parents=True, exist_ok=True)
    log = run / "quickstart.log"

    _step(
        log,
        1,
        "speaking the keywords, training the teacher, then BiFSMN",
        [
            "bifsmn_tf.train",
            f"--flagfile={_FLAGFILE.value}",
            f"--run_dir={run}",
        ],
    )
    _step(
        log,
        2,
        "converting BiFSMN",
        ["bifsmn_tf.convert", f"--model={run}", f"--output={binary}"],
        made=binary,
        source=trained,
    )
    _step(
        log,
        3,
        "converting the full-precision teacher",
        ["bifsmn_tf.convert", f"--model={run}", "--float", f"--output={full}"],
        made=full,
        source=trained,
    )
    for number, (name, model) in enumerate(
        {"Keras": run, ".tflite": binary}.items(), 4
    ):
        _step(
            log,
            number,
            f"evaluating on unseen speakers: {name}",
            [
                "bifsmn_tf.evaluate",
                f"--model={model}",
                f"--json={reports[name]}",
            ],
            made=reports[name],
            source=binary,
        )
    teacher_report = run / "test_teacher.json"
    _step(
        log,
        _STEPS,
        "evaluating the full-precision .tflite",
        [
            "bifsmn_tf.evaluate",
            f"--model={full}",
            f"--json={teacher_report}",
        ],
        made=teacher_report,
        source=full,
    )
    _summarise(
        {name: json.loads(path.read_text()) for name, path in reports.items()},
        json.loads(teacher_report.read_text()),
        binary,
        full,
        run,
    )
    hear(binary, run / "phrase.wav")
    print(f"\nwhat each command said\n  {log}")
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes")


def _step(
    log: Path,
    number: int,
    title: str,
    words: list[str],
    made: Path | None = None,
    source: Path | None = None,
) -> None:
    """Runs a command, unless what it makes is newer than its source.

    Args:
        log: Where what the command prints goes; progress and errors show.
        number: Of the step.
        title: What the step does.
        words: The module to run and its flags.
        made: What the command makes.
        source: What it makes it of.
    """
    if (
        made is not None
        and source is not None
        and made.exists()
        and made.stat().st_mtime >= source.stat().st_mtime
    ):
        print(f"[{number}/{_STEPS}] {title}: done before")
        return
    command = f"python -m {' '.join(words)}"
    print(f"[{number}/{_STEPS}] {title}\n  {command}", flush=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {command}\n")
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", *words],
            stdout=file,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise UserError(
            f"step {number} was stopped by {name}; the same command goes on"
        )
    if done.returncode:
        raise UserError(f"step {number} failed: {command}, see {log}")


def _summarise(
    reports: dict[str, dict[str, Any]],
    teacher: dict[str, Any],
    binary: Path,
    full: Path,
    run: Path,
) -> None:
    """Prints accuracies, sizes and pictures.

    Args:
        reports: of BiFSMN on the test clips, by what computed: a report of
            ``evaluate`` each.
        teacher: the same of the full-precision file.
        binary: the file of BiFSMN.
        full: the file of the teacher.
        run: the folder of the pictures.
    """
    print("\naccuracy on held-out clips (95 % interval)\n")
    rows = [
        [
            f"BiFSMN, δ = {delta}",
            *(
                _accuracy(report["deltas"][delta])
                for report in reports.values()
            ),
        ]
        for delta in reports["Keras"]["deltas"]
    ]
    floating = _accuracy(teacher["deltas"]["1"])
    rows.append(["full-precision D-FSMN", "", floating])
    print(tables.plain(["", *reports], rows))
    print(
        "  Keras computes in floats here, the file in integers; with evaluate "
        "--integers\n  Keras computes as the file does, with the same result."
    )
    sizes = binary.stat().st_size, full.stat().st_size
    print(
        f"\nfiles\n  {binary}  {sizes[0]:,} bytes, all depths\n"
        f"  {full}  {sizes[1]:,} bytes, full precision: "
        f"{sizes[1] / sizes[0]:.1f} times as large"
    )
    print("\npictures")
    pictures = [
        run / "curves.png",
        run / "teacher" / "curves.png",
        *sorted(run.glob("test_tflite_confusion_*.png")),
    ]
    for picture in pictures:
        print(f"  {picture}")


def speak(words: Sequence[str], path: Path) -> None:
    """Writes a recording in which a voice that nothing trained on says words.

    Args:
        words: half a second of silence stands around each.
        path: of the WAV file.
    """
    import soundfile

    pause = np.zeros(files.SAMPLE_RATE // 2, np.float32)
    parts = [pause]
    with espeak.Speaker() as speaker:
        for word in words:
            said = speaker.say(
                word, voices.voices("test")[0], rate=140, pitch=50, range_=50
            )
            parts.append(
                resampled(
                    to_float(said), speaker.sample_rate, files.SAMPLE_RATE
                )
            )
            parts.append(pause)
    soundfile.write(path, np.concatenate(parts), files.SAMPLE_RATE)


def hear(model: Path, recording: Path) -> None:
    """Has words spoken and heard, and prints that and what to try next.

    Args:
        model: the .tflite.
        recording: the file to write what is spoken to.

    Raises:
        UserError: ``listen`` fails.
    """
    words = keywords_of(KeywordSpotter(model).labels)[:3]
    speak(words, recording)
    command = ["bifsmn_tf.listen", f"--model={model}", f"--input={recording}"]
    print(
        f"\na voice says: {', '.join(words)}\n  python -m {' '.join(command)}",
        flush=True,
    )
    done = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    if done.returncode:
        raise UserError(f"listen failed: {done.stderr.strip()}")
    print(done.stdout.rstrip("\n") or "  it was not sure of any of them")
    print(
        "\nnow into a microphone\n  pip install '.[listen]'\n"
        f"  python -m bifsmn_tf.listen --model={model}"
    )


def _accuracy(figures: dict[str, Any]) -> str:
    low, high = (100 * bound for bound in figures["interval"])
    return f"{100 * figures['accuracy']:.1f} % ({low:.1f}-{high:.1f})"


if __name__ == "__main__":
    cli.run(main)
