"""Changes of models, part by part and byte by byte."""

import copy
import json
import zlib

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from bifsmn_tf.model_file.metadata import NAME
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.rewriter import with_metadata
from bifsmn_tf.runtime import interpreter as runtime

NUMBERS = (
    -(2**31), -2, -1, 0, 1, 2, 3, 15, 16, 17, 255, 16382, 16383, 65536, 2**24,
    2**31 - 1,
)  # fmt: skip

VALUES = (
    None, True, "", "x", "nan", "\x1b[31m", "\ud800", [], {}, [[[]]], 0.5,
    -0.0, 1e300, float("nan"), float("inf"), 10**30, [1, 2], {"a": 1},
)  # fmt: skip
"""Of a description, in the place of another."""

SCRAPS = ("", "[" * 1000, "}", "\0", "1e999", "NaN", "\u2028", "\ud800")
"""In the place of a character of a description."""


class Mutator:
    """Changes of a model, drawn from a generator of random numbers."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng

    def mutate(self, content: bytes) -> bytes:
        """Returns the model with one to three changes."""
        described = NAME.encode() in content
        if described and self._rng.integers(4) == 0:
            return self._change_description(content)
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

    def _change_description(self, content: bytes) -> bytes:
        """Changes the JSON that describes the model, or its deflated bytes."""
        model = ModelFile(content)
        deflated = model.metadata(NAME)
        if self._rng.integers(5) == 0:
            return with_metadata(model, NAME, self._change_bytes(deflated))
        values = json.loads(zlib.decompress(deflated))
        for _ in range(self._rng.integers(1, 4)):
            self._change_json(values)
        text = json.dumps(values)
        if self._rng.integers(4) == 0:
            at = self._rng.integers(len(text))
            text = text[:at] + self._one_of(SCRAPS) + text[at + 1 :]
        return with_metadata(
            model, NAME, zlib.compress(text.encode("utf-8", "surrogatepass"))
        )

    def _change_json(self, values) -> None:
        """Changes a value somewhere below."""
        keys = [*values] if isinstance(values, dict) else [*range(len(values))]
        if not keys:
            return
        key = self._one_of(keys)
        inner = values[key]
        if isinstance(inner, dict | list) and self._rng.integers(5):
            self._change_json(inner)
            return
        kind = self._rng.integers(4)
        if kind == 0:
            del values[key]
        elif kind == 1:
            values[key] = self._number()
        elif kind == 2 and isinstance(inner, int | float):
            values[key] = inner * self._one_of((-1, 0.5, 2, 1.0, 1e300))
        else:
            values[key] = self._one_of(VALUES)

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
