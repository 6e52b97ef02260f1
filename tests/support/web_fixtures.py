"""The page that ``make web`` builds, for the tests of tests/web."""

import shutil
import subprocess
import sys

import pytest
from build_cache import build_lock
from native_fixtures import ROOT


def build_site():
    """Builds the page in ``build/web``, or skips; returns the folder."""
    if shutil.which("em++") is None:
        pytest.skip("building the page needs Debian's emscripten")
    with build_lock("web"):
        subprocess.run([sys.executable, ROOT / "web/build.py"], check=True)
    return ROOT / "build/web"
