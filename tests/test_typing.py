"""What a type checker of a user's project makes of the package."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

ROOT = Path(__file__).resolve().parents[1]

USE = """
import numpy as np

import bifsmn_tf

spotter = bifsmn_tf.KeywordSpotter("bifsmn_stream-sc12", delta=2)
stream = bifsmn_tf.StreamingSpotter(spotter)
detector = bifsmn_tf.Detector.of(spotter.labels, 16000, spotter.detection)
for decision in stream.push(np.zeros(16000, np.int16)):
    found = detector.push(decision)
    if found is not None:
        print(found.label, found.time + 1)
probabilities = spotter("recording.wav")
best = max(probabilities, key=lambda label: probabilities[label])
reveal_type(best)
reveal_type(bifsmn_tf.models())
"""


def check(tmp_path, text):
    (tmp_path / "use.py").write_text(text)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "use.py"),
            # As of a package that is installed.
            "--follow-imports=silent",
            "--ignore-missing-imports",
            f"--cache-dir={tmp_path / 'cache'}",
        ],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


def test_types_reach_a_users_project(tmp_path):
    status, text = check(tmp_path, USE)
    assert status == 0, text
    assert 'Revealed type is "str"' in text.replace("builtins.", "")
    assert 'Revealed type is "list[str]"' in text.replace("builtins.", "")


def test_mistakes_are_found(tmp_path):
    status, text = check(tmp_path, USE + "spotter.delta = 'deep'\n")
    assert status == 1
    assert 'expression has type "str"' in text


def test_the_package_says_that_it_has_types():
    assert (ROOT / "bifsmn_tf" / "py.typed").is_file()
    assert '"py.typed"' in (ROOT / "setup.py").read_text()
