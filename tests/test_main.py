"""The one command, and what every command does with odd streams."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from commands import run_apart
from sounds import noise

from bifsmn_tf import pretrained
from bifsmn_tf.__main__ import COMMANDS
from bifsmn_tf.benchmarking.model import from_file

ROOT = Path(__file__).resolve().parents[1]


def test_help_has_a_line_for_each_command():
    done = run_apart("", "--help", code=MAIN)
    assert done.returncode == 0
    for name in COMMANDS:
        line = re.search(rf"^  {name} +(.+)$", done.stdout, re.M)
        assert line and len(line[1].split()) >= 4, name
    assert run_apart("", code=MAIN).stdout == done.stdout


MAIN = "from bifsmn_tf.__main__ import main; main()"


def test_help_imports_no_command():
    code = f"import sys; sys.argv = ['bifsmn', '--help']; {MAIN}\n"
    code += "print(*{'absl', 'numpy', 'tensorflow'} & set(sys.modules))"
    assert run_apart("", code=code).stdout.endswith("--version.\n\n")


def test_a_command_is_the_module():
    for command in ("listen", "network.summary"):
        name = command.rpartition(".")[2]
        ours = run_apart("", name, "--help", code=MAIN)
        assert ours.returncode == 0
        assert ours.stdout == run_apart(command, "--help").stdout


def test_flags_and_status_are_the_modules():
    done = run_apart("", "listen", "--delta=3", "--input=-", code=MAIN)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the model has no delta 3")


def test_an_unknown_command_is_one_line():
    done = run_apart("", "lisen", code=MAIN)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: there is no command 'lisen': listen, ")


def test_models_says_what_each_is_worth():
    done = run_apart("", "models", code=MAIN)
    assert done.returncode == 0
    for name in pretrained.names():
        size = pretrained.find(name).stat().st_size
        part = done.stdout[done.stdout.index(f"{name}") :]
        part = part[: part.index("\n\n")]
        assert f"{size:,} bytes" in part
        figures = pretrained.figures(name)
        for accuracy in figures.accuracies.values():
            assert f"({accuracy:.1f} %)" in part
        assert (figures.false_accepts or "not measured") in part
    assert "yes, no, up, down" in done.stdout


def test_figures_are_the_cards():
    figures = pretrained.figures("bifsmn_stream-sc12")
    assert figures.clips == 1222
    assert figures.accuracies == {1: 91.0, 2: 91.2, 4: 90.9}
    assert figures.false_accepts.startswith("2.7 an hour of speech at its own")


def test_a_models_card():
    done = run_apart("", "models", "bifsmn-sc12", code=MAIN)
    assert done.stdout.strip() == pretrained.card("bifsmn-sc12").strip()
    done = run_apart("", "models", "bifsmn", code=MAIN)
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no model bifsmn ")


COMMAND_LINES = [
    ["-m", "bifsmn_tf", "--help"],
    ["-m", "bifsmn_tf.pretrained"],
    ["-m", "bifsmn_tf.listen", "--help"],
    ["-m", "bifsmn_tf.wyoming", "--help"],
    ["-m", "bifsmn_tf.evaluate", "--help"],
    ["-m", "bifsmn_tf.network.summary", "--help"],
]


def python(*arguments, **named):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, check=False, **named
    )


@pytest.mark.parametrize("words", COMMAND_LINES)
def test_a_reader_that_ends_is_no_error(words):
    ours, theirs = os.pipe()
    # As head does when it has enough, but before anything is written.
    os.close(ours)
    done = python(*words, stdout=theirs, stderr=subprocess.PIPE, text=True)
    os.close(theirs)
    assert done.stderr == ""
    assert done.returncode == 128 + 13


@pytest.mark.parametrize("words", COMMAND_LINES)
def test_a_full_output_is_one_line(words):
    with open("/dev/full", "wb") as full:
        done = python(*words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the standard output cannot be written")


@pytest.mark.parametrize("words", COMMAND_LINES)
def test_a_closed_output_is_one_line(words):
    line = " ".join(["exec", sys.executable, *words, ">&-"])
    done = subprocess.run(
        ["sh", "-c", line], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the standard output is closed")


def test_a_terminal_without_utf_8_gets_words():
    done = python(
        *["-m", "bifsmn_tf.pretrained"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert done.returncode == 0
    assert b"depths         delta = 1 (" in done.stdout


WITHOUT = """
import runpy, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("listen", "absl", "listen"),
        ("record", "absl", "listen"),
        ("wyoming", "absl", "wyoming"),
        ("wyoming", "wyoming", "wyoming"),
        ("evaluate", "absl", "evaluate"),
        ("evaluate_stream", "absl", "evaluate"),
        ("benchmark", "absl", "benchmark"),
        ("benchmark", "cpuinfo", "benchmark"),
        ("train", "tensorflow", "train"),
        ("convert", "tensorflow", "train"),
    ],
)
@pytest.mark.parametrize("way", ["module", "command"])
def test_what_is_not_installed_is_named_with_its_extra(
    command, package, extra, way
):
    module = f"bifsmn_tf.{command}"
    if way == "command":
        module = "bifsmn_tf.__main__"
    code = WITHOUT.format(names=(package,), module=module)
    done = run_apart("", *([command] if way == "command" else ()), code=code)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"pip install 'bifsmn_tf[{extra}]'" in line
    assert line.startswith("error: ")


def test_listing_models_needs_no_extra():
    code = WITHOUT.format(
        names=("absl", "tensorflow", "tqdm", "soundfile", "rich"),
        module="bifsmn_tf.pretrained",
    )
    assert run_apart("", code=code).returncode == 0


def test_evaluate_takes_a_packaged_model_and_spells_its_delta(tmp_path):
    for label in ("yes", "no"):
        (tmp_path / label).mkdir()
        for number in range(2):
            path = tmp_path / label / f"{number}.wav"
            soundfile.write(path, noise(16000), 16000)
    done = python(
        *["-m", "bifsmn_tf.evaluate", "--model=bifsmn-sc12", "--deltas=4"],
        *["--dataset=folder", f"--data_dir={tmp_path}"],
        f"--cache_dir={tmp_path / 'cache'}",
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "delta" in done.stdout
    # A log file has no bars, and the runtime nothing to add.
    assert "clip" not in done.stderr and "INFO" not in done.stderr


def test_evaluate_of_what_is_not_there_names_the_packaged_models():
    done = run_apart("evaluate", "--model=nowhere")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: there is no file nowhere, nor a model")
    assert "bifsmn-sc12" in line


def test_the_benchmark_takes_packaged_models():
    models = from_file("bifsmn_s-sc12")
    assert "bifsmn_s-sc12, delta_4" in [model.name for model in models]
