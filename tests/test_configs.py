"""Every flagfile of configs/ starts: all in front of the first step."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Commands
from sounds import archive

from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.experiments.trainings import settings
from bifsmn_tf.network.architectures import bifsmn_mixed

ROOT = Path(__file__).resolve().parents[1]
FLAGFILES = sorted(path.name for path in (ROOT / "configs").glob("*.flags"))
BASELINES = ["sc10_baselines.flags"]

_WAKE_WORD = [
    "--words=computer",
    "--clips_per_word=8",
    "--held_out=2",
    "--look_alikes=2",
    "--spoken_minutes=0.1",
    "--rooms=1",
    "--mining_epochs=0",
]
_QUIET = [
    "--look_alikes=2",
    "--spoken_minutes=0.1",
    "--rooms=1",
    "--mining_epochs=0",
]
LESS = {
    "quickstart.flags": ["--clips_per_word=8"],
    "wake_word.flags": _WAKE_WORD,
    "wake_word_thinnable.flags": _WAKE_WORD,
    "sc10_bifsmn_quiet.flags": _QUIET,
    "sc10_bifsmn_quiet_thinnable.flags": _QUIET,
}
"""What makes a start take seconds where much sound is made first."""

FRONT_END = ",".join(bifsmn_mixed(10).int8_sites)
IN_8_BITS = {
    "sc10_bifsmn_mixed.flags": FRONT_END,
    "sc10_bifsmn_mixed_board.flags": FRONT_END,
    "sc10_bifsmn_quiet.flags": FRONT_END,
    "sc10_bifsmn_shallow_mixed.flags": "projection",
    "wake_word.flags": FRONT_END,
}
"""Which layers of whose network have 8 bits."""


def start(module: str, folder: Path, flagfiles: list[str], *extra) -> dict:
    """What each flagfile would train, by its name and run."""
    archive(folder / "recordings", tasks.WORDS["v0.02"], noise_seconds=11)
    lines = [
        [
            f"--flagfile=configs/{name}",
            f"--data_dir={folder / 'recordings'}",
            f"--run_dir={folder / name}",
            f"--cache_dir={folder / 'cache'}",
            "--renditions=1",
            "--batch_size=8",
            *extra,
            *LESS.get(name, []),
        ]
        for name in flagfiles
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.start_training", module],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    found = [
        json.loads(line)
        for line in done.stdout.splitlines()
        if line.startswith("{")
    ]
    return {run["run"]: run for run in found if run["run"] != "teacher"}


def test_every_flagfile_starts(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = [name for name in FLAGFILES if name not in BASELINES]
    runs = start("bifsmn_tf.train", tmp_path, names)
    assert sorted(runs) == names
    for name, run in runs.items():
        wanted = settings([f"--flagfile=configs/{name}"])
        streaming = "stream" in wanted["architecture"]
        frames = 32
        if streaming:
            # A step more for each block, which looks back one.
            frames = 41 + 4 * int(wanted.get("blocks", 8))
        assert run["batch"] == [8, frames, 32]
        assert run["epochs"] == int(wanted["epochs"])
        assert run["binary"] == wanted["architecture"].startswith("bifsmn")
        if run["binary"]:
            # Those have others who teach: several networks, or embeddings.
            others = "shallow" in name or name == "wake_word.flags"
            assert run["distillation"] == ("none" if others else "hed")
        assert wanted.get("int8_sites", "") == IN_8_BITS.get(name, "")
        board = streaming or "_board" in name
        features = BOARD_FEATURES if board else FeatureParameters()
        if "floor" in wanted:
            features = dataclasses.replace(
                features, floor=float(wanted["floor"])
            )
        assert run["features"] == features.to_dict()
        if wanted["dataset"].startswith("speech_commands"):
            task = wanted["dataset"].partition("/")[2]
            assert run["classes"] == int(task.split("-")[1])


@pytest.fixture(scope="module")
def spelled_out():
    """What the training command makes of flags."""
    with Commands() as run:
        yield lambda *flags: json.loads(
            run("tests.support.print_settings", *flags, "--run_dir=x").stdout
        )


@pytest.mark.parametrize(
    "name", [name for name in FLAGFILES if "bifsmn" in name or name[0] == "v"]
)
def test_a_recipe_says_what_its_settings_would(spelled_out, name):
    """Of what a published row was trained with, none has changed."""
    flagfile = f"--flagfile=configs/{name}"
    single = [
        "--activation_quantizer=bifsmn_approx_sign",
        "--thresholds",
        "--prelu=channel",
        "--projection_norm",
        "--residual_scale=0.3",
        f"--distillation={'none' if 'shallow' in name else 'hed'}",
        "--gamma=0.1" if "quiet" in name else "--gamma=0.01",
        "--logit_weight=2",
        "--optimizer=adam",
        "--learning_rate=1e-2",
        *(["--n_fft=512", "--folds=2"] if "_board" in name else []),
    ]
    assert spelled_out(flagfile) == spelled_out(flagfile, *single)


def test_flagfiles_of_baselines_start(tmp_path):
    runs = start(
        "bifsmn_tf.baselines.train", tmp_path, BASELINES, "--model=ds_cnn"
    )
    assert [run["batch"][0] for run in runs.values()] == [8]


@pytest.mark.parametrize("task", tasks.TASKS)
def test_every_task_on_the_whole_data_set_has_a_flagfile(task, monkeypatch):
    monkeypatch.chdir(ROOT)
    found = settings([f"--flagfile=configs/{task}.flags"])
    assert found["dataset"] == f"speech_commands/{task}"
    # All but the task is the same.
    other = settings(["--flagfile=configs/v0.02-12-official.flags"])
    assert found | {"dataset": ""} == other | {"dataset": ""}
