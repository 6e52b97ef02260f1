"""Commands of a user to whom something is forbidden: one line, old files whole.

To root nothing is, so that there the commands run as nobody.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from commands import Commands
from sounds import archive

TRAINING = [
    "--dataset=folder",
    "--architecture=bifsmn_s",
    "--blocks=2",
    "--deltas=1",
    "--distillation=none",
    "--batch_size=4",
    "--epochs=1",
    "--renditions=1",
    "--warmup_steps=1",
]


@pytest.fixture(scope="module")
def run():
    with Commands() as commands:
        yield commands


@pytest.fixture(scope="module")
def place():
    """A folder that everybody reaches, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def made(run, place):
    """Recordings, and a run that was trained with them, converted and tested.

    All that the commands import is there then.
    """
    sounds = archive(place / "sounds", ("yes", "no", "_silence_"))
    flags = {
        "train": [
            *TRAINING,
            f"--data_dir={sounds}",
            f"--cache_dir={place / 'cache'}",
            f"--run_dir={place / 'run'}",
        ],
        "convert": [
            f"--model={place / 'run'}",
            f"--output={place / 'out' / 'm.tflite'}",
        ],
        "evaluate": [
            f"--model={place / 'model.tflite'}",
            f"--data_dir={sounds}",
            f"--cache_dir={place / 'cache'}",
            f"--json={place / 'out' / 'r.json'}",
        ],
    }
    (place / "out").mkdir()
    for command in ("train", "convert"):
        run(command, *flags[command])
    shutil.copy(place / "out" / "m.tflite", place / "model.tflite")
    run("evaluate", *flags["evaluate"])
    # As others see it, whatever mask the tests were started with.
    for path in place.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return flags


class Forbidden:
    """Takes permissions of a file or folder away for a time."""

    def __init__(self, path: Path, mode: int):
        self._path, self._mode = path, mode

    def __enter__(self):
        self._before = self._path.stat().st_mode
        self._path.chmod(self._mode)

    def __exit__(self, *_):
        self._path.chmod(self._before)


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def denied(run, command, *flags):
    line = run.fails(command, *flags, disk={"not_root": True})
    assert "permission denied" in line.lower()
    return line


@pytest.mark.parametrize("command", ["convert", "evaluate"])
def test_a_folder_that_may_not_be_written(run, made, place, command):
    out = place / "out"
    before = contents(out)
    assert len(before) >= 2
    with Forbidden(out, 0o555):
        assert str(out) in denied(run, command, *made[command])
    assert contents(out) == before


def test_a_run_that_may_not_be_written(run, made, place):
    new = place / "new"
    new.mkdir()
    flags = [*made["train"][:-1], f"--run_dir={new / 'run'}"]
    with Forbidden(new, 0o555):
        assert str(new) in denied(run, "train", *flags)
    assert not list(new.iterdir())


@pytest.mark.parametrize("name", [".", "checkpoints"])
def test_a_run_that_somebody_else_began(run, made, place, name):
    begun = place / "begun"
    shutil.copytree(place / "run", begun)
    shutil.rmtree(next((begun / "checkpoints").iterdir()))
    before = contents(begun)
    with Forbidden(begun / name, 0o555):
        flags = [*made["train"][:-1], f"--run_dir={begun}"]
        assert str(begun) in denied(run, "train", *flags)
    assert contents(begun) == before
    shutil.rmtree(begun)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("train", "cache"),
        ("train", "sounds"),
        ("convert", "run/run.json"),
        ("convert", "run/checkpoints"),
        ("evaluate", "model.tflite"),
        ("evaluate", "sounds"),
    ],
)
def test_what_may_not_be_read(run, made, place, command, name):
    flags = made[command]
    if command == "train":
        flags = [*flags[:-1], f"--run_dir={place / 'another'}"]
    before = contents(place / "out")
    with Forbidden(place / name, 0o000):
        assert str(place / name) in denied(run, command, *flags)
    assert contents(place / "out") == before


def test_nobody_is_left_again(run, made):
    """Else the commands behind it would prove nothing."""
    run("evaluate", *made["evaluate"])
    assert os.access("/", os.R_OK)
