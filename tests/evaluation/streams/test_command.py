"""The command, on a model of the package."""

import json

import numpy as np
import pytest
import soundfile
from commands import run_apart
from sounds import noise


@pytest.fixture
def streams(tmp_path):
    folder = tmp_path / "streams"
    folder.mkdir()
    for i in range(2):
        soundfile.write(folder / f"{i}.wav", noise(48000, i), 16000)
    (folder / "1.txt").write_text("0.5\t1.0\tyes\n2\t2.5\tnoise\n")
    return folder


def test_figures_of_a_folder(streams, tmp_path):
    out = tmp_path / "out" / "result.json"
    done = run_apart(
        "evaluate_stream",
        "--model=bifsmn_s-sc10",
        "--deltas=1,4",
        f"--streams={streams}",
        f"--json={out}",
    )
    assert done.returncode == 0, done.stderr
    assert "of 1" in done.stdout
    models = json.loads(out.read_text())["models"]
    assert list(models) == ["bifsmn_s-sc10, δ = 1", "bifsmn_s-sc10, δ = 4"]
    for report in models.values():
        assert report["hours"] == pytest.approx(6 / 3600)
        false = report["all"]["false_accepts"]
        assert len(false) == len(report["thresholds"])
        every = [x["false_accepts"] for x in report["keywords"].values()]
        assert np.sum(every, axis=0).tolist() == false
        assert report["keywords"]["yes"]["words"][0] == 1
        assert report["keywords"]["no"]["words"][0] == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--streams or --trials have to be given"),
        (["--streams=none"], "there is no folder none"),
        (["--streams={}", "--thresholds=2"], "--thresholds are in (0, 1]"),
        (["--streams={}", "--deltas=3"], "the model has no delta 3"),
        (["--streams={}", "--model=nobody:x"], "there is no file nobody:x"),
    ],
)
def test_mistakes_are_one_line(streams, flags, message):
    done = run_apart(
        "evaluate_stream",
        "--model=bifsmn_s-sc10",
        *(flag.format(streams) for flag in flags),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr
