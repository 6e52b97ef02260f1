"""What the tests of the native half need."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bifsmn_tf.deployment.runtime import RUNTIMES

ROOT = Path(__file__).resolve().parents[2]


def run_python(*arguments, **variables) -> subprocess.CompletedProcess:
    """Runs Python apart from the tests, where a crash is a failure."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request) -> str:
    """Every runtime that is installed."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param
