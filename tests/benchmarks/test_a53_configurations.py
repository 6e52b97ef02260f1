"""What the table of configurations reads and writes."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from bifsmn_tf.errors import UserError

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
        "front_outputs=48,prelu=shared,residual_scale=0.5,front_skip=True"
    )
    assert config.front_outputs == 48
    assert config.prelu == "shared"
    assert config.residual_scale == 0.5
    assert config.front_skip is True
    assert config.deltas == (1, 2, 4)
    assert configurations.parse("residual_scale=1").residual_scale == 1.0
    sites = configurations.parse("int8_sites=conv2+projection").int8_sites
    assert sites == ("conv2", "projection")
    assert configurations.parse("blocks=4,deltas=1+2").deltas == (1, 2)


def test_limits_are_one_for_each_depth(configurations):
    limits = configurations.parse_limits("286,201,140.5")
    assert limits == {"1": 286.0, "2": 201.0, "4": 140.5}
    for text in ("286", "1,2,three"):
        with pytest.raises(UserError, match="--limits: 3 numbers"):
            configurations.parse_limits(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("memory_stages=2", "no 'memory_stages'"),
        ("prelu=none", "prelu must be"),
        ("blocks=6", "divides"),
        ("deltas=1+x", "deltas are as in 1"),
        ("blocks=x", "blocks is of type int"),
        ("front_skip=1", "front_skip is of type bool"),
    ],
)
def test_others_are_refused(configurations, text, message):
    with pytest.raises(UserError, match=message):
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
    assert [re.split(r" *\| *", line) for line in text.splitlines()[-2:]] == [
        ["", "a", "1,234", "5", "6", "7", "1.0", "2.0", ""],
        ["", "b", "1,234", "5", "6", "7", "**1.0**", "", ""],
    ]
