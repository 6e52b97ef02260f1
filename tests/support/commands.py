"""Commands as a user runs them, and many of them in one process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str
    changes: int = 0


def run_apart(command: str, *flags, code: str | None = None) -> Done:
    """Runs a command in a process of its own.

    Args:
        command: the module's name in the package.
        *flags: of the command.
        code: what to run instead of the module.
    """
    program = ["-c", code] if code else ["-m", f"bifsmn_tf.{command}"]
    done = subprocess.run(
        [sys.executable, *program, *map(str, flags)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=400,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Commands:
    """Runs each command in one process for all the times it is asked for.

    Importing TensorFlow takes longer than most of what a test asks for.
    """

    def __init__(self, folder: Path = ROOT):
        """Takes the working folder of the commands."""
        self._folder = folder
        self._servers: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "Commands":
        return self

    def __exit__(self, *_) -> None:
        for server in self._servers.values():
            # At once, as TensorFlow takes its time to end.
            server.kill()
            server.wait()
            server.stdin.close()
            server.stdout.close()

    def __call__(
        self, command: str, *flags, expect: int = 0, disk: dict | None = None
    ) -> Done:
        """Runs a command; its status is what is expected.

        Args:
            command: the module's name in the package, or one of the tests'
                own with its full name.
            *flags: of the command.
            expect: its exit code.
            disk: the arguments of ``failing_disk.refusing``; ``largest``; or
                ``not_root``, for which see there.
        """
        if command not in self._servers:
            self._servers[command] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.support.command_server",
                    command if "tests." in command else f"bifsmn_tf.{command}",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                cwd=self._folder,
                env=os.environ
                | {"PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
            )
        server = self._servers[command]
        request = json.dumps([[*map(str, flags)], disk or {}])
        print(request, file=server.stdin, flush=True)
        for line in server.stdout:
            if line.startswith('{"code":'):
                answer = json.loads(line)
                done = Done(
                    answer["code"],
                    answer["stdout"],
                    answer["stderr"],
                    answer["changes"],
                )
                assert done.returncode == expect, done.stdout + done.stderr
                return done
        raise AssertionError(f"{command} {flags} ended its process")

    def fails(self, command: str, *flags, disk: dict | None = None) -> str:
        """Returns the one line that a command says of a user's mistake."""
        done = self(command, *flags, expect=1, disk=disk)
        assert "Traceback" not in done.stderr, done.stderr
        (line,) = (
            line
            for line in done.stderr.splitlines()
            if line.startswith("error: ")
        )
        return line
