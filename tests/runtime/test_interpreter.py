import ctypes
import dataclasses
import subprocess

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from native_fixtures import ROOT
from native_fixtures import run_python
from op_cases import random_cases

import bifsmn_tf.runtime.interpreter as runtime_module
from bifsmn_tf import KeywordSpotter
from bifsmn_tf import pretrained
from bifsmn_tf._version import __version__
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.ops import Op
from bifsmn_tf.model_file.ops import TensorSpec
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.runtime.interpreter import isa
from bifsmn_tf.runtime.interpreter import isa_levels
from bifsmn_tf.runtime.interpreter import kernel_names
from bifsmn_tf.runtime.interpreter import library_path
from bifsmn_tf.runtime.interpreter import make_interpreter
from bifsmn_tf.runtime.interpreter import native_contract
from bifsmn_tf.runtime.interpreter import profile
from bifsmn_tf.runtime.interpreter import set_profiling
from bifsmn_tf.runtime.native import functions


@pytest.fixture(scope="module")
def case():
    return next(random_cases(1))


def _run(interpreter, case):
    results = interpreter.get_signature_runner()(**case.feeds())
    assert np.array_equal(results["output_0"], case.expected()[0])


def test_models_from_memory_and_from_files(case, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(case.model())
    _run(make_interpreter(case.model()), case)
    _run(make_interpreter(path), case)
    _run(make_interpreter(str(path), num_threads=2), case)


def test_the_library_is_of_this_version():
    version = ctypes.CDLL(str(library_path())).bifsmn_version
    version.restype = ctypes.c_char_p
    assert version().decode() == __version__


def test_kernels_are_chosen_by_name(case, monkeypatch):
    names = kernel_names()
    assert len(names) == len(set(names))
    portable = [name for name in names if "_portable_" in name]
    # One of each family: five of the network, two of the features.
    assert len(portable) == 7
    monkeypatch.setenv("BIFSMN_KERNELS", ",".join(portable))
    _run(make_interpreter(case.model()), case)
    monkeypatch.setenv("BIFSMN_KERNELS", f"{portable[0]},bgemm_fast")
    with pytest.raises(UserError, match="no kernel 'bgemm_fast'"):
        make_interpreter(case.model())


def test_a_level_of_instructions_that_is_not_here_is_refused(case, monkeypatch):
    levels = isa_levels()
    assert levels[0] == "baseline"
    assert isa() in levels
    monkeypatch.setenv("BIFSMN_ISA", "avx1024")
    message = "BIFSMN_ISA is 'avx1024': .* levels " + ", ".join(levels)
    with pytest.raises(UserError, match=message):
        make_interpreter(case.model())
    with pytest.raises(UserError, match=message):
        KeywordSpotter(pretrained.find("bifsmn-sc12"), engine="native")


def test_a_profile_counts_runs(case):
    interpreter = make_interpreter(case.model())
    set_profiling(True)
    for _ in range(3):
        _run(interpreter, case)
    (entry,) = profile()
    set_profiling(False)
    _run(interpreter, case)
    assert profile() == []
    assert (entry["op"], entry["step"], entry["runs"]) == (case.op.NAME, 0, 3)
    assert entry["nanoseconds"] > 0


def test_a_model_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="model.tflite: No such file"):
        make_interpreter(tmp_path / "model.tflite")


def test_a_truncated_model(case, tmp_path):
    with pytest.raises(UserError, match="is the file truncated"):
        make_interpreter(case.model()[:-200])
    path = tmp_path / "short.tflite"
    path.write_bytes(case.model()[:-200])
    with pytest.raises(UserError, match="short.tflite: .*truncated"):
        make_interpreter(path)


