"""Loads and runs damaged models: each has to give a result or a message.

    python tests/fuzz/model_fuzzer.py --minutes=10 [--seed=N] [MODEL.tflite ...]

Models are random ops and chains of them, and the files that are named. They are
changed part by part, as the schema has them, or byte by byte, and then loaded
and run in a stock runtime, in processes of their own. What ends or hangs such a
process is kept in ``--findings``, beside what it wrote to stderr.

Meant for a library that was built with sanitizers (see custom_ops/README.md):

    export LD_PRELOAD="$(gcc -print-file-name=libasan.so)
        $(gcc -print-file-name=libstdc++.so.6)" ASAN_OPTIONS=detect_leaks=0
    BIFSMN_LIBRARY=sanitized/bifsmn_tf/runtime/libbifsmn.so python ...

What the runtime's own ops do with tensors that are not theirs is the runtime's:
no op is turned into one of them.
"""

import argparse
import copy
import itertools
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from op_cases import random_bits
from op_cases import random_cases

from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.runtime import interpreter as runtime

SECONDS_A_MODEL = 60
MODELS_A_PROCESS = 200
# A model may ask the runtime for as much memory as it likes; that is the
# runtime's to refuse.
MAX_ELEMENTS = 1 << 22

NUMBERS = (
    -(2**31), -2, -1, 0, 1, 2, 3, 15, 16, 17, 255, 16382, 16383, 65536, 2**24,
    2**31 - 1,
)  # fmt: skip


def chain(seed: int) -> bytes:
    """A model of ops that follow one another, as in a network."""
    rng = np.random.default_rng(seed)
    channels = 20
    writer = ModelWriter("chain")
    graph = writer.subgraph("main")

    def add(op, inputs, outputs):
        specs = op.output_specs(*inputs)[:outputs]
        named = [(f"{op.NAME}_{i}", *spec) for i, spec in enumerate(specs)]
        return graph.custom_op(op, inputs, named)

    def constant(value):
        return graph.constant("", value)

    def parameters():
        rows = rng.integers(-32767, 32768, (4, channels), np.int16)
        return constant(rows)

    bits = graph.input("features", (1, 12, 8), np.float32)
    weights = rng.integers(-128, 128, (channels, 3, 3, 1), np.int8)
    (bits,) = add(
        ops.FeatureConv2D(pad_top=1, pad_bottom=1, inverse_scale=9.0),
        [bits, constant(weights), constant(np.zeros(channels, np.int32))],
        1,
    )
    kernel = constant(random_bits(rng, channels, 1, bits.shape[2], channels))
    stream, bits = add(ops.Conv2DAdd(channels), [bits, kernel, parameters()], 2)
    for _ in range(2):
        weights = constant(random_bits(rng, 4, channels))
        stream, bits = add(
            ops.Memory(channels, 2, 1, shift=1),
            [bits, stream, weights, parameters()],
            2,
        )
    classifier = rng.integers(-60, 60, (3, 12 * channels), np.int8)
    scale_bias = constant(np.ones((2, 3), np.float32))
    (logits,) = add(ops.Dense(), [stream, constant(classifier), scale_bias], 1)
    graph.output("logits", logits)
    writer.signature("run", graph)
    return writer.build()


