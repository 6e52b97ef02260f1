"""Models that are wrong: each gives a message, and none ends the process."""

import json

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from native_fixtures import ROOT
from native_fixtures import run_python
from op_cases import OpCase
from op_cases import random_bits
from op_cases import random_cases

from bifsmn_tf.model_file import ops

RNG = np.random.default_rng(0)
INT8, INT16, INT32, FLOAT32 = 9, 7, 2, 0
PARAMETERS = np.ones((4, 20), np.float32)

CONV = OpCase(
    "conv",
    ops.Conv2D(20, pad_top=1),
    [
        random_bits(RNG, 1, 6, 5, 20),
        random_bits(RNG, 20, 2, 3, 20),
        np.zeros(20, np.int16),
    ],
    constants=(1, 2),
)
ADD = OpCase(
    "add",
    ops.Conv2DAdd(20),
    [
        random_bits(RNG, 1, 6, 1, 20),
        random_bits(RNG, 20, 1, 1, 20),
        PARAMETERS,
        np.ones((1, 6, 1, 20), np.float32),
    ],
    constants=(1, 2),
    outputs=2,
)
MEMORY = OpCase(
    "memory",
    ops.Memory(20, 2, 1),
    [
        random_bits(RNG, 1, 6, 1, 20),
        np.ones((1, 6, 1, 20), np.float32),
        random_bits(RNG, 4, 20),
        PARAMETERS,
    ],
    constants=(2, 3),
    outputs=2,
)
QUANT = OpCase(
    "quant",
    ops.FeatureConv2D(),
    [
        np.ones((1, 6, 5), np.float32),
        np.ones((20, 2, 3, 1), np.int8),
        np.zeros(20, np.int32),
    ],
    constants=(1, 2),
)
EIGHT = OpCase(
    "int8",
    ops.Int8Conv2D(output_bits=16),
    [
        np.ones((1, 6, 5, 2), np.int8),
        np.ones((20, 2, 3, 2), np.int8),
        np.ones((4, 20), np.float32),
        np.ones((1, 5, 3, 20), np.int16),
    ],
    constants=(1, 2),
    outputs=2,
)
DENSE = OpCase(
    "dense",
    ops.Dense(),
    [
        np.ones((1, 600, 1, 1), np.int16),
        np.full((3, 600), 100, np.int8),
        np.ones((2, 3), np.float32),
    ],
    constants=(1, 2),
)
SHORT = OpCase(
    "short",
    ops.Memory(20, 2, 1, shift=12),
    [
        random_bits(RNG, 1, 6, 1, 20),
        np.ones((1, 6, 1, 20), np.int16),
        random_bits(RNG, 4, 20),
        np.ones((4, 20), np.int16),
    ],
    constants=(2, 3),
    outputs=2,
)
HISTORY = OpCase(
    "history",
    ops.History(8, 3),
    [np.ones((1, 20), np.int8), np.ones((1, 2, 1, 2), np.int16)],
    constants=(),
)
STATE = OpCase(
    "state",
    ops.StreamState((3, 1)),
    [np.ones((1, 5, 1, 2), np.int16), np.ones((1, 7), np.float32)],
    constants=(),
)
CASES = (CONV, ADD, MEMORY, QUANT, EIGHT, DENSE, SHORT, HISTORY, STATE)


def tensor(number, **fields):
    """A change of a tensor's fields."""

    def change(model):
        for name, value in fields.items():
            setattr(model.subgraphs[0].tensors[number], name, value)

    return change


def operator(**fields):
    """A change of the operator's fields."""

    def change(model):
        for name, value in fields.items():
            setattr(model.subgraphs[0].operators[0], name, value)

    return change


def attribute(index, value):
    """A change of one word of the operator's attributes."""

    def change(model):
        options = model.subgraphs[0].operators[0].customOptions
        words = np.array(options, np.uint8).view(np.int32).copy()
        words[index] = value
        model.subgraphs[0].operators[0].customOptions = words.view(np.uint8)

    return change


def content(number, value):
    """A change of the bytes of a constant."""

    def change(model):
        buffer = model.subgraphs[0].tensors[number].buffer
        model.buffers[buffer].data = np.ravel(value).view(np.uint8)

    return change


