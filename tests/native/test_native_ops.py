"""The native kernels against the NumPy references, bit for bit."""

import numpy as np
import pytest
from native_fixtures import ROOT
from native_fixtures import run_python
from op_cases import OpCase
from op_cases import large_cases
from op_cases import random_bits
from op_cases import random_cases
from run_cases import read_results
from run_cases import write_cases

from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.runtime.interpreter import make_interpreter

RUN_CASES = ROOT / "tests" / "support" / "run_cases.py"


def assert_same(results, expected, name="", exact=True):
    assert len(results) == len(expected)
    for result, value in zip(results, expected, strict=True):
        assert result.dtype == value.dtype, name
        # Where a sum is one of floats in no defined order.
        rtol, atol = (0, 0) if exact else (1e-5, 1e-4 * np.abs(value).max())
        np.testing.assert_allclose(
            result, value, rtol=rtol, atol=atol, err_msg=name
        )


def assert_cases_pass(folder, cases):
    for case in cases:
        results = read_results(folder, case)
        assert_same(results, case.expected(), case.name, case.exact)


@pytest.mark.parametrize(
    "case",
    [*random_cases(30), *large_cases()],
    ids=lambda case: case.name,
)
def test_single_op(case):
    run = make_interpreter(case.model()).get_signature_runner()
    outputs = run(**case.feeds())
    results = [outputs[f"output_{i}"] for i in range(case.outputs)]
    assert_same(results, case.expected(), exact=case.exact)


def test_every_runtime(runtime, tmp_path):
    cases = list(random_cases(8, seed=1))
    write_cases(tmp_path, cases)
    done = run_python(RUN_CASES, tmp_path, runtime)
    assert done.returncode == 0, done.stderr
    assert_cases_pass(tmp_path, cases)


def test_emulated_aarch64(aarch64, tmp_path):
    cases = [*random_cases(25, seed=2), *large_cases()]
    write_cases(tmp_path, cases)
    done = aarch64(RUN_CASES, tmp_path)
    assert done.returncode == 0, done.stderr
    assert_cases_pass(tmp_path, cases)


def test_with_sanitizers(sanitized, tmp_path):
    cases = [*random_cases(25, seed=3), *large_cases()]
    write_cases(tmp_path, cases)
    done = run_python(RUN_CASES, tmp_path, **sanitized.variables)
    assert done.returncode == 0, done.stderr
    assert_cases_pass(tmp_path, cases)


CHANNELS = 40


class Network:
    """Binary layers and memory blocks in a chain, and what they compute."""

    def __init__(self, rng, steps=20, short=False):
        self.rng = rng
        self.short = short
        self.steps = steps
        self.writer = ModelWriter("chain")
        self.graph = self.writer.subgraph("main")
        self.start = random_bits(rng, 1, steps, 1, CHANNELS)
        self.tensor = self.graph.input("bits", self.start.shape, np.int16)
        self.stream = None
        # Functions of (bits, stream) that give the next ones.
        self.stages = []

    def _constants(self, values):
        return [
            self.graph.constant(f"constant_{len(self.stages)}_{i}", value)
            for i, value in enumerate(values)
        ]

    def _parameters(self):
        if self.short:
            return self.rng.integers(-32767, 32768, (4, CHANNELS), np.int16)
        return self.rng.normal(size=(4, CHANNELS)).astype(np.float32)

    def _outputs(self, op, *inputs):
        specs = op.output_specs(*inputs)
        return [
            (f"stage_{len(self.stages)}_{i}", *spec)
            for i, spec in enumerate(specs)
        ]

    def pointwise(self):
        op = ops.Conv2D(CHANNELS)
        values = [
            random_bits(self.rng, CHANNELS, 1, 1, CHANNELS),
            self.rng.integers(-18, 20, CHANNELS, np.int16),
        ]
        (self.tensor,) = self.graph.custom_op(
            op,
            [self.tensor, *self._constants(values)],
            self._outputs(op, self.tensor, *values),
        )
        self.stages.append(lambda b, s: (op.reference(b, *values)[0], s))

    def add(self):
        op = ops.Conv2DAdd(CHANNELS, shift=9 * self.short)
        values = [
            random_bits(self.rng, CHANNELS, 1, 1, CHANNELS),
            self._parameters(),
        ]
        self.stream, self.tensor = self.graph.custom_op(
            op,
            [self.tensor, *self._constants(values), self.stream],
            self._outputs(op, self.tensor, *values),
        )
        self.stages.append(lambda b, s: op.reference(b, *values, s)[::-1])

    def memory(self):
        op = ops.Memory(CHANNELS, 5, 3, 1, 2, shift=11 * self.short)
        values = [random_bits(self.rng, 9, CHANNELS), self._parameters()]
        self.stream, self.tensor = self.graph.custom_op(
            op,
            [self.tensor, self.stream, *self._constants(values)],
            self._outputs(op, self.tensor, self.stream, *values),
        )
        self.stages.append(lambda b, s: op.reference(b, s, *values)[::-1])

    def detour(self):
        """Leaves the delegate: two reshapes, which the runtime computes."""
        name = f"detour_{len(self.stages)}"
        flat = self.graph.reshape(
            self.stream, (self.steps, CHANNELS), f"{name}_flat"
        )
        self.stream = self.graph.reshape(flat, self.stream.shape, name)
        self.stages.append(lambda b, s: (b, s))

    def build(self):
        self.graph.output("stream", self.stream)
        self.graph.output("signs", self.tensor)
        self.writer.signature("run", self.graph)
        return self.writer.build()

    def expected(self, bits):
        stream = None
        for stage in self.stages:
            bits, stream = stage(bits, stream)
        return stream, bits


