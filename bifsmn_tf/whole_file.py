"""Files that are written as a whole or not at all.

A command that fails half-way, at a full disk or a kill, leaves the file that
stood there before. The new one is written beside it under a hidden name, to the
disk, and renamed.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_DEVICES = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))

FilePath = str | os.PathLike[str]


@contextlib.contextmanager
def replacing(path: FilePath) -> Iterator[Path]:
    """Gives another name to write to; the file bears its own when it is whole.

    What is no file, such as ``/dev/stdout``, is written to itself, and of a
    symbolic link what it points to.

    Args:
        path: The file to be.

    Yields:
        The name to write to, with the same suffix.

    Raises:
        OSError: The file cannot be written; an old one is as it was.
    """
    named = Path(path)
    if named.exists() and (not named.is_file() or named.parent in _DEVICES):
        yield named
        return
    place = Path(os.path.realpath(path))
    partial = place.with_name(f".partial-{os.getpid()}-{place.name}")
    try:
        yield partial
        _to_disk(partial)
        os.replace(partial, place)
    except OSError as error:
        if error.filename == os.fspath(partial):
            # The name that was asked for, not the one beside it.
            raise type(error)(
                error.errno, error.strerror, os.fspath(path)
            ) from error
        if error.filename is None and error.errno is not None:
            error.filename = os.fspath(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_bytes(path: FilePath, content: bytes) -> None:
    """Writes bytes.

    Args:
        path: The file.
        content: All that is to be in it.

    Raises:
        OSError: The file cannot be written; an old one is as it was.
    """
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: FilePath, text: str) -> None:
    """Writes a text in UTF-8.

    Args:
        path: The file.
        text: All that is to be in it.

    Raises:
        OSError: The file cannot be written; an old one is as it was.
    """
    write_bytes(path, text.encode("utf-8"))


def write_arrays(
    path: FilePath, arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Writes arrays by name as ``numpy.load`` reads them.

    Args:
        path: The file, ``.npz``.
        arrays: What is to be in it.

    Raises:
        OSError: The file cannot be written; an old one is as it was.
    """
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_bytes(path, content.getvalue())


def write_array(path: FilePath, array: npt.NDArray[np.generic]) -> None:
    """Writes an array as ``numpy.load`` reads it.

    Args:
        path: The file.
        array: What is to be in it.

    Raises:
        OSError: The file cannot be written; an old one is as it was.
    """
    array = np.ascontiguousarray(array)
    # Not numpy.save: at a full disk its error names neither disk nor file.
    with replacing(path) as partial, open(partial, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, np.lib.format.header_data_from_array_1_0(array)
        )
        file.write(array.data)


def _to_disk(path: Path) -> None:
    """Waits until a file is on the disk, which may be full only then."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
