"""Programs in C with the library: the example, and what a spotter takes."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from build_cache import build_lock
from native_fixtures import ROOT

import bifsmn_tf
from bifsmn_tf import Detector
from bifsmn_tf import KeywordSpotter
from bifsmn_tf import StreamingSpotter
from bifsmn_tf import pretrained
from bifsmn_tf.runtime.interpreter import library_path

MODEL = "bifsmn_stream-sc12"


def compile_c(source, program, *flags):
    """Compiles a program against the package's library."""
    folder = library_path().parent
    subprocess.run(
        ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", *flags]
        + ["-I", ROOT / "custom_ops/engine", ROOT / source, "-o", program]
        + [f"-L{folder}", "-lbifsmn", "-lpthread", f"-Wl,-rpath,{folder}"],
        check=True,
    )
    return program


@pytest.fixture(scope="module")
def spot(tmp_path_factory):
    program = tmp_path_factory.mktemp("spot") / "spot"
    return compile_c("examples/spot.c", program, "-std=c99", "-pedantic")


@pytest.fixture(scope="module")
def footprint(tmp_path_factory):
    program = tmp_path_factory.mktemp("footprint") / "footprint"
    compile_c("benchmarks/c/footprint.c", program, "-std=gnu99")

    def run(model, *arguments):
        done = subprocess.run(
            [program, pretrained.find(model), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    return run


def words_of(speech):
    """A stream of recordings, int16."""
    from bifsmn_tf.audio import files

    pause = np.zeros(24000, np.int16)
    pieces = [pause]
    for word in ("yes", "stop", "left"):
        for path in sorted(speech.glob(f"{word}/*.wav"))[:3]:
            pieces += [files.read(path, 16000), pause]
    return np.concatenate(pieces)


def heard_by_python(samples, delta):
    """The lines that the example prints, from Python's detections."""
    spotter = KeywordSpotter(MODEL, delta, engine="litert")
    stream = StreamingSpotter(spotter)
    detector = Detector.of(spotter.labels, 16000, spotter.detection)
    events = [
        detector.push(decision)
        for decision in [*stream.push(samples), *stream.flush()]
    ]
    return [
        f"{event.time:.3f} s  {event.label}  {event.probability:.3f}"
        for event in events
        if event
    ]


@pytest.mark.parametrize("delta", [1, 4])
def test_the_example_prints_what_python_hears(spot, speech, delta):
    samples = words_of(speech)
    wanted = heard_by_python(samples, delta)
    assert len(wanted) >= 5
    done = subprocess.run(
        [spot, pretrained.find(MODEL), str(delta)],
        input=samples.tobytes(),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().splitlines() == wanted
    assert done.stderr == b"listens at 16000 Hz, decides every 128 ms\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "usage: "),
        (["none.tflite"], 1, "none.tflite: No such file or directory"),
        ([pretrained.find(MODEL), "3"], 1, "the model has no delta 3"),
    ],
)
def test_the_example_says_what_is_wrong(spot, arguments, code, message):
    done = subprocess.run(
        [spot, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert message in done.stderr


def test_the_example_is_short():
    lines = (ROOT / "examples/spot.c").read_text("utf-8").splitlines()
    assert len(lines) < 100


@pytest.mark.parametrize("model", bifsmn_tf.models())
def test_nothing_is_allocated_while_it_runs(footprint, model):
    found = footprint(model)
    assert found["decisions"] > 60
    assert found["allocations_to_run"] == 0
    # What is left is the C library's own, for numbers in text.
    assert found["left"] < 1000


def test_a_spotter_takes_less_than_300_kb(footprint):
    found = footprint(pretrained.DEFAULT)
    assert found["heap"] < 300_000
    assert found["stack"] < 64_000


def test_one_depth_takes_less_than_all(footprint):
    found = footprint(MODEL)
    assert found["heap"] < 320_000
    assert found["stack"] < 64_000
    assert footprint(MODEL, "4")["heap"] < 0.6 * found["heap"]


@pytest.mark.parametrize("tool", ["pkg-config", "cmake"])
def test_a_program_finds_the_installed_library(tool, tmp_path):
    for needed in ("cmake", "pkg-config"):
        if shutil.which(needed) is None:
            pytest.skip(f"installing the C library needs {needed}")
    prefix = tmp_path / "prefix"
    with build_lock("install-c"):
        subprocess.run(
            ["make", "install-c", f"PREFIX={prefix}"],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    variables = {
        "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig"),
        "LD_LIBRARY_PATH": str(prefix / "lib"),
    }
    environment = os.environ | variables
    program = tmp_path / "spot"
    if tool == "cmake":
        for command in (
            ["cmake", "-S", ROOT / "examples", "-B", tmp_path],
            ["cmake", "--build", tmp_path],
        ):
            done = subprocess.run(
                command, env=environment, check=True, capture_output=True
            )
            # It is the installed one that is used.
            assert b"libbifsmn.so" not in done.stdout
    else:
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "bifsmn"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        subprocess.run(
            ["gcc", ROOT / "examples/spot.c", *flags, "-o", program], check=True
        )
    done = subprocess.run(
        [program, pretrained.find(MODEL)],
        input=bytes(32000),
        env=environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b""
    assert b"decides every 128 ms" in done.stderr


def test_engines_agree_on_another_processor(aarch64):
    done = aarch64(
        ROOT / "tests/native/compare_engines.py",
        "bifsmn_stream-sc12",
        "bifsmn_s-sc12",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "aarch64 bifsmn_stream-sc12 69",
        "aarch64 bifsmn_s-sc12 279",
    ]
