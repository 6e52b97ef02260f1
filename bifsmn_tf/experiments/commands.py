"""Calls commands of the package on runs, and keeps what they leave there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bifsmn_tf.experiments.checkout import ROOT


class Commands:
    """Calls commands of the package, unless what they make is there.

    Each call is logged beside the run that it is about.

    Args:
        data_dir: the folder with the recordings.
        cache_dir: the folder for features.
        collect: call nothing, take what is there.
        again: make anew what is there.

    Attributes:
        failures: what has failed, a sentence each.
    """

    def __init__(
        self,
        data_dir: str,
        cache_dir: str,
        collect: bool = False,
        again: bool = False,
    ) -> None:
        self.data_dir = data_dir
        self.cache_dir = cache_dir
        self.collect = collect
        self.again = again
        self.failures: list[str] = []

    def call(self, folder: Path, module: str, *flags: str) -> None:
        """Calls a command; if it fails, ``failures`` says so.

        Args:
            folder: the run's folder; its log lies beside it.
            module: the command.
            *flags: the command's flags.
        """
        log = folder.with_name(folder.name + ".log")
        with open(log, "a") as out:
            out.write(f"$ python -m {' '.join([module, *flags])}\n")
            out.flush()
            done = subprocess.run(
                [sys.executable, "-m", module, *flags],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
            )
        if done.returncode:
            self.failures.append(f"python -m {module} failed: see {log}")

    def convert(self, folder: Path, output: Path, *flags: str) -> None:
        """Converts a run.

        Args:
            folder: the run's folder.
            output: the file to write.
            *flags: further flags of ``convert``.
        """
        if self._wanted(output):
            words = [f"--model={folder}", f"--output={output}", *flags]
            self.call(folder, "bifsmn_tf.convert", *words)

    def evaluate(
        self, folder: Path, model: Path, name: str, *flags: str
    ) -> dict[str, Any] | None:
        """Evaluates a run or a file on the test split.

        Args:
            folder: the run's folder, for the log and the report.
            model: the run or the file.
            name: the name of the report.
            *flags: further flags of ``evaluate``.

        Returns:
            The report; ``None`` if there is none.
        """
        return self.measure(
            folder, name, "bifsmn_tf.evaluate", f"--model={model}", *flags
        )

    def measure(
        self, folder: Path, name: str, module: str, *flags: str
    ) -> dict[str, Any] | None:
        """Calls a command that measures a run and writes JSON.

        Args:
            folder: the run's folder, for the log and the JSON.
            name: the name of the JSON.
            module: a command that takes ``--data_dir``, ``--cache_dir`` and
                ``--json``.
            *flags: the command's other flags.

        Returns:
            What the JSON holds; ``None`` if there is none.
        """
        return self.make(
            folder,
            name,
            module,
            *flags,
            f"--data_dir={self.data_dir}",
            f"--cache_dir={self.cache_dir}",
        )

    def make(
        self, folder: Path, name: str, module: str, *flags: str
    ) -> dict[str, Any] | None:
        """Calls a command that writes JSON, with these flags alone.

        Args:
            folder: the run's folder, for the log and the JSON.
            name: the name of the JSON.
            module: a command that takes ``--json``.
            *flags: the command's other flags.

        Returns:
            What the JSON holds; ``None`` if there is none.
        """
        path = folder / f"{name}.json"
        if self._wanted(path):
            self.call(folder, module, *flags, f"--json={path}")
        return read_json(path)

    def _wanted(self, path: Path) -> bool:
        if self.collect:
            return False
        if self.again:
            path.unlink(missing_ok=True)
        return not path.exists()


def read_json(path: Path) -> dict[str, Any] | None:
    """Reads JSON; ``None`` where there is none or only a part of it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
