import json

import numpy as np
import pytest

from bifsmn_tf.benchmarking import chart
from bifsmn_tf.benchmarking import report as reports
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.benchmarking.profile import LayerTime
from bifsmn_tf.benchmarking.profile import Profile

MODELS = [
    BenchmarkModel("full", b"x" * 3000, None, Role.BASELINE),
    BenchmarkModel("ours", b"x" * 100, "delta_1", Role.OURS),
    BenchmarkModel("ours, slow", b"x" * 100, "delta_1", Role.VARIANT, "a"),
    BenchmarkModel("sound", b"x" * 100, "audio", Role.FRONT_END),
    BenchmarkModel("nothing", b"x", None, Role.GLUE),
]
INVOKES = {
    "full": np.array([100.0, 200.0, 300.0]),
    "ours": np.array([10.0, 20.0, 10.0]),
    "ours, slow": np.array([50.0, 100.0, 150.0]),
    "sound": np.array([40.0, 40.0, 40.0]),
    "nothing": np.array([1.0, 1.0, 1.0]),
}
CYCLES = {
    "full": {"strict": 3000, "ideal": 2900},
    "ours": {"strict": 200, "ideal": 190},
}


@pytest.fixture
def report():
    profile = Profile(
        (LayerTime("conv1", "A", 6.0), LayerTime("conv2", "B", 2.0)), 9.0, 0.7
    )
    return reports.make(
        MODELS,
        INVOKES,
        {name: times + 5 for name, times in INVOKES.items()},
        {"ours": profile},
        CYCLES,
        {"rounds": 3, "turn_milliseconds": 5.0, "networks": ["bifsmn"]},
        reports.describe_machine(),
        "python -m bifsmn_tf.benchmark --x",
    )


def test_is_plain_json(report):
    assert json.loads(json.dumps(report)) == report
    assert set(report) == {
        "format",
        "command",
        "date",
        "machine",
        "versions",
        "settings",
        "models",
        "speedups",
        "profiles",
        "cycles",
    }
    assert report["versions"]["ai-edge-litert"]
    assert set(report["machine"]) == {
        "cpu",
        "instructions",
        "isa",
        "stock_isa",
        "cores",
        "architecture",
        "load_average",
    }


def test_contestants(report):
    assert report["models"][2] == {
        "name": "ours, slow",
        "role": "ours with other kernels",
        "signature": "delta_1",
        "kernels": "a",
        "file_bytes": 100,
        "invoke_microseconds": {
            "minimum": 50.0,
            "low": 75.0,
            "median": 100.0,
            "high": 125.0,
        },
        "call_microseconds": {
            "minimum": 55.0,
            "low": 80.0,
            "median": 105.0,
            "high": 130.0,
        },
    }


def test_ratios_are_taken_within_rounds(report):
    """The ratio of the medians would be 20."""
    assert list(report["speedups"]) == ["full"]
    ratios = report["speedups"]["full"]
    assert list(ratios) == ["full", "ours", "ours, slow"]
    assert ratios["ours"]["minimum"] == 10
    assert ratios["ours"]["median"] == 10
    assert ratios["ours"]["high"] == 20
    assert ratios["ours, slow"]["median"] == 2


def test_tables(report):
    for text in (reports.text(report), reports.page(report)):
        lines = {
            line.strip("| ").split("  ")[0].split(" |")[0]: line
            for line in text.splitlines()
        }
        assert "3,000" in text
        assert "10.0x (10.0-20.0)" in text
        assert "75.0 %" in lines["conv1"]
        assert "8.00" in lines["all ops"]
        assert "0.70" in lines["the rest of an invoke"]
        assert "15.0x" in text
        assert "not measured" in text


def test_page_names_its_circumstances(report):
    page = reports.page(report)
    assert report["machine"]["cpu"] in page
    assert "measured on this cpu" in page.lower()
    assert "    python -m bifsmn_tf.benchmark --x\n" in page
    assert "The weights are random ones." in page
    report["settings"]["networks"] = []
    assert "random ones" not in reports.page(report)


def test_tables_of_files_alone(report):
    report.update(speedups={}, profiles={}, cycles={})
    assert reports.text(report).count("\n\n") == 0
    assert "times faster" not in reports.page(report)


@pytest.mark.parametrize("cycles", [CYCLES, {}])
@pytest.mark.parametrize("baselines", [True, False])
def test_chart(report, tmp_path, cycles, baselines):
    report["cycles"] = cycles
    if not baselines:
        report["speedups"] = {}
    chart.latencies(report, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_cycles_are_read(tmp_path):
    path = tmp_path / "cycles.json"
    path.write_text(json.dumps(CYCLES))
    assert reports.read_cycles(path) == CYCLES


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[1]",
        '{"a": 3}',
        '{"a": {"strict": 1}}',
        '{"a": {"strict": 1, "ideal": "2"}}',
        '{"a": {"strict": 0, "ideal": 2}}',
    ],
)
def test_cycles_of_another_form(tmp_path, text):
    path = tmp_path / "cycles.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="cycles.json is not .*strict.*ideal"):
        reports.read_cycles(path)
