import struct

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.writer import ModelWriter

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(5, 12)).astype(np.float32)
BIAS = RNG.normal(size=5).astype(np.float32)
WEIGHTS = pack_bits(RNG.normal(size=(16, 1, 1, 64)))


def _dense(key="run"):
    """A writer with a fully connected layer in it."""
    writer = ModelWriter("dense")
    graph = writer.subgraph(key)
    x = graph.input("x", (1, 3, 1, 4), np.float32)
    y = graph.fully_connected(x, KERNEL, BIAS, "dense")
    graph.output("y", y)
    writer.signature(key, graph)
    return writer


def _depths(count=3):
    """A writer with one subgraph a depth, all of one constant."""
    writer = ModelWriter("depths")
    for depth in range(count):
        graph = writer.subgraph(f"delta_{depth}")
        bits = graph.input("bits", (1, 8, 1, 4), np.int16)
        constants = [
            graph.constant("weights", WEIGHTS),
            graph.constant("thresholds", np.arange(16, dtype=np.int16)),
        ]
        (result,) = graph.custom_op(
            ops.Conv2D(64),
            [bits, *constants],
            [("result", (1, 8, 1, 1), np.int16)],
        )
        graph.output("result", result)
        writer.signature(f"delta_{depth}", graph)
    return writer


def test_fully_connected_flattens_its_input():
    x = RNG.normal(size=(1, 3, 1, 4)).astype(np.float32)
    interpreter = Interpreter(model_content=_dense().build())
    y = interpreter.get_signature_runner("run")(x=x)["y"]
    expected = KERNEL @ x.reshape(-1) + BIAS
    assert y.shape == (1, 5)
    np.testing.assert_allclose(y[0], expected, rtol=1e-5)


def test_reshape():
    writer = ModelWriter()
    graph = writer.subgraph("main")
    x = graph.input("x", (2, 6), np.float32)
    graph.output("y", graph.reshape(x, (3, 4), "y"))
    writer.signature("run", graph)
    value = np.arange(12, dtype=np.float32).reshape(2, 6)
    run = Interpreter(model_content=writer.build()).get_signature_runner()
    assert np.array_equal(run(x=value)["y"], value.reshape(3, 4))
    with pytest.raises(ValueError, match="is not"):
        graph.reshape(x, (5, 2), "z")


def test_the_same_parts_give_the_same_bytes():
    assert _depths().build() == _depths().build()
    writer = _depths()
    assert writer.build() == writer.build()


def test_equal_constants_are_stored_once():
    content = _depths(3).build()
    assert content.count(WEIGHTS.tobytes()) == 1
    model = schema.ModelT.InitFromPackedBuf(content)
    buffers = {graph.tensors[1].buffer for graph in model.subgraphs}
    assert len(buffers) == 1
    assert bytes(model.buffers[buffers.pop()].data) == WEIGHTS.tobytes()
    assert model.buffers[0].data is None


def test_constants_are_aligned():
    content = _depths().build()
    for value in (WEIGHTS, np.arange(16, dtype=np.int16)):
        assert content.index(value.tobytes()) % 16 == 0
    assert len(content) % 16 == 0


def test_custom_ops_are_in_the_file():
    content = _depths().build()
    assert ModelFile(content).custom_op_names == ["BifsmnConv2D"]
    model = schema.ModelT.InitFromPackedBuf(content)
    (code,) = model.operatorCodes
    assert code.builtinCode == schema.BuiltinOperator.CUSTOM
    assert code.version == 1
    (operator,) = model.subgraphs[0].operators
    assert bytes(operator.customOptions) == ops.Conv2D(64).custom_options()
    assert operator.inputs.tolist() == [0, 1, 2]


def test_absent_inputs_are_minus_one():
    writer = ModelWriter()
    graph = writer.subgraph("main")
    bits = graph.input("bits", (1, 8, 1, 4), np.int16)
    parameters = graph.constant("parameters", np.ones((4, 16), np.float32))
    graph.custom_op(
        ops.Conv2DAdd(64),
        [bits, graph.constant("weights", WEIGHTS), parameters, None],
        [("stream", (1, 8, 1, 16), np.float32)],
    )
    model = schema.ModelT.InitFromPackedBuf(writer.build())
    (operator,) = model.subgraphs[0].operators
    assert operator.inputs.tolist() == [0, 2, 1, -1]