def test_a_model_that_the_runtime_refuses(case, tmp_path):
    """Its constant has half the bytes that its shape asks for."""
    parts = schema.ModelT.InitFromPackedBuf(case.model())
    constant = next(x for x in parts.buffers if x.data is not None)
    constant.data = constant.data[: len(constant.data) // 2]
    builder = flatbuffers.Builder()
    builder.Finish(parts.Pack(builder), b"TFL3")
    path = tmp_path / "short.tflite"
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(UserError, match="runtime refuses .*short.tflite: "):
        make_interpreter(path)


def test_a_file_that_is_no_model():
    with pytest.raises(UserError, match="not a TensorFlow Lite model"):
        make_interpreter(b"RIFF    WAVE")


def test_a_library_that_is_not_there(case, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no native library at .*/none.so"):
        make_interpreter(case.model(), library=tmp_path / "none.so")
    monkeypatch.setenv("BIFSMN_LIBRARY", str(tmp_path / "other.so"))
    with pytest.raises(UserError, match="no native library at .*/other.so"):
        make_interpreter(case.model())
    monkeypatch.delenv("BIFSMN_LIBRARY")
    monkeypatch.setattr(runtime_module, "__file__", str(tmp_path / "x.py"))
    with pytest.raises(UserError, match="build it with `pip install"):
        make_interpreter(case.model())


def test_a_library_that_is_none(case, tmp_path):
    path = tmp_path / "library.so"
    path.write_text("nothing")
    with pytest.raises(UserError, match="cannot load .*library.so"):
        make_interpreter(case.model(), library=path)
    with pytest.raises(UserError, match="cannot load .*library.so"):
        native_contract(path)


def test_a_library_of_another_version(case, tmp_path):
    """What was built before a function was added."""
    path = tmp_path / "library.so"
    source = tmp_path / "library.c"
    source.write_text(
        "void tflite_plugin_create_delegate(void) {}"
        "void bifsmn_contract(void) {}"
    )
    subprocess.run(["cc", "-shared", "-o", path, source], check=True)
    for use in (kernel_names, functions, isa):
        with pytest.raises(UserError, match="another version; build it anew"):
            use(path)


def test_a_runtime_that_is_not_installed(case, monkeypatch):
    modules = {name: f"no_such_{name}" for name in runtime_module.RUNTIMES}
    monkeypatch.setattr(runtime_module, "RUNTIMES", list(modules.values()))
    monkeypatch.setattr(
        runtime_module,
        "_INTERPRETER_MODULES",
        {name: f"{name}.interpreter" for name in modules.values()},
    )
    with pytest.raises(UserError, match="pip install .bifsmn_tf.litert"):
        make_interpreter(case.model())


def test_the_delegate_has_no_options():
    from ai_edge_litert.interpreter import load_delegate

    with pytest.raises(ValueError, match="has no option 'threads'"):
        load_delegate(str(library_path()), {"threads": "2"})


def test_models_without_our_ops():
    writer = ModelWriter()
    graph = writer.subgraph("main")
    x = graph.input("x", (1, 4), np.float32)
    weights = np.ones((2, 4), np.float32)
    graph.output(
        "y", graph.fully_connected(x, weights, np.zeros(2, np.float32), "y")
    )
    writer.signature("run", graph)
    run = make_interpreter(writer.build()).get_signature_runner()
    assert run(x=np.ones((1, 4), np.float32))["y"].tolist() == [[4, 4]]


@dataclasses.dataclass(frozen=True)
class Probe(Op):
    """What ``abi_probe.cc`` expects."""

    NAME = "Probe"
    INPUTS = ("x", "c", "absent?")
    OUTPUTS = ("y",)

    def custom_options(self):
        return b"probe"

    def output_specs(self, *inputs):
        return [TensorSpec((2, 3), np.dtype(np.float32))]

    def reference(self, *inputs):
        raise NotImplementedError


def _probe_model() -> bytes:
    writer = ModelWriter("probe")
    graph = writer.subgraph("main")
    x = graph.input("x", (2, 3), np.float32)
    c = graph.constant("c", np.array([1, 2, 3, 4], np.int16))
    (y,) = graph.custom_op(Probe(), [x, c, None], [("y", (2, 3), np.float32)])
    graph.output("y", y)
    return writer.build()


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """A model, and a delegate for it that checks ``tflite_abi.h``."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "model.tflite").write_bytes(_probe_model())
    subprocess.run(
        ["g++", "-std=c++17", "-Wall", "-Wextra", "-shared", "-fPIC"]
        + [f"-I{ROOT}", "-o", folder / "probe.so"]
        + [ROOT / "tests/runtime/abi_probe.cc"],
        check=True,
    )
    return folder / "model.tflite", folder / "probe.so"


def test_the_abi_is_the_runtimes(runtime, probe):
    done = run_python(ROOT / "tests/runtime/run_abi_probe.py", runtime, *probe)
    assert done.returncode == 0, done.stderr
