"""Files are old or new, never half, and one module alone writes them."""

import ast
import errno
import os
from pathlib import Path

import numpy as np
import pytest

from bifsmn_tf import whole_file

PACKAGE = Path(whole_file.__file__).parent

WRITERS = {
    # Themselves, and folders that are renamed when they are whole.
    "whole_file.py": {"open", "write_bytes", "np.savez"},
    "training/checkpoints.py": {"write_text"},
    # Into the name that whole_file gives them.
    "data/feature_cache.py": {"open"},
    "evaluation/picture_style.py": {"savefig"},
    # Logs, which grow, and a lock, in which nothing is.
    "experiments/commands.py": {"open"},
    "experiments/runner.py": {"open"},
    "quickstart.py": {"open"},
    # Where output goes that cannot be written.
    "console.py": {"open"},
}


def writes(path):
    """The names of the calls in a module that write a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        modes = [
            a.value
            for a in [*node.args, *(k.value for k in node.keywords)]
            if isinstance(a, ast.Constant) and isinstance(a.value, str)
        ]
        opens = name == "open" and any(
            set(mode) <= set("rwaxbt+") and set(mode) & set("wax")
            for mode in modes
        )
        if opens or name in ("write_text", "write_bytes", "savefig", "tofile"):
            owner = getattr(getattr(node.func, "value", None), "id", "")
            if owner != "whole_file":
                found.add(name)
        if ast.unparse(node.func) in ("np.save", "np.savez"):
            found.add(f"np.{name}")
    return found


def test_nothing_else_writes_files():
    found = {
        path.relative_to(PACKAGE).as_posix(): names
        for path in sorted(PACKAGE.rglob("*.py"))
        if (names := writes(path))
    }
    assert found == WRITERS


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with whole_file.replacing(path) as partial:
            partial.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space") as caught:
        fail()
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "nowhere" / "file"
    with pytest.raises(FileNotFoundError) as caught:
        whole_file.write_text(path, "text")
    assert caught.value.filename == str(path)


def test_what_is_no_file_is_written_to_itself():
    reading, writing = os.pipe()
    whole_file.write_text(f"/dev/fd/{writing}", "täxt")
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert pipe.read().decode() == "täxt"
    whole_file.write_text("/dev/null", "text")
    assert not Path("/dev/null").is_file()


def test_a_link_stays_one(tmp_path):
    (tmp_path / "link").symlink_to("file")
    whole_file.write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("shape", [(), (3,), (0, 5), (2, 3, 4)])
def test_arrays_are_numpys(tmp_path, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    array = np.asfortranarray(array)
    whole_file.write_array(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)
