"""Every command on the pages is run, or stands in a table with the reason."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys

import pytest
import soundfile
from command_table import NOT_RUN
from command_table import RUN
from commands import Commands
from page_commands import ROOT
from page_commands import all_commands
from sounds import archive
from sounds import noise
from sounds import write

from bifsmn_tf import pretrained
from bifsmn_tf import quickstart
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.speech_commands import tasks

SERVED = re.compile(
    r"python -m bifsmn_tf\.(train|convert|evaluate|evaluate_stream) "
)
"""What imports TensorFlow, and is run in one process for all times."""


def test_every_command_is_run_or_marked_why_not():
    commands = all_commands()
    assert not RUN.keys() & NOT_RUN.keys()
    known = RUN.keys() | NOT_RUN.keys()
    assert [c for c in commands if c not in known] == []
    assert sorted(known - {*commands}) == []


@pytest.mark.parametrize("command", NOT_RUN)
def test_the_test_that_is_named_exists(command):
    reason = NOT_RUN[command]
    assert reason
    for named in re.findall(r"tests/[\w/]+\.py", reason):
        assert (ROOT / named).is_file(), named
        assert "\ndef test_" in (ROOT / named).read_text(), named


class Desk:
    """A folder with what the pages speak of, and a shell in it."""

    def __init__(self, folder, commands):
        self.folder = folder
        self._commands = commands
        self._printed: dict[str, str] = {}
        for name in ("benchmarks", "bifsmn_tf", "configs", "examples", "tests"):
            (folder / name).symlink_to(ROOT / name)
        self._programs()
        quickstart.speak(KEYWORDS, folder / "words.wav")
        for name, model in (
            ("bifsmn", "bifsmn_s-sc12"),
            ("mine", "bifsmn_stream-sc12"),
            ("other", "bifsmn-sc12"),
            ("quiet", "bifsmn_quiet-sc12"),
        ):
            shutil.copy(pretrained.find(model), folder / f"{name}.tflite")
        archive(folder / "DATA", tasks.WORDS["v0.02"], noise_seconds=11)
        for label in ("yes", "no"):
            for i in range(12):
                write(folder / "MY_RECORDINGS" / label / f"{i}.wav")
        for word in ("computer", "lights on"):
            for i in range(2):
                write(folder / "MY_TRIALS" / word / f"{i}.wav", 48000)
        (folder / "MY_STREAMS").mkdir()
        soundfile.write(folder / "MY_STREAMS/a.wav", noise(160000), 16000)

    def _programs(self):
        here = self.folder / "programs"
        here.mkdir()
        microphone = ROOT / "tests/support/microphone"
        for name, arguments in (
            ("python", ()),
            ("bifsmn", ("-m", "bifsmn_tf")),
            ("arecord", (str(microphone / "arecord.py"),)),
        ):
            program = here / name
            words = shlex.join([sys.executable, *arguments])
            program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self._variables = os.environ | {
            "PATH": f"{here}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}:{microphone}",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def type(self, command: str) -> str:
        """Runs a command of the table once; returns what it printed."""
        how = RUN[command]
        if how.after:
            self.type(how.after)
        if command not in self._printed:
            line = f"{command} {how.less}".strip()
            self._printed[command] = (
                self._serve(line) if SERVED.match(line) else self._shell(line)
            )
        return self._printed[command]

    def _serve(self, line: str) -> str:
        _, _, module, *flags = shlex.split(line)
        done = self._commands(module.removeprefix("bifsmn_tf."), *flags)
        return done.stdout + done.stderr

    def _shell(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env=self._variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        interrupted = "KeyboardInterrupt" not in done.stdout
        assert done.returncode == 0 and interrupted, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    with Commands(folder) as commands:
        yield Desk(folder, commands)


@pytest.mark.parametrize("command", RUN)
def test_a_command_runs(desk, command):
    printed = desk.type(command)
    assert re.search(RUN[command].shows, printed, re.M), printed
