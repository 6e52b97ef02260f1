"""The ops' description: their form in a file, and their NumPy references."""

import struct

import numpy as np
import pytest
from op_cases import random_bits

from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.packing import pack_integers
from bifsmn_tf.model_file.packing import pack_levels
from bifsmn_tf.model_file.packing import unpack_activations
from bifsmn_tf.model_file.packing import unpack_bits
from bifsmn_tf.runtime import interpreter as runtime

EXAMPLES = [
    ops.FeatureConv2D(2, 1, 1, 2, 3, 4, 0.1),
    ops.Int8Conv2D(2, 1, 1, 2, 3, 4, 0.1, 16, 30.0),
    ops.Conv2D(20, 2, 1, 1, 2, 3, 4),
    ops.FloatConv2D(2, 1, 1, 2, 3, 4),
    ops.Conv2DAdd(20, 2, 1, 1, 2, 3, 4, 5),
    ops.Memory(64, 10, 5, 1, 2, 3),
    ops.FeatureConv2D(2, 1, 1, 2, 3, 4, 0.1, activation_bits=2),
    ops.Conv2D(20, activation_bits=2),
    ops.Conv2DAdd(20, shift=5, activation_bits=2),
    ops.Memory(64, 10, 5, 1, 2, 3, activation_bits=2),
    ops.Dense(),
    ops.History(8, 3),
    ops.StreamState((4,)),
    ops.StreamState((4, 1, 7)),
]


def spec(*shape, dtype=np.int16):
    """A tensor that has no values."""
    return ops.TensorSpec(shape, np.dtype(dtype))


def test_the_native_library_has_the_same_definitions():
    contract = runtime.native_contract()
    assert contract["contract_version"] == ops.CONTRACT_VERSION
    assert contract["max_binary_terms"] == ops.MAX_BINARY_TERMS
    assert contract["max_quantized_terms"] == ops.MAX_QUANTIZED_TERMS
    assert contract["max_dense_weights"] == ops.MAX_DENSE_WEIGHTS
    assert contract["ops"] == [
        {
            "name": op.NAME,
            "version": op.VERSION,
            "attributes": [list(pair) for pair in op.attributes()],
            "inputs": list(op.INPUTS),
            "outputs": list(op.OUTPUTS),
        }
        for op in ops.OPS
    ]


def test_attributes_are_little_endian_words():
    options = ops.FeatureConv2D(2, 1, 3, 4, 5, 6, 0.5).custom_options()
    assert options == struct.pack(
        "<7if", ops.CONTRACT_VERSION, 2, 1, 3, 4, 5, 6, 0.5
    )
    assert ops.Memory(64, 10, 5, 1, 2, 3).custom_options() == struct.pack(
        "<7i", ops.CONTRACT_VERSION, 64, 10, 5, 1, 2, 3
    )


@pytest.mark.parametrize("op", EXAMPLES)
def test_attributes_are_read_back(op):
    assert type(op).from_custom_options(op.custom_options()) == op