@pytest.fixture(params=[False, True], ids=["floats", "shorts"])
def network(request):
    network = Network(np.random.default_rng(7), short=request.param)
    network.pointwise()
    network.add()
    for _ in range(3):
        network.memory()
        network.pointwise()
        network.add()
    network.detour()
    network.memory()
    network.pointwise()
    network.detour()
    network.add()
    return network


def test_several_partitions(runtime, network):
    if runtime == "tensorflow":
        pytest.importorskip("tensorflow")
    interpreter = make_interpreter(network.build(), runtime=runtime)
    run = interpreter.get_signature_runner()
    for seed in range(3):
        bits = random_bits(np.random.default_rng(seed), 1, 20, 1, CHANNELS)
        outputs = run(bits=bits)
        expected = network.expected(bits)
        assert_same([outputs["stream"], outputs["signs"]], expected)


def test_other_shapes_of_the_same_model():
    """Inputs are resized between calls; kernels are planned anew."""
    network = Network(np.random.default_rng(8))
    network.pointwise()
    network.add()
    network.memory()
    interpreter = make_interpreter(network.build())
    (entry,) = interpreter.get_input_details()
    for shape in ((1, 20), (3, 7), (1, 1), (2, 200), (1, 20)):
        bits = random_bits(np.random.default_rng(0), *shape, 1, CHANNELS)
        interpreter.resize_tensor_input(entry["index"], bits.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], bits)
        interpreter.invoke()
        results = [
            interpreter.get_tensor(detail["index"])
            for detail in interpreter.get_output_details()
        ]
        assert_same(results, network.expected(bits))


def test_signatures_of_one_file_in_turn():
    """As in a model of several depths: one constant, several subgraphs."""
    rng = np.random.default_rng(9)
    weights = random_bits(rng, 16, 1, 1, 16)
    thresholds = rng.integers(-5, 6, 16, np.int16)
    op = ops.Conv2D(16)
    writer = ModelWriter("depths")
    for depth in (1, 2, 4):
        graph = writer.subgraph(f"depth_{depth}")
        x = graph.input("bits", (1, 9, 1, 1), np.int16)
        constants = [
            graph.constant(name, value)
            for name, value in (
                ("weights", weights),
                ("thresholds", thresholds),
            )
        ]
        for i in range(depth):
            (x,) = graph.custom_op(
                op, [x, *constants], [(f"layer_{i}", (1, 9, 1, 1), np.int16)]
            )
        graph.output("bits", x)
        writer.signature(f"depth_{depth}", graph)
    interpreter = make_interpreter(writer.build())
    runners = {
        depth: interpreter.get_signature_runner(f"depth_{depth}")
        for depth in (1, 2, 4)
    }
    for depth in (4, 1, 2, 1, 4):
        bits = random_bits(rng, 1, 9, 1, 16)
        result = runners[depth](bits=bits)["bits"]
        for _ in range(depth):
            (bits,) = op.reference(bits, weights, thresholds)
        assert_same([result], [bits])


def test_activations_may_be_constants():
    rng = np.random.default_rng(4)
    case = OpCase(
        "constant_stream",
        ops.Memory(16, 1, 1),
        [
            random_bits(rng, 1, 6, 1, 16),
            rng.normal(size=(1, 6, 1, 16)).astype(np.float32),
            random_bits(rng, 3, 16),
            rng.normal(size=(4, 16)).astype(np.float32),
        ],
        constants=(1, 2, 3),
        outputs=2,
    )
    run = make_interpreter(case.model()).get_signature_runner()
    outputs = run(**case.feeds())
    assert_same([outputs["output_0"], outputs["output_1"]], case.expected())
