"""The benchmark command as a user runs it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bifsmn_tf.benchmark import PORTABLE_KERNELS

ROOT = Path(__file__).resolve().parents[1]
QUICK = ["--rounds=1", "--turn_milliseconds=0.1"]
DEPTHS = ["BiFSMN_S δ=1", "BiFSMN_S δ=2", "BiFSMN_S δ=4"]

WITHOUT_TENSORFLOW = (
    "import runpy, sys\n"
    "sys.modules['tensorflow'] = None\n"
    "runpy.run_module('bifsmn_tf.benchmark', run_name='__main__')\n"
)


def run(*arguments, expect=0, tensorflow=True):
    how = ["-m", "bifsmn_tf.benchmark"]
    if not tensorflow:
        how = ["-c", WITHOUT_TENSORFLOW]
    done = subprocess.run(
        [sys.executable, *how, *QUICK, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def fails(*arguments, **options) -> str:
    done = run(*arguments, expect=1, **options)
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = re.findall("^(?:error: |FATAL).*", done.stderr, re.MULTILINE)
    return line


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with everything that it can write."""
    folder = tmp_path_factory.mktemp("benchmark")
    cycles = {"BiFSMN_S δ=1": {"strict": 1234567, "ideal": 1000000}}
    (folder / "cycles.json").write_text(json.dumps(cycles))
    done = run(
        "--networks=bifsmn,ds_cnn",
        "--architecture=bifsmn_s",
        "--classes=5",
        "--profile",
        f"--cycles={folder / 'cycles.json'}",
        f"--json={folder / 'report.json'}",
        f"--chart={folder / 'chart.png'}",
        f"--results={folder / 'results'}",
        f"--save_models={folder / 'models'}",
    )
    (folder / "stdout").write_text(done.stdout)
    return folder


def test_report(made):
    report = json.loads((made / "report.json").read_text())
    names = [c["name"] for c in report["models"]]
    variants = [f"{name}, portable kernels" for name in DEPTHS]
    baselines = ["DS-CNN fp32", "DS-CNN int8"]
    assert names == [
        *DEPTHS,
        *variants,
        "BiFSMN_S, features of a clip",
        "BiFSMN_S, features of a frame",
        "BiFSMN_S, board's features of a clip",
        "BiFSMN_S, board's features of a frame",
        *baselines,
        "one builtin operation",
        "smallest BiFSMN",
    ]
    assert list(report["speedups"]) == baselines
    assert (
        list(report["speedups"]["DS-CNN fp32"]) == DEPTHS + variants + baselines
    )
    assert list(report["profiles"]) == DEPTHS + variants
    layers = [len(p["layers"]) for p in report["profiles"].values()]
    assert layers == [3 + 3 * n + 1 for n in (8, 4, 2)] * 2
    settings = report["settings"]
    assert settings["rounds"] == settings["threads"] == 1
    assert settings["networks"] == ["bifsmn", "ds_cnn"]
    for model in report["models"]:
        assert model["invoke_microseconds"]["minimum"] > 0
        assert model["file_bytes"] > 100


def test_what_else_is_written(made):
    page = (made / "results" / "benchmark.md").read_text()
    for text in ((made / "stdout").read_text(), page):
        assert "1,234,567" in text
        assert "block7/expand" in text
    assert "python -m bifsmn_tf.benchmark --rounds=1" in page
    assert (made / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_saved_models_are_those_that_were_measured(made):
    folder = made / "models"
    index = json.loads((folder / "models.json").read_text())
    report = json.loads((made / "report.json").read_text())
    assert [
        (c["name"], c["signature"], c["kernels"], c["file_bytes"])
        for c in report["models"]
    ] == [
        (
            x["name"],
            x["signature"],
            x["kernels"],
            (folder / x["file"]).stat().st_size,
        )
        for x in index
    ]
    assert len(list(folder.glob("*.tflite"))) == 6


def test_a_second_of_sound_without_tensorflow(tmp_path):
    done = run(
        "--always_on",
        "--networks=clips,growth",
        f"--json={tmp_path / 'x.json'}",
        f"--results={tmp_path}",
        f"--chart={tmp_path / 'x.png'}",
        f"--save_models={tmp_path}",
        tensorflow=False,
    )
    assert "skipped: growth: networks with random weights" in done.stdout
    report = json.loads((tmp_path / "x.json").read_text())
    names = [f"bifsmn-sc12 δ={d}, every 32 ms" for d in (1, 2, 4)]
    assert [x["name"] for x in report["listeners"]] == names
    assert "## A second of sound" in (tmp_path / "always_on.md").read_text()
    index = json.loads((tmp_path / "models.json").read_text())
    assert index[0]["name"] == "bifsmn-sc12, a frame's features"


def test_nobody_listens():
    error = fails("--always_on", "--networks=lstm")
    assert "--networks: nobody listens as lstm: of stream, clips" in error
    error = fails("--always_on", "--networks=stream", tensorflow=False)
    assert "there is nobody to listen: stream: networks" in error


def test_files_without_tensorflow(made):
    binary, _, baseline, *_ = sorted((made / "models").glob("*.tflite"))
    done = run(f"--model={binary}", f"--model={baseline}", tensorflow=False)
    for name in ("delta_1", "delta_4", "audio", "frame"):
        assert f"{binary}, {name}" in done.stdout
    assert "one builtin operation" in done.stdout
    assert "smallest BiFSMN" not in done.stdout


def test_networks_need_tensorflow():
    error = fails(tensorflow=False)
    assert "need TensorFlow" in error
    assert "--model" in error


def test_bad_files(made, tmp_path):
    model = made / "models" / "0.tflite"
    assert "none.tflite" in fails(f"--model={tmp_path / 'none.tflite'}")
    (tmp_path / "half.tflite").write_bytes(model.read_bytes()[:5000])
    error = fails(f"--model={tmp_path / 'half.tflite'}")
    assert "half.tflite" in error and "truncated" in error
    error = fails(f"--model={model}", f"--model={model}")
    assert "given twice" in error


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--networks=lstm", "--networks: there is no lstm: of dfsmn, bifsmn"),
        ("--kernels=bgemm", "--kernels is NAME=KERNEL,KERNEL, not 'bgemm'"),
        ("--json=/nowhere/at/all.json", "--json: there is no folder /nowhere"),
        ("--chart=/nowhere/x.png", "--chart: there is no folder /nowhere"),
        ("--cycles=/nowhere/x.json", "/nowhere/x.json"),
        ("--rounds=0", "--rounds"),
        ("stray", "stray"),
    ],
)
def test_bad_settings(flag, message):
    assert message in fails(flag)


def test_portable_kernels_are_all_there_are():
    kernels = ROOT / "custom_ops" / "kernels"
    found = [path.stem for path in kernels.glob("*_portable_*.cc")]
    wanted = PORTABLE_KERNELS.partition("=")[2].split(",")
    assert sorted(found) == sorted(wanted)


def test_help_helps():
    done = run("--help")
    assert "python -m bifsmn_tf.benchmark --model=" in done.stdout