def test_only_inputs_and_outputs_have_names():
    model = schema.ModelT.InitFromPackedBuf(_depths(1).build())
    names = [tensor.name for tensor in model.subgraphs[0].tensors]
    assert names == [b"bits", None, None, b"result"]


def test_equal_shapes_and_attributes_are_stored_once():
    def size(layers):
        writer = ModelWriter()
        graph = writer.subgraph("main")
        bits = graph.input("bits", (1, 8, 1, 4), np.int16)
        thresholds = graph.constant("thresholds", np.zeros(64, np.int16))
        weights = graph.constant("w", np.zeros((64, 1, 1, 4), np.int16))
        for i in range(layers):
            (bits,) = graph.custom_op(
                ops.Conv2D(64),
                [bits, weights, thresholds],
                [(f"a long name of layer {i}", (1, 8, 1, 4), np.int16)],
            )
        graph.output("bits", bits)
        return len(writer.build())

    # An operator with its inputs, its output, and the output's tensor.
    assert size(11) - size(1) <= 10 * 92


def test_signatures_name_inputs_and_outputs():
    interpreter = Interpreter(model_content=_dense("delta_1").build())
    assert interpreter.get_signature_list() == {
        "delta_1": {"inputs": ["x"], "outputs": ["y"]}
    }


def test_metadata_is_read_back():
    writer = _dense()
    writer.metadata("labels", b"yes\nno")
    writer.metadata("more", bytes(range(256)))
    model = ModelFile(writer.build())
    assert model.metadata("labels") == b"yes\nno"
    assert model.metadata("more") == bytes(range(256))
    with pytest.raises(ValueError, match="'other'; it has: labels, more"):
        model.metadata("other")


def test_bytes_by_part_add_up():
    writer = _depths()
    writer.metadata("labels", b"yes")
    content = writer.build()
    parts = writer.bytes_by_part(content)
    assert sum(parts.values()) == len(content)
    assert parts["weights"] == WEIGHTS.nbytes
    assert parts["metadata labels"] == 3
    assert parts["structure"] > 0


def test_constants_of_one_name_are_counted_apart():
    writer = ModelWriter()
    for value in (1, 2):
        writer.subgraph("g").constant("c", np.full(4, value, np.float32))
    assert len(writer.bytes_by_part(writer.build())) == 3


def test_mistakes_are_refused():
    writer = ModelWriter()
    graph = writer.subgraph("main")
    x = graph.input("x", (1, 8, 1, 4), np.int16)
    with pytest.raises(ValueError, match="no float64 tensors"):
        graph.constant("c", np.ones(3))
    with pytest.raises(ValueError, match="is empty"):
        graph.constant("c", np.ones(0, np.float32))
    constants = [
        graph.constant("weights", WEIGHTS),
        graph.constant("thresholds", np.zeros(16, np.int16)),
    ]
    with pytest.raises(ValueError, match="BifsmnConv2D computes"):
        graph.custom_op(
            ops.Conv2D(64), [x, *constants], [("y", (1, 8, 1, 16), np.int16)]
        )
    with pytest.raises(ValueError, match="does not divide"):
        graph.fully_connected(x, np.ones((2, 5), np.float32), BIAS[:2], "y")
    with pytest.raises(ValueError, match="of another subgraph"):
        writer.subgraph("other").output("x", x)
    writer.signature("run", graph)
    with pytest.raises(ValueError, match="run is there already"):
        writer.signature("run", graph)
    writer.metadata("labels", b"1")
    with pytest.raises(ValueError, match="labels is there already"):
        writer.metadata("labels", b"2")
    with pytest.raises(ValueError, match="is empty"):
        writer.metadata("nothing", b"")
    graph.output("y", x)
    graph.output("y", x)
    with pytest.raises(ValueError, match="names repeat"):
        writer.signature("again", graph)


def test_the_file_begins_as_a_model_file_does():
    content = _dense().build()
    assert content[4:8] == b"TFL3"
    assert struct.unpack("<I", content[:4])[0] < len(content)
