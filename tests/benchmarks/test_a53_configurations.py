"""What the table of configurations reads and writes."""

import importlib
import sys
from pathlib import Path

import pytest

pytest.importorskip("capstone")

_FOLDER = Path(__file__).parents[2] / "benchmarks/a53"


@pytest.fixture(scope="module")
def configurations():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(_FOLDER))
        before = set(sys.modules)
        yield importlib.import_module("configurations")
        for name in ("configurations", "network", "model", "toolchain"):
            if name not in before:
                sys.modules.pop(name, None)


def test_settings_are_those_of_the_network(configurations):
    config = configurations.parse(
        "memory_stages=2,prelu=shared,residual_scale=0.5,front_skip=True"
    )
    assert config.memory_stages == 2
    assert config.prelu == "shared"
    assert config.residual_scale == 0.5
    assert config.front_skip is True
    assert config.deltas == (1, 2, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("memory_stage=2", "no 'memory_stage'"),
        ("front_bases=2", "1 or front_branches"),
        ("blocks=6", "divides"),
    ],
)
def test_others_are_refused(configurations, text, message):
    with pytest.raises(ValueError, match=message):
        configurations.parse(text)


def test_more_than_a_limit_is_bold(configurations):
    def row(*cycles):
        return {
            "one_bit": 1234,
            "binary_macs": 5,
            "other_macs": 6,
            "bytes": 7,
            "cycles": {str(2**i): {"strict": x} for i, x in enumerate(cycles)},
        }

    text = configurations.table(
        {"a": row(1000, 2040), "b": row(1001)}, {"1": 1.0}
    )
    assert text.splitlines()[-2:] == [
        "| a | 1,234 | 5 | 6 | 7 | 1.0 | 2.0 |",
        "| b | 1,234 | 5 | 6 | 7 | **1.0** |  |",
    ]
