"""The whole way in some minutes: speech, teacher, BiFSMN, .tflite, decision.

    python -m bifsmn_tf.quickstart

Speaks a set of keywords with synthetic voices, trains the full-precision
teacher and then BiFSMN by distillation, converts both, runs the binary file
through the stock ai-edge-litert interpreter on clips of voices that were never
trained on, and prints what came out. What is done already is not done again.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import tables

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

    _step(
        1,
        "speaking the keywords, training the teacher, then BiFSMN",
        [
            "bifsmn_tf.train",
            f"--flagfile={_FLAGFILE.value}",
            f"--run_dir={run}",
        ],
    )
    _step(
        2,
        "converting BiFSMN",
        ["bifsmn_tf.convert", f"--model={run}", f"--output={binary}"],
        made=binary,
        source=trained,
    )
    _step(
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
    print(f"\n{(time.monotonic() - began) / 60:.1f} minutes")


def _step(
    number: int,
    title: str,
    words: list[str],
    made: Path | None = None,
    source: Path | None = None,
) -> None:
    """Runs a command, unless what it makes is newer than its source."""
    if (
        made is not None
        and source is not None
        and made.exists()
        and made.stat().st_mtime >= source.stat().st_mtime
    ):
        print(f"[{number}/{_STEPS}] {title}: done before")
        return
    print(f"[{number}/{_STEPS}] {title}", flush=True)
    done = subprocess.run([sys.executable, "-m", *words])
    if done.returncode:
        raise UserError(f"step {number} failed: python -m {' '.join(words)}")


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


def _accuracy(figures: dict[str, Any]) -> str:
    low, high = (100 * bound for bound in figures["interval"])
    return f"{100 * figures['accuracy']:.1f} % ({low:.1f}-{high:.1f})"


if __name__ == "__main__":
    cli.run(main)
