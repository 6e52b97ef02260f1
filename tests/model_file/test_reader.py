import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from op_cases import random_cases

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import schema as followed
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.reader import TensorInfo
from bifsmn_tf.model_file.writer import ModelWriter


@pytest.fixture(scope="module")
def model() -> bytes:
    writer = ModelWriter("a model")
    graph = writer.subgraph("main")
    x = graph.input("x", (1, 8), np.float32)
    y = graph.fully_connected(
        x, np.ones((3, 8), np.float32), np.ones(3, np.float32), "dense"
    )
    (y,) = graph.builtin_op(
        schema.BuiltinOperator.SOFTMAX,
        [y],
        [("softmax", y.shape, y.dtype)],
        options=schema.SoftmaxOptionsT(),
    )
    graph.output("y", y)
    writer.signature("run", graph)
    writer.metadata("labels", b"a,b,c")
    return writer.build()


def _field_numbers(table) -> dict[str, int]:
    """Field names and numbers of a class of the generated schema."""
    numbers = {}
    for name, accessor in vars(table).items():
        code = getattr(accessor, "__code__", None)
        # An accessor looks its field up by the offset of the vtable's entry.
        offsets = [
            constant
            for constant in (code.co_consts if code else ())
            if isinstance(constant, int) and constant >= 4
        ]
        if offsets:
            numbers[name.lower()] = (offsets[0] - 4) // 2
    return numbers


@pytest.mark.parametrize(
    ("ours", "generated"),
    [
        (followed.MODEL, schema.Model),
        (followed.SUBGRAPH, schema.SubGraph),
        (followed.TENSOR, schema.Tensor),
        (followed.OPERATOR, schema.Operator),
        (followed.OPERATOR_CODE, schema.OperatorCode),
        (followed.BUFFER, schema.Buffer),
        (followed.METADATA, schema.Metadata),
        (followed.SIGNATURE, schema.SignatureDef),
        (followed.TENSOR_MAP, schema.TensorMap),
        (followed.QUANTIZATION, schema.QuantizationParameters),
    ],
)
def test_field_numbers_are_the_schemas(ours, generated):
    numbers = _field_numbers(generated)
    for number, (name, _) in ours.fields.items():
        assert numbers[name.replace("_", "")] == number, name


def test_whole_models_pass(model):
    whole = ModelFile(model)
    assert whole.content == model
    assert whole.metadata_names == ["labels"]
    assert whole.metadata("labels") == b"a,b,c"
    assert whole.custom_op_names == []
    assert whole.signatures == {
        "run": (
            {"x": TensorInfo((1, 8), schema.TensorType.FLOAT32)},
            {"y": TensorInfo((1, 3), schema.TensorType.FLOAT32)},
        )
    }
    for case in random_cases(3):
        whole = ModelFile(case.model())
        assert whole.custom_op_names == [case.op.NAME]
        options = case.op.custom_options()
        assert whole.custom_operators == [(case.op.NAME, options)]


def test_errors_name_a_file(model, tmp_path):
    path = tmp_path / "model.tflite"
    with pytest.raises(UserError, match="model.tflite: No such file"):
        ModelFile.read(path)
    path.write_bytes(model[:-200])
    with pytest.raises(UserError, match="model.tflite: .*truncated"):
        ModelFile.read(path)
    path.write_bytes(model)
    assert ModelFile.read(path).content == model


def test_every_truncation_is_noticed(model):
    # Only the padding at the end may go.
    for size in range(len(model) - 16):
        with pytest.raises(UserError, match="not a"):
            ModelFile(model[:size])


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 100, b"x" * 100])
def test_other_files_are_refused(content):
    with pytest.raises(UserError, match="not a TensorFlow Lite model"):
        ModelFile(content)


def test_half_a_field_is_noticed(model):
    octets = bytearray(model)
    table = int.from_bytes(octets[:4], "little")
    vtable = table - int.from_bytes(octets[table : table + 4], "little")
    octets[vtable] += 1
    with pytest.raises(UserError, match="model has half a field"):
        ModelFile(bytes(octets))


def test_parts_that_are_shared_without_end_are_refused():
    """Of 8 kB, which are a million tensors if they are followed."""
    builder = flatbuffers.Builder()
    schema.TensorStart(builder)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, 1000)
    for _ in range(1000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1000)
    for _ in range(1000):
        builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    with pytest.raises(UserError, match="lie in one another"):
        ModelFile(bytes(builder.Output()))


def test_damage_raises_nothing_but_user_errors(model):
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(3000):
        damaged = bytearray(model)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(8, len(model))] = rng.integers(256)
        try:
            ModelFile(bytes(damaged))
        except UserError:
            refused += 1
    assert refused > 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: setattr(m, "subgraphs", []), "no subgraph"),
        (lambda m: setattr(m.subgraphs[0].tensors[0], "buffer", 99), "99"),
        (lambda m: setattr(m.subgraphs[0].operators[0], "opcodeIndex", 9), "9"),
        (lambda m: setattr(m.subgraphs[0].operators[0], "inputs", [77]), "77"),
        (lambda m: setattr(m.subgraphs[0], "outputs", [-1]), "-1"),
        (lambda m: setattr(m.metadata[0], "buffer", 99), "metadata"),
        (lambda m: setattr(m.signatureDefs[0], "subgraphIndex", 3), "'run'"),
        (
            lambda m: setattr(m.signatureDefs[0].inputs[0], "tensorIndex", 50),
            "'run'",
        ),
        (lambda m: setattr(m.subgraphs[0].tensors[0], "shape", [-5]), "size"),
        (
            lambda m: setattr(
                m.operatorCodes[0], "builtinCode", schema.BuiltinOperator.CUSTOM
            ),
            "custom op has no name",
        ),
        (
            lambda m: setattr(m.operatorCodes[0], "customCode", "BifsmnDense"),
            "BifsmnDense is not a custom op but the runtime's number 9",
        ),
        (
            lambda m: setattr(m.subgraphs[0].tensors[0], "type", 13),
            "inputs of subgraph 'main' have a tensor that holds no numbers",
        ),
    ],
)
def test_references_to_nothing_are_refused(model, change, message):
    parts = schema.ModelT.InitFromPackedBuf(model)
    change(parts)
    builder = flatbuffers.Builder()
    builder.Finish(parts.Pack(builder), b"TFL3")
    with pytest.raises(UserError, match=message):
        ModelFile(bytes(builder.Output()))
