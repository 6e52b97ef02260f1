"""The command, on a model of the package."""

import json

import numpy as np
import pytest
import soundfile
from commands import run_apart
from sounds import noise

from bifsmn_tf import KeywordSpotter


@pytest.fixture
def streams(tmp_path):
    folder = tmp_path / "streams"
    folder.mkdir()
    for i in range(2):
        soundfile.write(folder / f"{i}.wav", noise(48000, i), 16000)
    (folder / "1.txt").write_text("0.5\t1.0\tyes\n2\t2.5\tnoise\n")
    return folder


def test_figures_of_a_folder_without_tensorflow(streams, tmp_path):
    out = tmp_path / "out" / "result.json"
    code = (
        "import runpy, sys\n"
        "sys.modules['tensorflow'] = None\n"
        "runpy.run_module('bifsmn_tf.evaluate_stream', run_name='__main__')\n"
    )
    done = run_apart(
        "evaluate_stream",
        "--model=bifsmn_s-sc12",
        "--deltas=1,4",
        f"--streams={streams}",
        f"--json={out}",
        code=code,
    )
    assert done.returncode == 0, done.stderr
    assert "of 1" in done.stdout
    models = json.loads(out.read_text())["models"]
    assert list(models) == ["bifsmn_s-sc12, δ = 1", "bifsmn_s-sc12, δ = 4"]
    for report in models.values():
        assert report["hours"] == pytest.approx(6 / 3600)
        false = report["all"]["false_accepts"]
        assert len(false) == len(report["thresholds"])
        every = [x["false_accepts"] for x in report["keywords"].values()]
        assert np.sum(every, axis=0).tolist() == false
        assert report["keywords"]["yes"]["words"][0] == 1
        assert report["keywords"]["no"]["words"][0] == 0


def test_thresholds_are_chosen_stored_and_obeyed(all_keywords, tmp_path):
    """Chosen on validation streams, and what listen says of them."""
    quiet = tmp_path / "quiet.tflite"
    out = tmp_path / "result.json"
    (tmp_path / "negative").mkdir()
    sound = np.concatenate([noise(16000, i, level=0.05) for i in range(60)])
    soundfile.write(tmp_path / "negative" / "a.flac", sound, 16000)
    done = run_apart(
        "evaluate_stream",
        "--model=bifsmn_s-sc12",
        f"--streams={tmp_path / 'negative'}",
        f"--data_dir={all_keywords}",
        f"--cache_dir={tmp_path / 'cache'}",
        "--split=validation",
        "--words=24",
        "--false_accepts_per_hour=120",
        "--smoothing=0.3",
        f"--output={quiet}",
        f"--json={out}",
    )
    assert done.returncode == 0, done.stderr
    for name in ("result_det.png", "result_det_bifsmn_s-sc12.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    (report,) = json.loads(out.read_text())["models"].values()
    chosen = report["chosen"]
    assert chosen["figures"]["words"] == 24
    assert chosen["figures"]["false_accepts_per_hour"] <= 120
    assert chosen["figures"]["missed"] <= min(report["all"]["missed"][20:])
    spotter = KeywordSpotter(quiet)
    assert spotter.detection.thresholds == chosen["thresholds"]
    assert spotter.detection.smoothing == chosen["smoothing"] == 0.3
    # The file says it itself, and listen obeys and tells.
    done = run_apart(
        "listen", f"--model={quiet}", f"--input={sound_of(all_keywords)}"
    )
    assert done.returncode == 0
    told = ", ".join(f"{x} ({y:.5g})" for x, y in chosen["thresholds"].items())
    assert told in done.stderr and "chosen for 120 false" in done.stderr
    done = run_apart(
        "listen",
        f"--model={quiet}",
        f"--input={sound_of(all_keywords)}",
        "--threshold=0.125",
    )
    assert "from a probability of 0.125 on" in done.stderr
    assert "chosen" not in done.stderr
    done = run_apart(
        "evaluate_stream",
        f"--model={quiet}",
        f"--streams={tmp_path / 'negative'}",
    )
    assert "its own" in done.stdout


def sound_of(speech):
    return sorted((speech / "yes").glob("*.wav"))[0]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--streams, --trials or --data_dir have"),
        (["--streams=none"], "there is no folder none"),
        (["--streams={}", "--thresholds=2"], "--thresholds are in (0, 1]"),
        (["--data_dir=.", "--pause=1"], "--pause is two numbers"),
        (["--streams={}", "--output=x"], "--output needs --false_accepts"),
        (["--streams={}", "--common_threshold"], "needs --false_accepts"),
        (["--streams={}", "--deltas=3"], "the model has no delta 3"),
        (["--streams={}", "--model=nobody:x"], "there is no file nobody:x"),
    ],
)
def test_mistakes_are_one_line(streams, flags, message):
    done = run_apart(
        "evaluate_stream",
        "--model=bifsmn_s-sc12",
        *(flag.format(streams) for flag in flags),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr
