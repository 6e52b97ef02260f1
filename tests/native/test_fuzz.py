"""Short runs of the fuzzers, of the same inputs every time."""

import subprocess

import pytest
from native_fixtures import ROOT
from native_fixtures import run_python

FUZZERS = ROOT / "tests" / "fuzz"
OP_INPUTS = 3000
MODELS = 2000


@pytest.fixture(scope="module")
def op_fuzzer(sanitized, tmp_path_factory):
    program = tmp_path_factory.mktemp("fuzz") / "op_fuzzer"
    subprocess.run(
        ["g++", "-std=c++17", "-O1", "-I.", "-Wall", "-Wextra", "-Werror"]
        + ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        + [*FUZZERS.glob("*.cc"), *sanitized.objects, "-o", program],
        cwd=ROOT,
        check=True,
    )
    return program


def test_ops(op_fuzzer, sanitized):
    done = subprocess.run(
        [op_fuzzer, str(OP_INPUTS)],
        env={"ASAN_OPTIONS": sanitized.variables["ASAN_OPTIONS"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"0 files, {OP_INPUTS} inputs\n"


def test_models(sanitized, tmp_path):
    done = run_python(
        FUZZERS / "model_fuzzer.py",
        f"--count={MODELS}",
        f"--findings={tmp_path}",
        **sanitized.variables,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(line.split(": ") for line in done.stdout.splitlines())
    assert sum(map(int, counts.values())) == MODELS
    # Most damage is noticed, and some does no harm.
    assert int(counts["refused"]) > MODELS // 2
    assert int(counts["ran"]) > MODELS // 20
