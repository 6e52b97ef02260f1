"""The engine as WebAssembly, in Node, against Python's: bit for bit."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from native_fixtures import ROOT
from native_spotter import logits_of
from web_fixtures import build_site

import bifsmn_tf
from bifsmn_tf import pretrained


@pytest.fixture(scope="module")
def decide():
    """Runs the page's own modules on samples, in Node."""
    if shutil.which("node") is None:
        pytest.skip("running the page's engine needs node")
    site = build_site()

    def run(model, samples, *arguments):
        return subprocess.run(
            ["node", ROOT / "tests/web/decide.mjs", site, model, *arguments],
            input=samples.tobytes(),
            capture_output=True,
            check=False,
        )

    return run


def noise():
    # Not a whole number of steps, so that there is something to flush.
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(20_500)).astype(np.float32)


@pytest.mark.parametrize("model", bifsmn_tf.models())
def test_decisions_are_pythons(decide, model):
    samples = noise()
    path = pretrained.find(model)
    done = decide(path, samples)
    assert done.returncode == 0, done.stderr
    *decisions, _ = map(json.loads, done.stdout.splitlines())
    found = np.array([x["logits"] for x in decisions], np.float32)
    assert np.array_equal(found, logits_of(path, samples))


@pytest.mark.parametrize("delta", ["2", "4"])
def test_depths_decide_as_in_python(decide, delta):
    path = pretrained.find("bifsmn_stream-sc12")
    samples = noise()
    spotter = bifsmn_tf.KeywordSpotter(path, int(delta), engine="native")
    stream = bifsmn_tf.StreamingSpotter(spotter)
    wanted = [*stream.push(samples), *stream.flush()]
    done = decide(path, samples, delta)
    *decisions, _ = map(json.loads, done.stdout.splitlines())
    assert {x["delta"] for x in decisions} == {int(delta)}
    found = np.array([x["probabilities"] for x in decisions], np.float32)
    assert np.array_equal(found, np.array([x.probabilities for x in wanted]))


def test_its_own_kernels_decide_as_portable_ones(decide):
    path = pretrained.find("bifsmn_stream-sc12")
    own = decide(path, noise(), "1")
    portable = decide(path, noise(), "1", "bgemm_portable_4x4_u16")
    assert own.returncode == portable.returncode == 0
    assert own.stdout == portable.stdout
    unknown = decide(path, noise(), "1", "bgemm_none")
    assert b"bgemm_none" in unknown.stderr


def test_what_is_wrong_is_one_line(decide, tmp_path):
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(b"no model")
    done = decide(damaged, noise())
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    done = decide(pretrained.find("bifsmn_s-sc12"), noise(), "3")
    assert done.stderr == b"the model has no delta 3\n"


def test_a_kernel_of_another_processor_is_refused(decide):
    path = pretrained.find("bifsmn_s-sc12")
    done = decide(path, noise(), "1", "bgemm_avx2_2x32_u8")
    assert done.returncode == 1
    assert b"no kernel 'bgemm_avx2_2x32_u8' on this processor" in done.stderr
