"""Short runs of the fuzzers, of the same inputs every time."""

import subprocess
import sys

import pytest
from native_fixtures import ROOT
from native_fixtures import run_python

from bifsmn_tf.runtime.interpreter import native_contract

FUZZERS = ROOT / "tests" / "fuzz"
OP_INPUTS = 3000
MODELS = 2000

FOUND = sorted(FUZZERS.glob("corpus/found/*"))
OPS = {op["name"] for op in native_contract()["ops"]}


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


def counts(output):
    """The figures that a fuzzer prints last, by name."""
    lines = [line.rpartition(": ") for line in output.splitlines()]
    return {name: int(number) for name, _, number in lines}


def test_ops(op_fuzzer, sanitized):
    done = subprocess.run(
        [op_fuzzer, str(OP_INPUTS)],
        env={"ASAN_OPTIONS": sanitized.variables["ASAN_OPTIONS"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary, *ran = done.stdout.splitlines()
    assert summary == f"0 files, {OP_INPUTS} inputs"
    reached = counts("\n".join(ran))
    assert set(reached) == {f"ran {op}" for op in OPS}
    assert min(reached.values()) > OP_INPUTS // 100, reached


def test_models(sanitized, tmp_path):
    done = run_python(
        FUZZERS / "model_fuzzer.py",
        f"--count={MODELS}",
        f"--findings={tmp_path}",
        **sanitized.variables,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = counts(done.stdout)
    assert sum(found[x] for x in ("ran", "refused", "large")) == MODELS
    # Most damage is noticed, and some does no harm.
    assert found["refused"] > MODELS // 2
    assert found["ran"] > MODELS // 20
    reached = {op: found.get(f"ran {op}", 0) for op in OPS}
    assert min(reached.values()) >= 5, reached
    for reader in ("litert", "native", "runtime"):
        assert found[f"ran in {reader}"] >= 5, found


sys.path.insert(0, str(FUZZERS))


@pytest.fixture(scope="module")
def fuzzer():
    import model_fuzzer

    return model_fuzzer


@pytest.mark.parametrize("reader", range(3))
def test_the_corpus_runs(fuzzer, reader):
    from c_spotter import try_c_spotter
    from seeds import seeds

    assert any(map(try_c_spotter, seeds(0)))
    for content in seeds(0):
        assert fuzzer.try_model(content, reader).startswith("ran ")


@pytest.mark.parametrize("reader", range(3))
@pytest.mark.parametrize(
    "path", sorted(FUZZERS.glob("corpus/found/*")), ids=str
)
def test_what_was_found_is_refused(fuzzer, path, reader):
    outcome = fuzzer.try_model(path.read_bytes(), reader)
    assert outcome.split()[0] in ("ran", "refused")
