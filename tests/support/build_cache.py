"""The folder ``.cache`` of what tests build once and keep."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache"


@contextlib.contextmanager
def build_lock(name: str) -> Iterator[None]:
    """Lets one process of the test run after the other make ``.cache/name``.

    Session fixtures are set up once in every process of pytest-xdist.
    """
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
