"""How commands fail and explain themselves, without any of them."""

import errno
import os
import subprocess
import sys

import pytest
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import MissingPackageError
from bifsmn_tf.errors import UserError

NAMES = ("memory_size", "memory", "look_back", "look_ahead", "blocks", "n_fft")


def fail_with(error: BaseException, capsys) -> tuple[str, str]:
    """The last words of a command that raises, and what it printed before."""

    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as exit_:
        cli.guard(main, ["command"])
    # A text is what the interpreter prints, before it exits with 1.
    assert isinstance(exit_.value.code, str)
    return exit_.value.code, capsys.readouterr().err


@pytest.fixture(autouse=True)
def parsed():
    """The flags that guard looks names up in."""
    flags.FLAGS.mark_as_parsed()
    yield
    flags.FLAGS.unparse_flags()


@pytest.mark.parametrize(
    "error",
    [
        UserError("there is no such thing"),
        DataError("these recordings are none"),
        MissingPackageError("install it"),
    ],
)
def test_a_mistake_of_the_user_is_one_line(error, capsys):
    assert fail_with(error, capsys) == (f"error: {error}", "")


def test_a_file_that_cannot_be_opened_is_one_line(capsys):
    error = FileNotFoundError(errno.ENOENT, "No such file", "run.json")
    last, before = fail_with(error, capsys)
    assert last.startswith("error: ") and "run.json" in last
    assert not before


class OpError(Exception):
    """As TensorFlow's, which are no OSErrors."""

    __module__ = "tensorflow.python.framework.errors_impl"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on the disk: make room"),
        (errno.EACCES, "permission denied: choose another place"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EFBIG, "raise ulimit -f"),
        (errno.EIO, "input/output error"),
        (errno.ENOENT, "no such file or folder"),
    ],
)
def test_what_the_system_refuses_is_one_line(number, words, capsys):
    text = os.strerror(number)
    for error in (
        OSError(number, text, "/runs/a b"),
        OpError(f"/runs/a; {text}\nwith more\nlines [Op:SaveV2]"),
        OpError(f"{{{{function_node x}}}} /runs/a; {text} [Op:SaveV2]"),
    ):
        last, before = fail_with(error, capsys)
        assert last.startswith("error: /runs/a") and words in last
        assert "\n" not in last and not before
    assert words in fail_with(OpError(text), capsys)[0]


def test_other_errors_of_tensorflow_are_bugs(capsys):
    last, before = fail_with(OpError("OOM when allocating a tensor"), capsys)
    assert "a bug" in last and "OOM" in before


@pytest.mark.parametrize("text", ["'short'", "'long' * 10000"])
def test_output_that_cannot_be_written_is_one_line(text):
    """The interpreter would say it at its end, on several lines."""
    code = f"from bifsmn_tf import cli; cli.run(lambda: print({text}))"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: no space left on the disk")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("could not broadcast input array"),
        TypeError("unexpected argument"),
        AssertionError(),
        RuntimeError("graph finalized"),
    ],
)
def test_a_bug_keeps_its_traceback(error, capsys):
    last, before = fail_with(error, capsys)
    assert "a bug" in last and "report it" in last
    assert before.startswith("Traceback (most recent call last):")
    assert type(error).__name__ in before and "raise error" in before


def test_an_interrupted_command_says_that_it_goes_on(capsys):
    assert "goes on" in fail_with(KeyboardInterrupt(), capsys)[0]


def test_what_is_no_flag_is_refused():
    with pytest.raises(SystemExit, match="unexpected argument 'stray'"):
        cli.guard(lambda: None, ["command", "stray"])


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("memory_size must be at least 1", "--memory_size must be at least 1"),
        ("blocks must be at least 1", "--blocks must be at least 1"),
        ("memory: no such thing", "--memory: no such thing"),
        (
            "look_back and look_ahead must not be negative",
            "--look_back and --look_ahead must not be negative",
        ),
        ("blocks * n_fft = 4", "--blocks * --n_fft = 4"),
        ("choose another memory_size.", "choose another --memory_size."),
        # Words of the language, names of others and parts of names.
        ("8 blocks of memory", "8 blocks of memory"),
        ("blocksize is another", "blocksize is another"),
        ("/tmp/memory_size/x and 'n_fft'", "/tmp/memory_size/x and 'n_fft'"),
        ("training.memory_size: 1 there", "training.memory_size: 1 there"),
        ("give --memory_size", "give --memory_size"),
        ("--blocks: none", "--blocks: none"),
    ],
)
def test_fields_become_flags(message, shown):
    assert cli.with_dashes(message, NAMES) == shown


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e400"])
def test_a_number_that_is_none_is_refused_by_every_command(text):
    values = flags.FlagValues()
    flags.DEFINE_float("rate", 1.0, "A number.", flag_values=values)
    values(["command", f"--rate={text}"])
    assert not cli._finite(values.rate)
    assert cli._finite([1.0, "nan", 3]) and not cli._finite([1.0, values.rate])


def test_names_that_are_no_text_are_shown_as_escapes(capsys):
    path = b"/a/caf\xe9\n\x1b[31mred".decode(errors="surrogateescape")
    error = FileNotFoundError(errno.ENOENT, "No such file", path)
    last, _ = fail_with(error, capsys)
    assert last.startswith("error: /a/caf\\xe9\n\\x1b[31mred: no such file")
