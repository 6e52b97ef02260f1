"""The model of the Cortex-A53, on code whose cycles can be told by hand."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("capstone")

_PATH = Path(__file__).parents[2] / "benchmarks/a53/model.py"
_SPEC = importlib.util.spec_from_file_location("a53_model", _PATH)
assert _SPEC is not None and _SPEC.loader is not None
model = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(model)

_EOR = 0x6E211C00  # eor v0.16b, v0.16b, v1.16b
_EOR_OTHER = 0x6E231C42  # eor v2.16b, v2.16b, v3.16b
_CNT = 0x4E205800  # cnt v0.16b, v0.16b
_UADALP = 0x6E206804  # uadalp v4.8h, v0.16b
_ADD = 0x91000400  # add x0, x0, #1
_LDR_Q = 0x3DC00025  # ldr q5, [x1]
_LDR_D = 0xFD400025  # ldr d5, [x1]
_LDR_X = 0xF9400022  # ldr x2, [x1]


def _cycles(*words, mode="strict"):
    return model.steady_cycles(model.decode(words), mode)


@pytest.mark.parametrize("mode", model.MODES)
def test_one_vector_operation_a_cycle(mode):
    assert _cycles(_EOR, _EOR_OTHER, mode=mode) == 2
    assert _cycles(_EOR, _ADD, mode=mode) == 1
    assert _cycles(_UADALP, _UADALP, mode=mode) >= 4


def test_a_result_is_waited_for():
    # EOR gives its result after one cycle, CNT after two.
    assert _cycles(_EOR, _CNT) == 3


def test_vector_loads_pair_in_the_ideal_only():
    assert _cycles(_EOR_OTHER, _EOR_OTHER, _LDR_Q, mode="ideal") == 2
    assert _cycles(_EOR_OTHER, _EOR_OTHER, _LDR_Q) == 4
    assert _cycles(_EOR_OTHER, _LDR_D) == 2


def test_loads_of_general_registers_pair():
    assert _cycles(_EOR_OTHER, _LDR_X) == 1


def test_costs_are_of_the_difference(tmp_path):
    fewer, more = tmp_path / "fewer", tmp_path / "more"
    fewer.write_text(f"5 400000 {_EOR:08x}\n10 400100 {_ADD:08x}\n")
    # The same block counts wherever it is.
    more.write_text(f"25 500000 {_EOR:08x}\n10 400100 {_ADD:08x}\n")
    assert model.cost_of_difference(fewer, more, 10) == (2, 2, 2)