@pytest.mark.parametrize("op", EXAMPLES)
def test_other_attributes_are_refused(op):
    options = op.custom_options()
    for wrong in (b"", options[:-1]):
        with pytest.raises(ValueError, match="attributes are"):
            type(op).from_custom_options(wrong)
    message = "attributes are"
    if isinstance(op, ops.StreamState):
        message = "frames have to be positive"
    elif getattr(op, "activation_bits", 2) == 1:
        message = "activation_bits is 0"
    with pytest.raises(ValueError, match=message):
        type(op).from_custom_options(options + b"\0\0\0\0")
    with pytest.raises(ValueError, match="contract version 7"):
        type(op).from_custom_options(struct.pack("<i", 7) + options[4:])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ops.Conv2D(0), "in_channels"),
        (lambda: ops.Conv2D(16, stride_h=0), "strides"),
        (lambda: ops.Conv2DAdd(16, pad_left=-1), "padding"),
        (lambda: ops.FeatureConv2D(inverse_scale=0.0), "inverse_scale"),
        (lambda: ops.FeatureConv2D(inverse_scale=1e39), "inverse_scale"),
        (
            lambda: ops.FeatureConv2D(inverse_scale=float("nan")),
            "inverse_scale",
        ),
        (lambda: ops.Int8Conv2D(inverse_scale=-1.0), "^BifsmnInt8Conv2D: inv"),
        (lambda: ops.Int8Conv2D(output_inverse_scale=0.0), "output_inverse"),
        (lambda: ops.Int8Conv2D(output_bits=4), "output_bits"),
        (lambda: ops.Memory(64, -1, 1), "orders"),
        (lambda: ops.Memory(64, 1, 1, 0, 1), "strides"),
        (lambda: ops.Memory(64, 16382, 0), "terms"),
        (lambda: ops.History(-4, 1), "multiple of 4, is -4"),
        (lambda: ops.History(6, 1), "multiple of 4, is 6"),
        (lambda: ops.History(0, 0), "frames has to be positive"),
        (lambda: ops.StreamState(()), "frames have to be positive"),
        (lambda: ops.StreamState((1, 0)), "frames have to be positive"),
    ],
)
def test_attributes_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_repeated_attribute_has_as_many_words_as_values():
    assert ops.StreamState.attributes()[-1] == ("frames", "int32+")
    options = ops.StreamState((4, 1)).custom_options()
    assert options == struct.pack("<3i", ops.CONTRACT_VERSION, 4, 1)


def test_one_bit_is_what_is_left_out():
    assert ops.Conv2D.attributes()[-1] == ("activation_bits", "int32?")
    options = ops.Conv2D(20, activation_bits=2).custom_options()
    assert options[-4:] == struct.pack("<i", 2)
    assert ops.Conv2D(20).custom_options() == options[:-4]
    stated = ops.Conv2D.from_custom_options(options[:-4] + b"\1\0\0\0")
    assert stated == ops.Conv2D(20)
    for make in (ops.Conv2D, ops.Conv2DAdd):
        with pytest.raises(ValueError, match="activation_bits is 3"):
            make(20, activation_bits=3)
    with pytest.raises(ValueError, match="activation_bits is 0"):
        ops.Memory(20, 1, 1, activation_bits=0)


def test_two_bits_count_the_thresholds_that_a_value_is_below():
    """In any order of the thresholds; flipped where BatchNorm falls."""
    bits, weights = pack_bits([[[[1] * 3]]]), pack_bits([[[[1] * 3]]] * 4)
    thresholds = np.int16([[-8, 2, 6, 8], [-6, 8, -6, 8], [-4, -6, 8, 8]])
    (levels,) = ops.Conv2D(3, activation_bits=2).reference(
        bits, weights, thresholds
    )
    np.testing.assert_array_equal(
        unpack_activations(levels, 4), [[[[3, 1, 1, -3]]]]
    )
    (flipped,) = ops.Conv2D(3, activation_bits=2).reference(
        bits, weights, thresholds | 1
    )
    np.testing.assert_array_equal(
        unpack_activations(flipped, 4), [[[[-3, -1, -1, 3]]]]
    )


def test_two_bits_are_multiplied_as_levels():
    values = np.array([[[[3, -1, -3, 1]]]])
    signs = np.array([[[[1, -1, 1, -1]]], [[[1, 1, 1, 1]]]])
    op = ops.Conv2DAdd(4)
    parameters = np.float32([[1, 1], [0, 0], [1, 1], [0, 0]])
    result, _ = op.reference(pack_levels(values), pack_bits(signs), parameters)
    np.testing.assert_array_equal(result, [[[[0, 0]]]])
    values[..., 1] = 3
    result, _ = op.reference(pack_levels(values), pack_bits(signs), parameters)
    np.testing.assert_array_equal(result, [[[[-4, 4]]]])