def every(*changes):
    """Changes one after another."""

    def change(model):
        for one in changes:
            one(model)

    return change


def graph_output(number):
    """Another tensor as the model's output."""

    def change(model):
        model.subgraphs[0].outputs = [number]
        model.signatureDefs = []

    return change


def rename(name):
    """Another custom op's name."""

    def change(model):
        model.operatorCodes[0].customCode = name

    return change


REFUSED = {
    "no_attributes": (
        CONV,
        operator(customOptions=None),
        "BifsmnConv2D: attributes are 32 bytes or four more, got 0",
    ),
    "short_attributes": (
        CONV,
        operator(customOptions=[1, 0, 0, 0]),
        "attributes are 32 bytes or four more, got 4",
    ),
    "long_attributes": (
        CONV,
        operator(customOptions=[1] + [0] * 39),
        "attributes are 32 bytes or four more, got 40",
    ),
    "other_contract": (
        CONV,
        attribute(0, 1),
        f"contract version 1 is not {ops.CONTRACT_VERSION}",
    ),
    "no_channels": (CONV, attribute(1, 0), "in_channels has to be"),
    "negative_channels": (CONV, attribute(1, -20), "in_channels has to be"),
    "other_channels": (CONV, attribute(1, 99), "99 channels are 7 words"),
    "no_stride": (CONV, attribute(2, 0), "strides have to be positive"),
    "negative_padding": (CONV, attribute(4, -1), "must not be negative"),
    "much_padding": (CONV, attribute(4, 2), "smaller than the kernel"),
    "very_much_padding": (CONV, attribute(7, 2**31 - 1), "smaller than the"),
    "no_scale": (QUANT, attribute(7, 0), "inverse_scale has to be finite"),
    "nan_scale": (QUANT, attribute(7, 0x7FC00000), "inverse_scale has to be"),
    "other_result_bits": (EIGHT, attribute(8, 12), "output_bits has to be 8"),
    "no_result_scale": (EIGHT, attribute(9, 0), "output_inverse_scale has to"),
    "residual_of_8_bits": (EIGHT, attribute(8, 8), "8 bits have no residual"),
    "weights_of_minus_128": (
        EIGHT,
        content(1, np.full(240, -128, np.int8)),
        "beyond [-127, 127]",
    ),
    "int8_residual_of_another_shape": (
        EIGHT,
        tensor(3, shape=[1, 5, 3, 19]),
        "residual has to be of shape",
    ),
    "much_look_back": (MEMORY, attribute(2, 2**31 - 1), "look_back and look"),
    "other_look_back": (MEMORY, attribute(2, 3), "weights has to be of shape"),
    "bits_of_fewer_frames": (
        MEMORY,
        tensor(0, shape=[1, 5, 1, 2]),
        "bits of 5 frames for a stream of 6",
    ),
    "small_state": (
        HISTORY,
        tensor(0, shape=[1, 19]),
        "are not in a state of 19 bytes",
    ),
    "negative_offset": (HISTORY, attribute(1, -8), "a multiple of 4, is -8"),
    "large_offset": (HISTORY, attribute(1, 2**31 - 4), "are not in a state"),
    "no_frames": (HISTORY, attribute(2, 0), "frames has to be positive"),
    "many_frames": (HISTORY, attribute(2, 2**31 - 1), "are not in a state"),
    "two_streams": (
        HISTORY,
        tensor(1, shape=[2, 1, 1, 2]),
        "new has to be of shape [1, T, ...]",
    ),
    "frames_of_another_type": (
        HISTORY,
        tensor(1, type=8),
        "new has to be float32, int32, int16 or int8",
    ),
    "no_frames_to_keep": (STATE, attribute(2, 0), "frames have to be positive"),
    "many_frames_to_keep": (
        STATE,
        attribute(1, 2**31 - 1),
        "window 0 has no 2147483647 frames",
    ),
    "frames_of_fewer_windows": (
        STATE,
        operator(inputs=[0]),
        "keeps frames of 2 windows, got 1",
    ),
    "absent_window": (STATE, operator(inputs=[0, -1]), "input 1 is missing"),
    "no_frames_at_all": (
        STATE,
        operator(customOptions=[3, 0, 0, 0]),
        "attributes are 8 bytes or more",
    ),
    "unknown_op": (CONV, rename("BifsmnNew"), "BifsmnNew: this library has no"),
    "other_op": (CONV, rename("BifsmnMemory"), "strides have to be positive"),
    "foreign_op": (CONV, rename("Other"), "unresolved custom op: Other"),
    "few_inputs": (CONV, operator(inputs=[0, 1]), "takes 3 to 3 inputs"),
    "many_inputs": (
        CONV,
        operator(inputs=[0, 1, 2, 2]),
        "takes 3 to 3 inputs, got 4",
    ),
    "absent_input": (
        CONV,
        operator(inputs=[0, -1, 2]),
        "input weights is missing",
    ),
    "many_outputs": (ADD, operator(outputs=[4, 5, 4]), "tensor 4 cannot be"),
    "output_is_constant": (
        ADD,
        every(
            operator(inputs=[0, 1, 2], outputs=[3]),
            # The constant of the parameters.
            tensor(3, buffer=2, shape=[4, 20]),
            graph_output(3),
        ),
        "a constant of the model",
    ),
    "weights_not_constant": (
        CONV,
        tensor(1, buffer=0),
        "weights has to be a constant",
    ),
    "thresholds_not_constant": (
        CONV,
        tensor(2, buffer=0),
        "thresholds has to be a constant",
    ),
    "parameters_not_constant": (
        ADD,
        tensor(2, buffer=0),
        "parameters has to be a constant",
    ),
    "parameters_of_another_type": (
        SHORT,
        tensor(3, type=INT32, shape=[2, 20]),
        "parameters has to be int16 or float32, is int32",
    ),
    "parameters_packed_in_two_dimensions": (
        SHORT,
        tensor(3, type=INT8, shape=[4, 20]),
        "parameters has to be of rank 1",
    ),
    "parameters_packed_wrongly": (
        SHORT,
        tensor(3, type=INT8, shape=[160]),
        "parameters: packed integers",
    ),
    "parameters_of_fewer_channels": (
        SHORT,
        every(
            tensor(3, type=INT8, shape=[16]),
            content(3, np.array([0, 0, 255, 31] * 4, np.uint8)),
        ),
        "parameters: packed integers",
    ),
    "much_shift": (SHORT, attribute(6, 13), "do not fit 16 bits"),
    "very_much_shift": (SHORT, attribute(6, 2**31 - 1), "do not fit 16 bits"),
    "shift_of_floats": (
        MEMORY,
        attribute(6, 1),
        "a float residual has shift 0",
    ),
    "lowest_scale": (
        SHORT,
        content(3, np.full(80, -32768, np.int16)),
        "a scale or slope is -32768",
    ),
    "heavy_weights": (
        DENSE,
        content(1, np.full(1800, -128, np.int8)),
        "sum up to at most 65535",
    ),
    "weights_for_another_stream": (
        DENSE,
        tensor(0, shape=[1, 599, 1, 1]),
        "but 599 values to weigh",
    ),
    "weights_of_another_type": (
        CONV,
        tensor(1, type=INT8, shape=[40, 2, 3, 2]),
        "weights has to be int16, is int8",
    ),
    "bits_of_another_type": (
        CONV,
        tensor(0, type=FLOAT32),
        "bits has to be int16, is float32",
    ),
    "bits_of_no_type": (CONV, tensor(0, type=8), "bits has to be int16, is"),
    "weights_of_another_rank": (
        CONV,
        tensor(1, shape=[20, 6, 2]),
        "weights has to be of rank 4",
    ),
    "weights_in_bits_unused": (
        CONV,
        content(1, np.full(240, -1, np.int16)),
        "weights has bits set beyond its 20 channels",
    ),
    "weights_truncated": (CONV, content(1, np.zeros(7, np.int16)), ""),
    "thresholds_of_another_size": (
        CONV,
        every(tensor(2, shape=[19]), content(2, np.zeros(19, np.int16))),
        "thresholds has to be of shape [20]",
    ),
    "kernel_too_large": (
        CONV,
        every(
            tensor(1, shape=[20, 9, 3, 2]),
            content(1, np.zeros((20, 9, 3, 2), np.int16)),
        ),
        "exceeds the padded input",
    ),
    "too_many_terms": (
        CONV,
        every(
            tensor(1, shape=[1, 30, 30, 2]),
            content(1, np.zeros((1, 30, 30, 2), np.int16)),
        ),
        "a sum has at most 16382 products",
    ),
    "residual_of_another_shape": (
        ADD,
        tensor(3, shape=[1, 5, 1, 20]),
        "residual has to be of shape [1, 6, 1, 20]",
    ),
    "stream_of_another_shape": (
        MEMORY,
        tensor(1, shape=[1, 6, 20]),
        "stream has to be of rank 4",
    ),
    "result_of_another_type": (
        CONV,
        tensor(3, type=FLOAT32),
        "has to be int16, is float32",
    ),
    "features_of_another_rank": (
        QUANT,
        tensor(0, shape=[30]),
        "features has to be of rank 4",
    ),
}