class Mutator:
    """Changes of a model, drawn from a generator of random numbers."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng

    def mutate(self, content: bytes) -> bytes:
        """Returns the model with one to three changes."""
        if self._rng.integers(3) == 0:
            return self._change_bytes(content)
        model = schema.ModelT.InitFromPackedBuf(content)
        for _ in range(self._rng.integers(1, 4)):
            self._change_part(model)
        try:
            content = _pack(model)
        except (TypeError, ValueError, OverflowError, AttributeError):
            # No file can hold these parts.
            return content
        if self._rng.integers(8) == 0:
            content = self._change_bytes(content)
        return content

    def _one_of(self, items):
        return items[self._rng.integers(len(items))]

    def _number(self) -> int:
        if self._rng.integers(2):
            return self._one_of(NUMBERS)
        return int(self._rng.integers(0, 64))

    def _change_bytes(self, content: bytes) -> bytes:
        octets = bytearray(content)
        kind = self._rng.integers(6)
        if kind == 0:
            return bytes(octets[: self._rng.integers(len(octets))])
        for _ in range(self._rng.integers(1, 5)):
            at = int(self._rng.integers(8, len(octets)))
            if kind < 4:
                octets[at] = self._rng.integers(256)
            else:
                word = int(self._number() & 0xFFFFFFFF).to_bytes(4, "little")
                octets[at : at + 4] = word[: len(octets) - at]
        return bytes(octets)

    def _change_part(self, model: schema.ModelT) -> None:
        graph = self._one_of(model.subgraphs)
        change = self._one_of(
            [
                self._change_operator,
                self._change_operator,
                self._change_tensor,
                self._change_tensor,
                self._change_buffer,
                self._change_graph,
                self._change_code,
                self._change_signature,
            ]
        )
        change(model, graph)

    def _change_operator(self, model, graph) -> None:
        if not graph.operators:
            return
        operator = self._one_of(graph.operators)
        kind = self._rng.integers(7)
        if kind <= 2 and operator.customOptions is not None:
            options = np.array(operator.customOptions, np.uint8)
            words = options[: len(options) // 4 * 4].view(np.int32).copy()
            if len(words):
                words[self._rng.integers(len(words))] = self._number()
            operator.customOptions = words.view(np.uint8)
        elif kind == 3:
            size = self._rng.integers(0, 60)
            operator.customOptions = np.zeros(size, np.uint8)
        elif kind == 4:
            operator.inputs = self._change_list(operator.inputs)
        elif kind == 5:
            operator.outputs = self._change_list(operator.outputs)
        else:
            at = self._rng.integers(len(graph.operators))
            graph.operators.insert(at, copy.deepcopy(operator))

    def _change_list(self, numbers) -> list[int]:
        values = [int(n) for n in ([] if numbers is None else numbers)]
        kind = self._rng.integers(4)
        if kind == 0 and values:
            del values[self._rng.integers(len(values))]
        elif kind == 1:
            values.append(int(self._rng.integers(-1, 12)))
        elif kind == 2 and values:
            values[self._rng.integers(len(values))] = int(
                self._rng.integers(-1, 12)
            )
        else:
            self._rng.shuffle(values)
        return values

    def _change_tensor(self, model, graph) -> None:
        if not graph.tensors:
            return
        tensor = self._one_of(graph.tensors)
        kind = self._rng.integers(8)
        shape = [] if tensor.shape is None else [int(n) for n in tensor.shape]
        if kind <= 1 and shape:
            shape[self._rng.integers(len(shape))] = self._number()
            tensor.shape = shape
        elif kind == 2:
            tensor.shape = [*shape, 1]
        elif kind == 3:
            tensor.shape = shape[1:] or None
        elif kind == 4:
            tensor.type = int(self._rng.integers(0, 18))
        elif kind == 5:
            tensor.buffer = int(self._rng.integers(len(model.buffers)))
        elif kind == 6:
            tensor.isVariable = True
        else:
            # Runtimes do not compare a sparse tensor's size with its shape.
            tensor.sparsity = schema.SparsityParametersT()
            tensor.sparsity.traversalOrder = list(range(len(shape)))

    def _change_buffer(self, model, graph) -> None:
        buffer = self._one_of(model.buffers)
        if buffer.data is None:
            return
        data = np.array(buffer.data, np.uint8)
        kind = self._rng.integers(4)
        if kind == 0:
            buffer.data = data[: self._rng.integers(len(data) + 1)]
        elif kind == 1:
            buffer.data = None
        elif kind == 2:
            buffer.data = np.concatenate([data, data])
        elif len(data):
            places = self._rng.integers(0, len(data), 8)
            data[places] = self._rng.integers(0, 256, 8)
            buffer.data = data

    def _change_graph(self, model, graph) -> None:
        kind = self._rng.integers(5)
        if kind == 0:
            graph.inputs = self._change_list(graph.inputs)
        elif kind == 1:
            graph.outputs = self._change_list(graph.outputs)
        elif kind == 2 and graph.operators:
            del graph.operators[self._rng.integers(len(graph.operators))]
        elif kind == 3:
            self._rng.shuffle(graph.operators)
        else:
            model.signatureDefs = []

    def _change_code(self, model, graph) -> None:
        code = self._one_of(model.operatorCodes)
        kind = self._rng.integers(3)
        names = [op["name"] for op in runtime.native_contract()["ops"]]
        if kind <= 1:
            code.customCode = self._one_of([*names, "Bifsmn", "Other"])
        else:
            code.version = self._number()

    def _change_signature(self, model, graph) -> None:
        if not model.signatureDefs:
            return
        signature = self._one_of(model.signatureDefs)
        if self._rng.integers(2):
            signature.subgraphIndex = int(self._rng.integers(0, 4))
        elif signature.inputs:
            entry = self._one_of(signature.inputs)
            entry.tensorIndex = int(self._rng.integers(0, 12))


def _pack(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def try_model(content: bytes) -> str:
    """Loads and runs a model; returns what became of it.

    Returns:
      ``ran``, ``refused`` (with a message), or ``too large`` to be tried.
    """
    try:
        ModelFile(content)
        if _elements(content) > MAX_ELEMENTS:
            return "too large"
        interpreter = runtime.make_interpreter(content)
        interpreter.allocate_tensors()
        _run(interpreter)
        for detail in interpreter.get_input_details():
            if len(detail["shape"]) > 1:
                shape = [2, *detail["shape"][1:]]
                interpreter.resize_tensor_input(detail["index"], shape)
        interpreter.allocate_tensors()
        _run(interpreter)
    except (ValueError, RuntimeError, TypeError) as error:
        if not str(error):
            raise
        return "refused"
    return "ran"


def _elements(content: bytes) -> int:
    """The most elements that a tensor of the file claims to have."""
    model = schema.Model.GetRootAs(content)
    most = 0
    for g in range(model.SubgraphsLength()):
        graph = model.Subgraphs(g)
        for t in range(graph.TensorsLength()):
            shape = graph.Tensors(t).ShapeAsNumpy()
            if not isinstance(shape, int):
                most = max(most, int(np.prod(shape.astype(object))))
    return most


def _run(interpreter) -> None:
    for detail in interpreter.get_input_details():
        zeros = np.zeros(detail["shape"], detail["dtype"])
        interpreter.set_tensor(detail["index"], zeros)
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        interpreter.get_tensor(detail["index"])


def mutants(models: list[bytes], seed: int) -> Iterator[bytes]:
    """Damaged models without end; the same ones for the same seed."""
    for number in range(sys.maxsize):
        rng = np.random.default_rng([seed, number])
        yield Mutator(rng).mutate(models[rng.integers(len(models))])


def fuzz(models: Iterable[bytes], findings: Path) -> Counter:
    """Tries models, and counts what became of them.

    Args:
      models: what to try.
      findings: folder for models that end or hang the process, by number.

    Returns:
      How many models ran, were refused, were too large, or are findings.
    """
    findings.mkdir(parents=True, exist_ok=True)
    runtime.make_interpreter(chain(0))  # Imported once, before the forks.
    outcomes: Counter = Counter()
    numbered = enumerate(models)
    while batch := list(itertools.islice(numbered, MODELS_A_PROCESS)):
        while batch:
            done, failure = _try_batch(batch, findings / "stderr")
            outcomes.update(done)
            batch = batch[len(done) :]
            if failure:
                number, content = batch.pop(0)
                outcomes["findings"] += 1
                (findings / f"{number}.tflite").write_bytes(content)
                (findings / "stderr").rename(findings / f"{number}.txt")
                print(f"model {number} {failure}", flush=True)
    return outcomes


def _try_batch(batch, stderr: Path) -> tuple[list[str], str]:
    """Tries models in a child; returns outcomes, and what ended it early."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        log = os.open(stderr, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(log, 2)
        try:
            for _, content in batch:
                signal.alarm(SECONDS_A_MODEL)
                os.write(writing, f"{try_model(content)}\n".encode())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with open(reading) as lines:
        done = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    if status == 0:
        return done, ""
    if os.WIFSIGNALED(status):
        return done, f"ended by signal {os.WTERMSIG(status)}"
    return done, f"ended with exit status {os.WEXITSTATUS(status)}"


def main() -> None:
    """Fuzzes for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL.tflite")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--count", type=int, help="models, instead of minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    options = parser.parse_args()
    models = [case.model() for case in random_cases(6, seed=options.seed)]
    models += [chain(options.seed + i) for i in range(6)]
    models += [path.read_bytes() for path in options.models]
    end = time.monotonic() + 60 * options.minutes
    tried = mutants(models, options.seed)
    if options.count is None:
        tried = itertools.takewhile(lambda _: time.monotonic() < end, tried)
    else:
        tried = itertools.islice(tried, options.count)
    outcomes = fuzz(tried, options.findings)
    for name, count in sorted(outcomes.items()):
        print(f"{name}: {count}")
    sys.exit(1 if outcomes["findings"] else 0)


if __name__ == "__main__":
    main()