def test_output_specs():
    quantized = ops.FeatureConv2D(2, 2, 1, 2, 1, 2)
    assert quantized.output_specs(spec(1, 32, 32), spec(16, 5, 5, 1)) == [
        ((1, 16, 16, 1), np.int16)
    ]
    add = ops.Conv2DAdd(64)
    for dtype in (np.float32, np.int16):
        parameters = spec(4, 40, dtype=dtype)
        assert add.output_specs(
            spec(1, 32, 1, 4), spec(40, 1, 1, 4), parameters
        ) == [((1, 32, 1, 40), dtype), ((1, 32, 1, 3), np.int16)]
    packed = spec(100, dtype=np.int8)
    assert add.output_specs(spec(1, 32, 1, 4), spec(40, 1, 1, 4), packed) == [
        ((1, 32, 1, 40), np.int16),
        ((1, 32, 1, 3), np.int16),
    ]
    for weights in (spec(5, 32), packed):
        assert ops.Dense().output_specs(
            spec(2, 8, 1, 4), weights, spec(2, 5)
        ) == [((2, 5), np.float32)]


@pytest.mark.parametrize(
    ("op", "shapes", "message"),
    [
        (ops.Conv2D(16), [(1, 4, 4, 1)], "weights is missing"),
        (ops.Conv2D(16), [(1, 4, 4, 3), (3, 1, 1, 1)], "16 channels are 1"),
        (ops.Conv2D(16), [(4, 4, 1), (3, 1, 1, 1)], "not of rank 4"),
        (ops.Conv2D(16), [(1, 4, 4, 1), (3, 5, 1, 1)], "exceeds"),
        (ops.Conv2D(16, pad_top=2), [(1, 4, 4, 1), (3, 2, 1, 1)], "smaller"),
        (ops.Conv2D(16), [(1, 40, 40, 1), (3, 33, 32, 1)], "at most 16382"),
        (ops.Conv2D(16), [(1, 40, 40, 2), (3, 11, 32, 1)], "at most 16382"),
        (ops.FeatureConv2D(), [(1, 4, 4, 2), (3, 1, 1, 1)], "2 channels"),
        (ops.Int8Conv2D(), [(1, 4, 4, 2), (3, 1, 1, 1), (4, 3)], "2 channels"),
        (ops.Int8Conv2D(), [(1, 4, 4, 2), (3, 1, 1, 2), (3, 3)], "parameters"),
        (
            ops.Memory(16, 1, 0),
            [(1, 4, 2, 1), (1, 4, 2, 16), (2, 1), (4, 16)],
            "not \\[N, T, 1, 1\\]",
        ),
        (
            ops.Memory(16, 1, 0),
            [(1, 4, 1, 1), (1, 4, 1, 16), (3, 1), (4, 16)],
            "weights",
        ),
        (
            ops.Memory(16, 1, 0),
            [(1, 4, 1, 1), (1, 4, 1, 16), (2, 1), (3, 16)],
            "parameters",
        ),
        (
            ops.Memory(16, 1, 0),
            [(1, 4, 1, 1), (1, 5, 1, 16), (2, 1), (4, 16)],
            "bits of 4 frames for a residual of 5",
        ),
        (ops.Dense(), [(1, 4, 1, 3), (5, 13), (2, 5)], "do not fit the"),
        (ops.Dense(), [(1, 4, 1, 3), (12,), (2, 5)], "a wrong rank"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(op, shapes, message):
    with pytest.raises(ValueError, match=message):
        op.output_specs(*(spec(*shape) for shape in shapes))


@pytest.mark.parametrize(
    ("state", "new", "message"),
    [
        (spec(1, 19, dtype=np.int8), spec(1, 4, 3), "not in a state of 19"),
        (spec(2, 20, dtype=np.int8), spec(1, 4, 3), r"is not \[1, S\] of int8"),
        (spec(1, 20), spec(1, 4, 3), r"is not \[1, S\] of int8"),
        (spec(1, 20, dtype=np.int8), spec(2, 4, 3), r"is not \[1, T, ...\]"),
        (spec(1, 20, dtype=np.int8), spec(1), r"is not \[1, T, ...\]"),
        (spec(1, 20, dtype=np.int8), spec(1, 4, dtype=np.float16), "float16"),
    ],
)
def test_histories_that_there_cannot_be_are_refused(state, new, message):
    op = ops.History(8, 2)
    good = spec(1, 20, dtype=np.int8)
    assert op.output_specs(good, spec(1, 4, 3)) == [((1, 6, 3), np.int16)]
    with pytest.raises(ValueError, match=message):
        op.output_specs(state, new)


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ([spec(1, 4)], "of 2 windows, got 1"),
        ([spec(1, 4), None], "of 2 windows, got 1"),
        ([spec(1, 4), spec(1, 2), spec(1, 2)], "of 2 windows, got 3"),
        ([spec(1, 4), spec(2, 2)], r"window 1 .* is not \[1, T, ...\]"),
        ([spec(1, 2), spec(1, 2)], "window 0 .* has no 3 frames"),
        ([spec(1, 4, dtype=bool), spec(1, 2)], "window 0 is bool"),
    ],
)
def test_states_that_there_cannot_be_are_refused(windows, message):
    op = ops.StreamState((3, 1))
    assert op.output_specs(spec(1, 4), spec(1, 2, 5)) == [((1, 20), np.int8)]
    with pytest.raises(ValueError, match=message):
        op.output_specs(*windows)


def test_a_residual_of_another_shape_is_refused():
    inputs = [spec(1, 8, 1, 1), spec(16, 1, 1, 1), spec(4, 16)]
    for residual in (spec(1, 8, 1, 17), spec(1, 8, 1, 16, dtype=np.float32)):
        with pytest.raises(ValueError, match="the residual it adds to"):
            ops.Conv2DAdd(16).output_specs(*inputs, residual)


@pytest.mark.parametrize(
    ("shift", "change", "message"),
    [
        (9, 0, "do not fit 16 bits"),
        (-1, 0, "do not fit 16 bits"),
        (0, -32768, "scale or slope"),
    ],
)
def test_integer_residuals_that_could_overflow_are_refused(
    shift, change, message
):
    parameters = np.zeros((4, 3), np.int16)
    parameters[2, 1] = change
    with pytest.raises(ValueError, match=message):
        ops.Memory(3, 63, 0, shift=shift).reference(
            np.zeros((1, 5, 1, 1), np.int16),
            np.zeros((1, 5, 1, 3), np.int16),
            np.zeros((64, 1), np.int16),
            parameters,
        )


# The references against the definitions, term by term.


def _dot(image, weights, op, y, x):
    """Sum over valid taps for one output pixel, in plain Python."""
    total = 0
    for ky, row in enumerate(weights):
        for kx, tap in enumerate(row):
            iy = y * op.stride_h - op.pad_top + ky
            ix = x * op.stride_w - op.pad_left + kx
            if 0 <= iy < image.shape[0] and 0 <= ix < image.shape[1]:
                total += int(np.dot(image[iy, ix], tap))
    return total


def test_feature_conv2d_reference():
    rng = np.random.default_rng(0)
    op = ops.FeatureConv2D(2, 1, 1, 0, 1, 1, inverse_scale=3.0)
    features = rng.normal(scale=30, size=(2, 5, 4, 2)).astype(np.float32)
    features[0, 0, 0] = [np.nan, np.inf]
    features[0, 0, 1] = [0.5 / 3, -np.inf]
    weights = rng.integers(-128, 128, (3, 3, 2, 2), np.int8)
    thresholds = rng.integers(-5000, 5000, 3, np.int32)
    (bits,) = op.reference(features, weights, thresholds)
    signs = unpack_bits(bits, 3)
    for n, image in enumerate(features):
        quantized = np.zeros(image.shape, np.int64)
        for index in np.ndindex(image.shape):
            scaled = np.float32(image[index]) * np.float32(3.0)
            if not np.isnan(scaled):
                clamped = min(max(float(scaled), -128.0), 127.0)
                quantized[index] = round(clamped)
        for (y, x, o), sign in np.ndenumerate(signs[n]):
            dot = _dot(quantized, weights[o].astype(np.int64), op, y, x)
            assert (sign == -1) == (dot < thresholds[o])


@pytest.mark.parametrize("has_residual", [False, True])
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_int8_conv2d_reference(bits, has_residual):
    if bits == 8 and has_residual:
        op = ops.Int8Conv2D()
        inputs = [spec(1, 3, 3, 2), spec(4, 1, 1, 2), spec(4, 4)]
        with pytest.raises(ValueError, match="8 bits have no residual"):
            op.output_specs(*inputs, spec(1, 3, 3, 4, dtype=np.int8))
        return
    rng = np.random.default_rng(7)
    inverse = 0.3
    op = ops.Int8Conv2D(2, 1, 1, 0, 1, 1, 1.0, bits, inverse)
    values = rng.integers(-128, 128, (2, 5, 4, 2), np.int8)
    weights = rng.integers(-127, 128, (3, 3, 2, 2), np.int8)
    parameters = rng.normal(size=(4, 3)).astype(np.float32)
    parameters[0] *= {8: 0.05, 16: 10, 32: 1}[bits]
    (wanted, _) = op.output_specs(values, weights, parameters)
    residual = None
    if has_residual:
        residual = rng.normal(scale=20000, size=wanted.shape)
        residual = residual.clip(-32768, 32767).astype(wanted.dtype)
    result, words = op.reference(values, weights, parameters, residual)
    assert (result.shape, result.dtype) == (wanted.shape, wanted.dtype)
    least = -(1 << bits - 1)
    signs = unpack_bits(words, 3)
    clamped = 0
    for (n, y, x, o), value in np.ndenumerate(result):
        scale, offset, slope, threshold = parameters[:, o]
        dot = _dot(values[n].astype(int), weights[o].astype(int), op, y, x)
        u = np.float32(np.float32(dot) * scale) + offset
        v = u if u >= 0 else np.float32(u * slope)
        compared = v
        if bits == 32:
            wanted_value = v if residual is None else residual[n, y, x, o] + v
            compared = wanted_value
        else:
            rounded = round(float(np.float32(v * np.float32(inverse))))
            wanted_value = min(max(rounded, least), -least - 1)
            clamped += rounded != wanted_value
            if has_residual:
                added = int(residual[n, y, x, o]) + wanted_value
                wanted_value = min(max(added, least), -least - 1)
            if bits == 16:
                compared = np.float32(wanted_value)
        assert value == wanted_value
        assert (signs[n, y, x, o] == 1) == (compared >= threshold)
    assert bits == 32 or 0 < clamped < result.size


def test_int8_conv2d_refuses_weights_beyond_its_range():
    weights = np.full((1, 1, 1, 1), -128, np.int8)
    with pytest.raises(ValueError, match="-128"):
        ops.Int8Conv2D().reference(
            np.zeros((1, 1, 1, 1), np.int8),
            weights,
            np.zeros((4, 1), np.float32),
        )


def test_conv2d_reference():
    rng = np.random.default_rng(1)
    op = ops.Conv2D(5, 1, 2, 2, 1, 0, 1)
    bits = random_bits(rng, 2, 4, 5, 5)
    weights = random_bits(rng, 20, 3, 2, 5)
    thresholds = rng.integers(-6, 7, 20, np.int16)
    flipped = rng.integers(2, size=20, dtype=bool)
    encoded = op.encode_thresholds(thresholds, flipped)
    (result,) = op.reference(bits, weights, encoded)
    images, kernels = unpack_bits(bits, 5), unpack_bits(weights, 5)
    for (n, y, x, o), sign in np.ndenumerate(unpack_bits(result, 20)):
        dot = _dot(images[n], kernels[o], op, y, x)
        assert (sign == -1) == ((dot < thresholds[o]) ^ flipped[o])
    assert np.array_equal(result[..., 1] & ~0xF, np.zeros(result.shape[:-1]))


def _float_residual(dot, vectors, channel, residual):
    scale, offset, slope, _ = (v[channel] for v in vectors)
    u = np.float32(np.float32(dot) * scale) + offset
    v = u if u >= 0 else np.float32(u * slope)
    return v if residual is None else np.float32(residual + v)


def _int16_residual(dot, parameters, shift, channel, residual):
    """As the definition says, in Python's integers."""
    scale, offset, slope, _ = (int(row[channel]) for row in parameters)

    def saturated(value):
        return max(-32768, min(value, 32767))

    u = saturated(((int(dot) << shift) * scale + 2**14 >> 15) + offset)
    v = saturated(u + (min(u, 0) * slope + 2**14 >> 15))
    return v if residual is None else saturated(int(residual) + v)


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize("has_residual", [False, True])
def test_conv2d_add_reference(has_residual, dtype):
    rng = np.random.default_rng(2)
    in_integers = dtype == np.int16
    op = ops.Conv2DAdd(17, 1, 1, 1, 1, 0, 0, shift=5 * in_integers)
    bits = random_bits(rng, 1, 4, 3, 17)
    weights = random_bits(rng, 6, 3, 2, 17)
    vectors = rng.normal(size=(4, 6)).astype(np.float32)
    if in_integers:
        vectors = rng.integers(-32767, 32768, (4, 6), np.int16)
    shape = (1, 4, 2, 6)
    scale = 9000 if in_integers else 9
    residual = rng.normal(scale=scale, size=shape).astype(dtype)
    if not has_residual:
        residual = None
    result, signs = op.reference(bits, weights, vectors, residual)
    image, kernels = unpack_bits(bits, 17)[0], unpack_bits(weights, 17)
    assert result.dtype == dtype and result.shape == shape
    for (_, y, x, o), value in np.ndenumerate(result):
        added = residual[0, y, x, o] if has_residual else None
        dot = _dot(image, kernels[o], op, y, x)
        if in_integers:
            assert value == _int16_residual(dot, vectors, 5, o, added)
        else:
            assert value == _float_residual(dot, vectors, o, added)
    assert np.array_equal(
        unpack_bits(signs, 6), np.where(result >= vectors[3], 1, -1)
    )


def test_float_conv2d_reference():
    rng = np.random.default_rng(4)
    op = ops.FloatConv2D(2, 1, 1, 0, 1, 1)
    features = rng.normal(size=(2, 5, 4, 2)).astype(np.float32)
    weights = rng.normal(size=(3, 3, 2, 2)).astype(np.float32)
    thresholds = rng.normal(size=3).astype(np.float32)
    (bits,) = op.reference(features, weights, thresholds)
    for (n, y, x, o), sign in np.ndenumerate(unpack_bits(bits, 3)):
        total = np.float32(0)
        for ky, kx, c in np.ndindex(3, 2, 2):
            iy, ix = 2 * y - 1 + ky, x - 1 + kx
            if 0 <= iy < 5 and 0 <= ix < 4:
                total += features[n, iy, ix, c] * weights[o, ky, kx, c]
        assert (sign == 1) == (total >= thresholds[o])


def test_dense_reference():
    rng = np.random.default_rng(5)
    residual = rng.integers(-32768, 32768, (2, 3, 1, 4), np.int16)
    weights = rng.integers(-128, 128, (5, 12), np.int8)
    scale_bias = rng.normal(size=(2, 5)).astype(np.float32)
    (logits,) = ops.Dense().reference(residual, weights, scale_bias)
    for (n, o), value in np.ndenumerate(logits):
        sums = sum(
            int(x) * int(w)
            for x, w in zip(residual[n].ravel(), weights[o], strict=True)
        )
        scale, bias = scale_bias[:, o]
        assert value == np.float32(sums) * scale + bias


def test_packed_constants_are_those_they_were_packed_from():
    rng = np.random.default_rng(5)
    bits, hidden = random_bits(rng, 2, 4, 1, 20), random_bits(rng, 9, 1, 1, 20)
    thresholds = rng.integers(-32768, 32768, 9, np.int16)
    parameters = rng.integers(-32767, 32768, (4, 9), np.int16)
    residual = rng.integers(-32768, 32768, (2, 4, 1, 9), np.int16)
    weights = rng.integers(-128, 128, (3, 36), np.int8)
    scale_bias = rng.normal(size=(2, 3)).astype(np.float32)
    for op, inputs, number in (
        (ops.Conv2D(20), [bits, hidden, thresholds], 2),
        (ops.Conv2DAdd(20, shift=3), [bits, hidden, parameters, residual], 2),
        (
            ops.Memory(9, 1, 1, shift=3),
            [bits[..., :1], residual, random_bits(rng, 3, 9), parameters],
            3,
        ),
        (ops.Dense(), [residual, weights, scale_bias], 1),
    ):
        wanted = op.reference(*inputs)
        inputs[number] = pack_integers(inputs[number].astype(np.int16))
        found = op.reference(*inputs)
        assert all(map(np.array_equal, found, wanted))


def test_packed_weights_have_8_bits():
    residual = np.zeros((1, 1, 1, 2), np.int16)
    weights = pack_integers(np.array([[0, 128]], np.int16))
    with pytest.raises(ValueError, match="more than 8 bits"):
        ops.Dense().reference(residual, weights, np.zeros((2, 1), np.float32))


def test_dense_refuses_sums_that_would_overflow():
    with pytest.raises(ValueError, match="more than 65535"):
        ops.Dense().reference(
            np.zeros((1, 600, 1, 1), np.int16),
            np.full((1, 600), -128, np.int8),
            np.zeros((2, 1), np.float32),
        )


def test_memory_reference():
    rng = np.random.default_rng(3)
    op = ops.Memory(3, look_back=2, look_ahead=2, stride_back=3, stride_ahead=2)
    bits = random_bits(rng, 2, 9, 1, 3)
    weights = random_bits(rng, 5, 3)
    vectors = rng.normal(size=(4, 3)).astype(np.float32)
    residual = rng.normal(scale=9, size=(2, 9, 1, 3)).astype(np.float32)
    result, signs = op.reference(bits, residual, weights, vectors)
    assert op.tap_offsets == [-6, -3, 0, 2, 4]
    sequences, taps = unpack_bits(bits, 3), unpack_bits(weights, 3)
    for (n, t, _, c), value in np.ndenumerate(result):
        dot = sum(
            sequences[n, t + offset, 0, c] * taps[tap, c]
            for tap, offset in enumerate((-6, -3, 0, 2, 4))
            if 0 <= t + offset < 9
        )
        assert value == _float_residual(dot, vectors, c, residual[n, t, 0, c])
    assert np.array_equal(signs, pack_bits(result - vectors[3]))


def test_a_memory_of_a_step_is_that_of_the_whole_sequence():
    rng = np.random.default_rng(9)
    op = ops.Memory(20, 2, 0, stride_back=3, shift=5)
    inputs = [
        random_bits(rng, 2, 30, 1, 20),
        rng.integers(-9999, 9999, (2, 30, 1, 20), np.int16),
        random_bits(rng, 3, 20),
        rng.integers(-32767, 32768, (4, 20), np.int16),
    ]
    whole = op.reference(*inputs)
    inputs[0] = inputs[0][:, 17 - 6 :]
    inputs[1] = inputs[1][:, 17:]
    for step, sequence in zip(op.reference(*inputs), whole, strict=True):
        assert np.array_equal(step, sequence[:, 17:])


def test_a_stream_keeps_its_latest_frames():
    """Windows over a whole sequence, whatever the steps are."""
    rng = np.random.default_rng(10)
    sound = rng.normal(size=(1, 40)).astype(np.float32)
    bits = rng.integers(-9, 9, (1, 40, 1, 3), np.int16)
    keep = ops.StreamState((3, 5))
    offsets = keep.offsets(bits, sound)
    assert offsets == [0, 20, 40]
    state = np.zeros((1, 40), np.int8)
    for first, last in ((0, 4), (4, 5), (5, 21), (21, 40)):
        windows = [
            ops.History(offset, frames).reference(state, x[:, first:last])[0]
            for x, offset, frames in zip(
                (bits, sound), offsets, keep.frames, strict=False
            )
        ]
        for window, x, frames in zip(
            windows, (bits, sound), keep.frames, strict=True
        ):
            assert window.dtype == x.dtype
            before = np.zeros((1, frames, *x.shape[2:]), x.dtype)
            padded = np.concatenate([before, x], axis=1)
            assert np.array_equal(window, padded[:, first : last + frames])
        (state,) = keep.reference(*windows)
        assert np.all(state[0, 18:20] == 0)