RESIZED = {
    "no_steps": (MEMORY, [[1, 0, 1, 2], [1, 0, 1, 20]], "a size below 1"),
    "other_rank": (CONV, [[6, 5, 2]], "bits has to be of rank 4"),
    "other_words": (CONV, [[1, 6, 5, 3]], "20 channels are 2 words"),
    "too_small": (CONV, [[1, 6, 1, 2]], "exceeds the padded input"),
    "one_of_two": (MEMORY, [[1, 5, 1, 2]], "bits of 5 frames for a stream"),
}


def edit(model: bytes, change) -> bytes:
    """Changes a model's parts; leaves its constants unaligned."""
    parts = schema.ModelT.InitFromPackedBuf(model)
    change(parts)
    builder = flatbuffers.Builder()
    builder.Finish(parts.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def damaged(count):
    """Models with a few bytes overwritten."""
    cases = list(random_cases(3, seed=5))
    rng = np.random.default_rng(6)
    for i in range(count):
        model = bytearray(cases[i % len(cases)].model())
        for _ in range(rng.integers(1, 4)):
            model[rng.integers(8, len(model))] = rng.integers(256)
        yield f"damaged_{i}", bytes(model)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of every model of this file, by name."""
    folder = tmp_path_factory.mktemp("models")
    models = dict(damaged(200))
    for name, (case, change, _) in REFUSED.items():
        models[name] = edit(case.model(), change)
    for name, (case, shapes, _) in RESIZED.items():
        models[name] = case.model()
        (folder / f"{name}.shapes").write_text(json.dumps(shapes))
    for case in CASES:
        models[f"unaligned_{case.name}"] = edit(case.model(), lambda _: None)
    for name, model in models.items():
        (folder / f"{name}.tflite").write_bytes(model)
    (folder / "good").write_bytes(CONV.model())
    done = run_python(ROOT / "tests/native/load_models.py", folder)
    assert done.returncode == 0, done.stderr
    return {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in models
    }


@pytest.mark.parametrize("name", [*REFUSED, *RESIZED])
def test_refused_with_a_message(name, outcomes):
    *_, message = (REFUSED | RESIZED)[name]
    # The runtime itself sees that a tensor has too few bytes.
    at_once = name == "weights_truncated"
    wanted = "UserError" if at_once else "RuntimeError"
    assert outcomes[name].get("error") == wanted, outcomes[name]
    assert message in outcomes[name]["message"]


@pytest.mark.parametrize("case", CASES)
def test_constants_need_not_be_aligned(case, outcomes):
    assert outcomes[f"unaligned_{case.name}"] == {}


def test_damage_does_not_end_the_process(outcomes):
    found = {
        name: outcome
        for name, outcome in outcomes.items()
        if name.startswith("damaged_")
    }
    assert len(found) == 200
    assert not [name for name, result in found.items() if "signal" in result]
    assert any("error" in result for result in found.values())
