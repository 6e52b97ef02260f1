"""What commands say of themselves, and of a Keras that does not fit."""

import re

import pytest
from commands import run_apart


@pytest.mark.parametrize(
    "command",
    [
        "quickstart",
        "experiments",
        "evaluate",
        "evaluate_stream",
        "convert",
        "record",
    ],
)
def test_help_helps(command):
    done = run_apart(command, "--help")
    assert done.returncode == 0
    assert f"python -m bifsmn_tf.{command}" in done.stdout


@pytest.mark.parametrize(
    ("command", "own"),
    [("train", "architecture"), ("baselines.train", "model")],
)
def test_help_of_training_lists_what_a_user_sets(command, own):
    brief, full = (
        run_apart(command, flag) for flag in ("--help", "--helpfull")
    )
    assert brief.returncode == full.returncode == 0
    assert f"python -m bifsmn_tf.{command}" in brief.stdout
    shown, all_ = (
        re.findall(r"^  --(\w+)", done.stdout, flags=re.M)
        for done in (brief, full)
    )
    assert {"run_dir", "data_dir", "learning_rate", "threads", own} <= {*shown}
    assert 15 <= len(shown) <= 28
    assert {*shown} < {*all_} and "warmup_steps" in {*all_} - {*shown}
    for name in all_:
        # A sentence, not a fragment of one.
        text = re.search(
            rf"^  --{name}\b\S*\s+(.*?)(?=\n  --|\n\n)",
            full.stdout,
            flags=re.M | re.S,
        ).group(1)
        assert len(text.split()) >= 5 and text.endswith("."), (name, text)


def test_keras_3_gives_one_clear_error():
    code = (
        "import os\n"
        "os.environ.pop('TF_USE_LEGACY_KERAS', None)\n"
        "import tensorflow\n"
        "import bifsmn_tf.network.layers\n"
    )
    done = run_apart("", code=code)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ImportError: bifsmn_tf trains with Keras 2")
