import os
import subprocess
import sys

import numpy as np
import pytest
from small_models import binary_model
from small_models import builtin_model

from bifsmn_tf.benchmarking import invoke
from bifsmn_tf.benchmarking.invoke import Invocation
from bifsmn_tf.errors import UserError
from bifsmn_tf.runtime import interpreter as runtime


@pytest.fixture(scope="module")
def binary():
    return binary_model()


def outputs(invocation):
    return {name: read() for name, read in invocation._read.items()}


@pytest.mark.parametrize(("key", "factor"), [("one", 1), ("two", 2)])
def test_runs_the_signatures_own_graph(key, factor):
    invocation = Invocation(builtin_model(), key)
    assert invocation.signature == key
    total = invocation._inputs["x"].sum()
    for run in (invocation.invoke, invocation.call):
        run()
        np.testing.assert_allclose(
            outputs(invocation)["y"], [[factor * total] * 2], rtol=1e-5
        )
    invocation.check()


def test_the_first_signature_by_default():
    assert Invocation(builtin_model()).signature == "one"


def test_files_without_signatures():
    invocation = Invocation(builtin_model(signatures=()))
    assert invocation.signature is None
    (values,) = invocation._inputs.values()
    invocation.invoke()
    (found,) = outputs(invocation).values()
    np.testing.assert_allclose(found, [[values.sum()] * 2], rtol=1e-5)
    (called,) = invocation.call().values()
    np.testing.assert_array_equal(called, found)
    invocation.check()


def test_another_signature_is_refused():
    with pytest.raises(ValueError, match=r"no signature 'x': one of \['one'"):
        Invocation(builtin_model(), "x")


def test_our_networks(binary):
    for key in ("delta_1", "delta_2"):
        invocation = Invocation(binary, key)
        for _ in range(3):
            invocation.invoke()
        invocation.check()
        logits = outputs(invocation)["logits"]
        np.testing.assert_array_equal(logits, invocation.call()["logits"])


def test_an_output_that_changes_is_noticed(binary):
    invocation = Invocation(binary, "delta_1")
    invocation._first["logits"][0, 1] += 1
    with pytest.raises(RuntimeError, match="repeated invokes changed logits"):
        invocation.check()


PORTABLE = "bgemm_portable_4x4_u16"


@pytest.mark.parametrize("before", [None, PORTABLE])
def test_kernels_are_preferred_while_planning(monkeypatch, before):
    monkeypatch.delenv(invoke.KERNELS_VARIABLE, raising=False)
    if before:
        monkeypatch.setenv(invoke.KERNELS_VARIABLE, before)
    seen = []
    make = runtime.make_interpreter

    def watched(model):
        seen.append(os.environ.get(invoke.KERNELS_VARIABLE))
        return make(model)

    monkeypatch.setattr(runtime, "make_interpreter", watched)
    kernels = f"memory_portable_1x16_u8,{PORTABLE}"
    Invocation(builtin_model(), kernels=kernels)
    assert os.environ.get(invoke.KERNELS_VARIABLE) == before
    Invocation(builtin_model())
    assert seen == [kernels, before]


def test_a_kernel_that_is_not_there_is_an_error():
    with pytest.raises(UserError, match="no kernel 'bgemm_fast'"):
        Invocation(builtin_model(), kernels="bgemm_fast")


def test_integers_are_features_too():
    details = {"shape": [50], "dtype": np.int8, "quantization": (0.05, -3)}
    values = invoke._random(details, np.random.default_rng(0))
    assert values.dtype == np.int8
    assert 15 < values.std() < 25
    details["quantization"] = (0.001, 0)
    values = invoke._random(details, np.random.default_rng(0))
    assert {-128, 127} <= set(values.tolist())


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bifsmn_tf.benchmarking.invoke"]
        + list(map(str, arguments)),
        capture_output=True,
        text=True,
    )


def test_the_command(binary, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(binary)
    done = command(f"--model={path}", "--signature=delta_2", "--repetitions=7")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "delta_2: invoked 7 times\n"


def test_the_command_says_what_is_wrong(tmp_path):
    done = command(f"--model={tmp_path / 'none.tflite'}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "none.tflite" in done.stderr
    (tmp_path / "text").write_text("nothing of the kind")
    done = command(f"--model={tmp_path / 'text'}")
    assert done.returncode == 1
    wanted = f"error: {tmp_path / 'text'}: not a TensorFlow Lite model"
    assert wanted in done.stderr
    done = command(f"--model={tmp_path / 'text'}", "--repetitions=0")
    assert done.returncode == 2
    assert "at least 1" in done.stderr


def test_the_command_needs_little():
    code = (
        "import sys, bifsmn_tf.benchmarking.invoke\n"
        "heavy = {'tensorflow', 'absl', 'soxr', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
