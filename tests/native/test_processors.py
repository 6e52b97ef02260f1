"""The library on processors that lack what its fastest kernels want."""

import json
import os
import shutil

import pytest
from native_fixtures import run_python
from op_cases import large_cases
from op_cases import random_cases
from run_cases import main as run_cases
from run_cases import write_cases
from test_native_ops import RUN_CASES
from test_native_ops import assert_cases_pass

from bifsmn_tf.runtime.interpreter import isa_levels
from bifsmn_tf.runtime.interpreter import kernel_names

INSTRUCTION_SETS = {
    # Before AVX.
    "Nehalem": ("portable",),
    # With AVX2, without AVX-512.
    "Haswell": ("portable", "avx2"),
}
"""What there may be in the names of the kernels that run on a processor."""

LEVELS = {
    "baseline": ("portable",),
    "avx2": ("portable", "avx2"),
    "avx512": ("portable", "avx2", "avx512"),
    "neon": ("portable", "neon"),
}
"""The same by ``BIFSMN_ISA``."""

PRINT_KERNELS = (
    "import json; from bifsmn_tf.runtime.interpreter import kernel_names; "
    "print(json.dumps(kernel_names()))"
)


def run_emulated(processor, *arguments, **variables):
    emulator = ("qemu-x86_64", "-cpu", processor)
    # NumPy's BLAS takes the processor below for what is emulated.
    variables.setdefault("OPENBLAS_CORETYPE", "Nehalem")
    return run_python(*arguments, emulator=emulator, **variables)


@pytest.fixture(params=INSTRUCTION_SETS)
def processor(request):
    if os.uname().machine != "x86_64":
        pytest.skip("the library has these kernels on x86-64 only")
    if shutil.which("qemu-x86_64") is None:
        pytest.skip("needs qemu-x86_64 (apt-get install qemu-user)")
    return request.param


def test_falls_back(processor, tmp_path):
    done = run_emulated(processor, "-c", PRINT_KERNELS)
    assert done.returncode == 0, done.stderr
    names = json.loads(done.stdout)
    sets = INSTRUCTION_SETS[processor]
    assert names
    assert not [n for n in names if not any(f"_{s}" in n for s in sets)]
    # Each of them is reached, not the portable ones alone.
    assert {s for s in sets for n in names if f"_{s}" in n} == set(sets)

    cases = [*random_cases(5, seed=7), *large_cases()]
    write_cases(tmp_path, cases)
    done = run_emulated(processor, RUN_CASES, tmp_path)
    assert done.returncode == 0, done.stderr
    assert_cases_pass(tmp_path, cases)


@pytest.mark.parametrize("level", isa_levels())
def test_a_level_is_what_kernels_are_limited_to(level, tmp_path):
    done = run_python("-c", PRINT_KERNELS, BIFSMN_ISA=level)
    assert done.returncode == 0, done.stderr
    names = json.loads(done.stdout)
    allowed = LEVELS[level]
    assert not [n for n in names if not any(f"_{s}" in n for s in allowed)]
    assert {s for s in allowed for n in names if f"_{s}" in n} == set(allowed)
    cases = list(random_cases(5, seed=9))
    write_cases(tmp_path, cases)
    done = run_python(RUN_CASES, tmp_path, BIFSMN_ISA=level)
    assert done.returncode == 0, done.stderr
    assert_cases_pass(tmp_path, cases)


def test_kernels_that_do_not_run_here_are_refused(processor, tmp_path):
    missing = "bgemm_avx512bitalg_8x32_u16"
    write_cases(tmp_path, random_cases(1))
    done = run_emulated(processor, RUN_CASES, tmp_path, BIFSMN_KERNELS=missing)
    assert done.returncode == 1
    assert f"no kernel '{missing}'" in done.stderr


def test_kernels_by_name_compute_the_same(tmp_path, monkeypatch):
    cases = list(random_cases(5, seed=8))
    write_cases(tmp_path, cases)
    for name in kernel_names():
        monkeypatch.setenv("BIFSMN_KERNELS", name)
        run_cases(tmp_path)
        assert_cases_pass(tmp_path, cases)
        for results in tmp_path.glob("*.out.npz"):
            results.unlink()
