"""Commands on a disk that refuses: one line, and old files whole.

At every change that a command makes to its folder, the disk is full, read-only
or broken, the folder is another's, or gone.
"""

import errno
import itertools
import json

import pytest
import soundfile
from commands import Commands
from sounds import noise

TRAINING = [
    "--dataset=synthetic",
    "--words=yes,no",
    "--clips_per_word=20",
    "--architecture=bifsmn_s",
    "--blocks=4",
    "--batch_size=32",
    "--teacher_epochs=1",
    "--epochs=1",
    "--renditions=1",
    "--warmup_steps=1",
]

REFUSALS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.ENOENT: "no such file or folder",
    errno.EIO: "the disk does not answer",
}

OLD = b'{"runs": [], "data": null}'
"""What was there before: a page's JSON, which is read before it is replaced."""


@pytest.fixture(scope="module")
def run():
    with Commands() as commands:
        yield commands


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    """A run, trained once, and a folder of streams."""
    folder = tmp_path_factory.mktemp("made")
    cache = f"--cache_dir={folder / 'cache'}"
    run("train", *TRAINING, f"--run_dir={folder / 'run'}", cache)
    model = folder / "model.tflite"
    run("convert", f"--model={folder / 'run'}", f"--output={model}")
    (folder / "streams").mkdir()
    soundfile.write(folder / "streams" / "a.wav", noise(32000, 0), 16000)
    return folder


def commands(made, out):
    """Each command that writes into a folder, and what it writes."""
    return {
        "convert": (
            [f"--model={made / 'run'}", f"--output={out / 'm.tflite'}"],
            {"m.tflite"},
        ),
        "evaluate": (
            [
                f"--model={made / 'model.tflite'}",
                f"--cache_dir={made / 'cache'}",
                f"--json={out / 'r.json'}",
                "--deltas=1",
            ],
            {"r.json", "r_confusion_delta_1.png"},
        ),
        "evaluate_stream": (
            [
                "--model=bifsmn_s-sc12",
                "--deltas=4",
                f"--streams={made / 'streams'}",
                f"--json={out / 'r.json'}",
            ],
            {"r.json"},
        ),
        "experiments": (
            [
                "--name=table2",
                "--collect",
                f"--data_dir={made / 'streams'}",
                f"--runs={out / 'runs'}",
                f"--results={out}",
            ],
            {"table2.md", "table2/results.json"},
        ),
    }


def contents(folder, names):
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize(
    "command", ["convert", "evaluate", "evaluate_stream", "experiments"]
)
def test_every_change_may_be_refused(run, made, tmp_path, command):
    flags, names = commands(made, tmp_path)[command]
    nothing = {"folder": str(tmp_path), "number": 0, "at": 1 << 30}
    count = run(command, *flags, disk=nothing).changes
    new = contents(tmp_path, names)
    assert count >= 2 * len(names)
    refusals = itertools.cycle(REFUSALS.items())
    for at, (number, words) in zip(range(1, count + 1), refusals, strict=False):
        for name in names:
            (tmp_path / name).write_bytes(OLD)
        disk = {"folder": str(tmp_path), "number": number, "at": at}
        line = run.fails(command, *flags, disk=disk)
        assert line.startswith(f"error: {tmp_path}") and words in line, at
        for name, content in contents(tmp_path, names).items():
            assert content in (OLD, new[name]), (name, at)
        assert not list(tmp_path.rglob("*partial*"))
    run(command, *flags)
    assert contents(tmp_path, names) == new


@pytest.mark.parametrize(
    "command", ["convert", "evaluate", "evaluate_stream", "experiments"]
)
def test_a_file_that_stops_growing(run, made, tmp_path, command):
    flags, names = commands(made, tmp_path)[command]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(OLD)
    line = run.fails(command, *flags, disk={"largest": 100})
    assert "larger than is allowed" in line
    assert set(contents(tmp_path, names).values()) == {OLD}
    assert not list(tmp_path.rglob("*partial*"))


def test_training_goes_on_when_there_is_room(run, made, tmp_path):
    """TensorFlow writes a checkpoint's weights itself."""
    folder = tmp_path / "run"
    common = [
        *TRAINING,
        f"--cache_dir={made / 'cache'}",
        f"--run_dir={folder}",
        f"--teacher={made / 'run' / 'teacher'}",
    ]
    for number in (errno.EACCES, errno.EROFS):
        disk = {"folder": str(folder), "number": number, "at": 1}
        assert REFUSALS[number] in run.fails("train", *common, disk=disk)
    line = run.fails("train", *common, disk={"largest": 30000})
    assert "checkpoints" in line and "larger than is allowed" in line
    assert not list((folder / "checkpoints").iterdir())
    at_the_rename = {"folder": str(folder / "checkpoints" / "epoch"), "at": 1}
    line = run.fails("train", *common, disk={**at_the_rename, "number": 28})
    assert "no space left" in line
    assert not list((folder / "checkpoints").iterdir())
    run("train", *common)
    assert json.loads((folder / "metrics.json").read_text())["complete"]
    # What is complete needs to write nothing.
    disk = {"folder": str(folder), "number": errno.EROFS, "at": 1}
    run("train", *common, disk=disk)


def test_features_that_find_no_room(run, tmp_path):
    line = run.fails(
        "train",
        *TRAINING,
        f"--cache_dir={tmp_path / 'cache'}",
        f"--run_dir={tmp_path / 'run'}",
        disk={"largest": 300000},
    )
    assert "larger than is allowed" in line and "cache" in line
    assert not list((tmp_path / "cache").rglob("*partial*"))
