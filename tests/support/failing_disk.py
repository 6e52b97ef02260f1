"""A disk that refuses, inside this process: at the Nth change to a folder.

:func:`refusing` lets Python's own calls fail with an error of the system's;
:func:`no_larger_than` lets whoever writes, TensorFlow too, fail when a file
grows beyond a size, as at a full disk; :func:`not_root` lets the system itself
refuse what permissions forbid, TensorFlow too.
"""

import contextlib
import os
import resource
import sys
from collections.abc import Iterator

_NOBODY = 65534

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_hook_added: list[bool] = []
_plans: list[dict] = []


def _place(event: str, arguments: tuple) -> str | None:
    """What an audited call changes; None if it changes nothing."""
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int) or not flags & _WRITING:
            return None
        return os.fsdecode(path)
    if event == "os.rename":
        return os.fsdecode(arguments[1])
    # Files may be removed, as on a full disk.
    if event == "os.mkdir":
        return os.fsdecode(arguments[0])
    return None


def _hook(event: str, arguments: tuple) -> None:
    for plan in _plans:
        place = _place(event, arguments)
        if place is None or not place.startswith(plan["folder"]):
            continue
        plan["changes"] += 1
        if plan["changes"] >= plan["at"]:
            number = plan["number"]
            raise OSError(number, os.strerror(number), place)


@contextlib.contextmanager
def refusing(folder: str, number: int, at: int) -> Iterator[dict]:
    """Refuses every change to a folder from the Nth on.

    Args:
        folder: What the paths of changes begin with.
        number: The error's, such as ``errno.EROFS``.
        at: The first change that is refused, from 1.

    Yields:
        A dictionary whose ``changes`` are counted.
    """
    if not _hook_added:
        # It stays for the life of the process.
        sys.addaudithook(_hook)
        _hook_added.append(True)
    plan = {"folder": folder, "number": number, "at": at, "changes": 0}
    _plans.append(plan)
    try:
        yield plan
    finally:
        _plans.remove(plan)


@contextlib.contextmanager
def no_larger_than(size: int) -> Iterator[None]:
    """Lets files grow to a number of bytes only, with EFBIG beyond."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def not_root() -> Iterator[None]:
    """Is nobody for a time, if it was root, to whom nothing is forbidden.

    What is imported for the first time may be out of nobody's reach: do before
    what is done under this.
    """
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(_NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
