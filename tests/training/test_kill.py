"""A run that is killed at any change to a file ends like one that was not.

    BIFSMN_KILL_EVERY=1 pytest tests/training/test_kill.py

kills at every change to the run's folder; by default at a few of them, the
renaming of an epoch and its neighbours among them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import toy_run

from bifsmn_tf.training.run import RunFolder

_SCRIPT = Path(toy_run.__file__)
_ROOT = _SCRIPT.resolve().parents[2]
_EVERY = int(os.environ.get("BIFSMN_KILL_EVERY", "40"))

pytestmark = pytest.mark.skipif(
    not shutil.which("cc"), reason="killing at a file needs a C compiler"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("kill") / "kill_at.so"
    source = Path(__file__).with_name("kill_at.c")
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", "-o", path, source, "-ldl"],
        check=True,
    )
    return path


def train(folder, library, **environment):
    """Trains three epochs of the toy; returns the process's exit code."""
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), str(folder), "--epochs=3"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(_ROOT),
            "KILL_FOLDER": str(folder),
            "LD_PRELOAD": str(library),
            **environment,
        },
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def state(folder):
    """All that a run ends with: weights, metrics, flags, settings."""
    run = RunFolder(folder)
    metrics = run.read_metrics()
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    for entry in metrics["history"]:
        del entry["seconds"]
    return {
        "metrics": metrics,
        "best": toy_run.digest(run.load_network("best")),
        "last": toy_run.digest(run.load_network("last")),
        "flags": (folder / "flags.txt").read_text(),
        "run": (folder / "run.json").read_text(),
    }


@pytest.fixture(scope="module")
def whole(library, tmp_path_factory):
    """The folder of a run that nobody killed, and its changes to files."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    log = folder.with_name("changes")
    assert train(folder, library, KILL_COUNT=str(log)) == 0
    changes = [line.split(" ", 1)[1] for line in log.read_text().splitlines()]
    return state(folder), changes


def test_wherever_it_is_killed(library, whole, tmp_path):
    wanted, changes = whole
    renamed = [
        number
        for number, path in enumerate(changes, 1)
        if path.endswith("epoch-00002")
    ]
    assert len(renamed) >= 1 and len(changes) > 30
    first = renamed[0]
    places = {*range(3, len(changes) + 1, _EVERY), first, first + 1}
    for place in sorted(p for p in places if p <= len(changes)):
        folder = tmp_path / f"at_{place}"
        code = train(folder, library, KILL_AT=str(place))
        assert code == -signal.SIGKILL, f"{place}: {changes[place - 1]}"
        assert train(folder, library) == 0
        assert state(folder) == wanted, f"{place}: {changes[place - 1]}"
