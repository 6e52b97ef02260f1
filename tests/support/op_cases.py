"""Random single-op cases: an op, its inputs, and a model of them."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file.packing import pack_bits
from bifsmn_tf.model_file.packing import pack_integers
from bifsmn_tf.model_file.packing import pack_levels
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.network.topology import LARGEST_LEVEL

SIGNATURE = "run"


@dataclasses.dataclass
class OpCase:
    """An op with values for its inputs; ``constants`` are in the model file."""

    name: str
    op: ops.Op
    inputs: list[np.ndarray | None]
    constants: tuple[int, ...]
    outputs: int = 1
    exact: bool = True

    def feeds(self) -> dict[str, np.ndarray]:
        return {
            f"input_{i}": value
            for i, value in enumerate(self.inputs)
            if value is not None and i not in self.constants
        }

    def expected(self) -> list[np.ndarray]:
        return list(self.op.reference(*self.inputs))[: self.outputs]

    def model(self) -> bytes:
        writer = ModelWriter(self.name)
        graph = writer.subgraph("main")
        tensors = []
        for i, value in enumerate(self.inputs):
            if value is None:
                tensors.append(None)
            elif i in self.constants:
                tensors.append(graph.constant(f"constant_{i}", value))
            else:
                tensors.append(
                    graph.input(f"input_{i}", value.shape, value.dtype)
                )
        specs = self.op.output_specs(*self.inputs)[: self.outputs]
        results = graph.custom_op(
            self.op,
            tensors,
            [(f"output_{i}", *spec) for i, spec in enumerate(specs)],
        )
        for i, result in enumerate(results):
            graph.output(f"output_{i}", result)
        writer.signature(SIGNATURE, graph)
        return writer.build()


def random_bits(rng, *shape):
    """Random packed bits of ``[..., channels]``."""
    return pack_bits(rng.choice([-1, 1], shape))


def random_levels(rng, *shape):
    """Random activations of two bits of ``[..., channels]``."""
    return pack_levels(rng.choice([-3, -1, 1, 3], shape))


def _activations(rng, *shape):
    """Random activations of one bit or two, and their largest value."""
    if rng.integers(2):
        return random_levels(rng, *shape), LARGEST_LEVEL
    return random_bits(rng, *shape), 1


def _given(rng):
    """The bits of the activations that an op gives, and its thresholds."""
    bits = int(rng.integers(1, 3))
    return bits, ops.THRESHOLDS[bits]


def _convolution(rng):
    """Strides, padding, a kernel and an input size that fit each other."""
    kernel = [int(n) for n in rng.integers(1, 6, 2)]
    pads = [int(rng.integers(0, k)) for k in np.repeat(kernel, 2)]
    size = [
        max(1, kernel[axis] - sum(pads[2 * axis : 2 * axis + 2]))
        + int(rng.integers(0, 9))
        for axis in (0, 1)
    ]
    strides = [int(n) for n in rng.integers(1, 4, 2)]
    names = ("pad_top", "pad_bottom", "pad_left", "pad_right")
    attributes = dict(zip(names, pads, strict=True))
    attributes["stride_h"], attributes["stride_w"] = strides
    return attributes, kernel, size


def _channels(rng):
    return int(rng.choice([1, 3, 15, 16, 17, 20, 32, 40, 64]))


def _parameters(rng, channels, largest):
    """Parameters of a residual of floats or integers, and attributes."""
    bits, count = _given(rng)
    shape = (3 + count, channels)
    if rng.integers(2):
        rows = rng.normal(size=shape).astype(np.float32)
        rows[2] = rng.uniform(-0.5, 1.5, channels)
        return rows, {"activation_bits": bits}
    most = (32767 // largest).bit_length() - 1
    rows = rng.integers(-32767, 32768, shape, np.int16)
    shift = int(rng.integers(0, most + 1))
    return _packed_or_not(rng, rows), {"activation_bits": bits, "shift": shift}


def _packed_or_not(rng, rows):
    return pack_integers(rows) if rng.integers(2) else rows


def _residual(rng, shape, dtype):
    if dtype == np.float32:
        return rng.normal(scale=9, size=shape).astype(np.float32)
    return rng.integers(-32768, 32768, shape, np.int16)


def feature_conv2d(rng, name) -> OpCase:
    attributes, kernel, size = _convolution(rng)
    rank_3 = bool(rng.integers(2))
    channels = 1 if rank_3 else int(rng.integers(1, 5))
    outputs = _channels(rng)
    shape = (int(rng.integers(1, 4)), *size, *(() if rank_3 else (channels,)))
    features = rng.normal(scale=2, size=shape).astype(np.float32)
    special = [np.nan, np.inf, -np.inf, 0.5, -2.5, 1e30, -0.0]
    places = rng.random(shape) < 0.05
    features[places] = rng.choice(special, places.sum())
    scale = float(rng.choice([1.0, 7.3, 40.0]))
    bits, count = _given(rng)
    thresholds = rng.integers(-3000, 3000, (count, outputs), np.int32)
    return OpCase(
        name,
        ops.FeatureConv2D(
            **attributes, inverse_scale=scale, activation_bits=bits
        ),
        [
            features,
            rng.integers(-128, 128, (outputs, *kernel, channels), np.int8),
            thresholds if bits == 2 else thresholds[0],
        ],
        constants=(1, 2),
    )


def int8_conv2d(rng, name) -> OpCase:
    attributes, kernel, size = _convolution(rng)
    in_floats = bool(rng.integers(2))
    rank_3 = in_floats and bool(rng.integers(2))
    channels = 1 if rank_3 else int(rng.integers(1, 20))
    outputs = _channels(rng)
    shape = (int(rng.integers(1, 4)), *size, *(() if rank_3 else (channels,)))
    values = rng.integers(-128, 128, shape, np.int8)
    if in_floats:
        values = rng.normal(scale=2, size=shape).astype(np.float32)
        values[rng.random(shape) < 0.05] = np.nan
    bits = int(rng.choice([8, 16, 32]))
    activation_bits = int(rng.integers(1, 3))
    op = ops.Int8Conv2D(
        **attributes,
        activation_bits=activation_bits,
        inverse_scale=float(rng.choice([1.0, 40.0])),
        output_bits=bits,
        output_inverse_scale=float(rng.choice([0.1, 1.0, 50.0])),
    )
    rows = 3 + ops.THRESHOLDS[activation_bits]
    parameters = rng.normal(size=(rows, outputs)).astype(np.float32)
    parameters[1, 0] = rng.choice([0, np.nan, np.inf])
    weights = rng.integers(-127, 128, (outputs, *kernel, channels), np.int8)
    inputs: list[np.ndarray | None] = [values, weights, parameters]
    (result, _) = op.output_specs(*inputs)
    if bits > 8 and rng.integers(2):
        inputs.append(_residual(rng, result.shape, result.dtype))
    return OpCase(
        name,
        op,
        inputs,
        constants=(1, 2),
        outputs=int(rng.integers(1, 3)),
    )


def float_conv2d(rng, name) -> OpCase:
    attributes, kernel, size = _convolution(rng)
    channels = int(rng.integers(1, 4))
    outputs = _channels(rng)
    shape = (int(rng.integers(1, 4)), *size, channels)
    return OpCase(
        name,
        ops.FloatConv2D(**attributes),
        [
            rng.normal(size=shape).astype(np.float32),
            rng.normal(size=(outputs, *kernel, channels)).astype(np.float32),
            rng.normal(size=outputs).astype(np.float32),
        ],
        constants=(1, 2),
    )


def _binary(rng):
    attributes, kernel, size = _convolution(rng)
    kind = rng.integers(3)
    if kind == 0:  # pointwise over a sequence
        kernel, size = [1, 1], [int(rng.integers(1, 40)), 1]
        attributes = {}
    elif kind == 1:  # projection of all frequencies
        kernel, size = [1, size[1]], [int(rng.integers(1, 40)), size[1]]
        attributes = {}
    channels = attributes["in_channels"] = _channels(rng)
    outputs = _channels(rng)
    shape = (int(rng.integers(1, 4)), *size, channels)
    bits, level = _activations(rng, *shape)
    weights = random_bits(rng, outputs, *kernel, channels)
    return attributes, bits, weights, level * int(np.prod(kernel)) * channels


def conv2d(rng, name) -> OpCase:
    attributes, bits, weights, _ = _binary(rng)
    given, count = _given(rng)
    thresholds = rng.integers(-40, 41, (count, len(weights)), np.int16)
    extremes = rng.random(thresholds.shape) < 0.1
    thresholds[extremes] = rng.choice([-32768, 32767], extremes.sum())
    if given == 1:
        (thresholds,) = thresholds
    return OpCase(
        name,
        ops.Conv2D(**attributes, activation_bits=given),
        [bits, weights, _packed_or_not(rng, thresholds)],
        constants=(1, 2),
    )


def conv2d_add(rng, name) -> OpCase:
    attributes, bits, weights, largest = _binary(rng)
    parameters, epilogue = _parameters(rng, len(weights), largest)
    op = ops.Conv2DAdd(**attributes, **epilogue)
    inputs = [bits, weights, parameters]
    shape = op.output_specs(*inputs)[0].shape
    residual = rng.integers(3)
    if residual == 0:
        inputs.append(_residual(rng, shape, parameters.dtype))
    elif residual == 1:
        inputs.append(None)
    return OpCase(
        name,
        op,
        inputs,
        constants=(1, 2),
        outputs=int(rng.integers(1, 3)),
    )


def memory(rng, name) -> OpCase:
    channels = _channels(rng)
    look_back = int(rng.choice([0, 1, 5, 10, 300]))
    look_ahead = int(rng.choice([0, 1, 5, 10]))
    taps = look_back + 1 + look_ahead
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 60)), 1, channels)
    # What the bits have before the residual begins.
    history = int(rng.integers(1, 30)) if rng.integers(2) else 0
    frames = history + shape[1]
    bits, level = _activations(rng, shape[0], frames, *shape[2:])
    parameters, epilogue = _parameters(rng, channels, level * taps)
    op = ops.Memory(
        channels,
        look_back=look_back,
        look_ahead=look_ahead,
        stride_back=int(rng.integers(1, 4)),
        stride_ahead=int(rng.integers(1, 4)),
        **epilogue,
    )
    return OpCase(
        name,
        op,
        [
            bits,
            _residual(rng, shape, parameters.dtype),
            random_bits(rng, op.taps, channels),
            parameters,
        ],
        constants=(2, 3),
        outputs=int(rng.integers(1, 3)),
    )


def dense(rng, name) -> OpCase:
    shape = (
        int(rng.integers(1, 4)),
        int(rng.integers(1, 10)),
        1,
        _channels(rng),
    )
    outputs = int(rng.integers(1, 40))
    size = (outputs, shape[1] * shape[3])
    residual = _residual(rng, shape, rng.choice([np.float32, np.int16]))
    kind = rng.choice([np.int8, np.float16, np.float32])
    weights = (
        rng.integers(-60, 60, size, np.int8)
        if kind == np.int8
        else rng.normal(size=size).astype(kind)
    )
    if kind == np.int8 and rng.integers(2):
        weights = pack_integers(weights.astype(np.int16))
    return OpCase(
        name,
        ops.Dense(),
        [residual, weights, rng.normal(size=(2, outputs)).astype(np.float32)],
        constants=(1, 2),
        exact=residual.dtype == np.int16 and weights.dtype == np.int8,
    )


def _frames(rng):
    """Frames of one stream, of a type that may be kept."""
    dtype = rng.choice([np.int8, np.int16, np.int32, np.float32])
    shape = (1, *rng.integers(1, 9, int(rng.integers(1, 4))))
    if dtype == np.float32:
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(-128, 128, shape, dtype)


def history(rng, name) -> OpCase:
    new = _frames(rng)
    op = ops.History(4 * int(rng.integers(9)), int(rng.integers(1, 6)))
    size = op.offset + op.frames * new[0, 0].nbytes + int(rng.integers(5))
    state = rng.integers(-128, 128, (1, size), np.int8)
    return OpCase(name, op, [state, new], constants=())


def stream_state(rng, name) -> OpCase:
    windows = [_frames(rng) for _ in range(rng.integers(1, 6))]
    frames = (int(rng.integers(1, w.shape[1] + 1)) for w in windows)
    op = ops.StreamState(tuple(frames))
    return OpCase(name, op, windows, constants=())


MAKERS = (
    feature_conv2d,
    float_conv2d,
    int8_conv2d,
    conv2d,
    conv2d_add,
    memory,
    dense,
    history,
    stream_state,
)


def random_cases(count: int, seed: int = 0) -> Iterator[OpCase]:
    """``count`` cases of every op."""
    for maker in MAKERS:
        for i in range(count):
            rng = np.random.default_rng([seed, i])
            yield maker(rng, f"{maker.__name__}_{i}")


def large_cases() -> Iterator[OpCase]:
    """Sums of the most terms that there may be."""
    rng = np.random.default_rng(1)
    terms = ops.MAX_BINARY_TERMS
    bits = random_bits(rng, 1, 3, 1, terms)
    weights = random_bits(rng, 2, 1, 1, terms)
    weights[0] = bits[0, 0]
    weights[1] = pack_bits(np.ones(terms))
    bits[0, 1] = ~bits[0, 0]
    bits[0, 1, 0, -1] &= 0x3FFF
    bits[0, 2] = pack_bits(-np.ones(terms))
    for dtype in (np.float32, np.int16):
        # The identity, as far as 15 bits of a fraction go.
        one = 1 if dtype == np.float32 else 32767
        slope = 1 if dtype == np.float32 else 0
        parameters = np.array([[one] * 2, [0] * 2, [slope] * 2, [0] * 2], dtype)
        yield OpCase(
            f"most_binary_terms_{np.dtype(dtype).name}",
            ops.Conv2DAdd(terms),
            [bits, weights, parameters],
            constants=(1, 2),
            outputs=2,
        )
    yield OpCase(
        "most_binary_terms_of_one_channel",
        ops.Conv2D(1, pad_top=40, pad_left=40),
        [
            np.ones((1, 127, 128, 1), np.int16),
            np.zeros((3, 127, 128, 1), np.int16),
            np.array([-2 * terms, 0, 2 * terms + 1], np.int16),
        ],
        constants=(1, 2),
    )
    channels = ops.MAX_QUANTIZED_TERMS
    yield OpCase(
        "most_int8_terms",
        ops.Int8Conv2D(output_bits=32),
        [
            np.full((1, 1, 1, channels), -128, np.int8),
            np.stack(
                [
                    np.full((1, 1, channels), weight, np.int8)
                    for weight in (-127, 127)
                ]
            ),
            np.float32([[1, 1], [0, 0], [1, 1], [0, 0]]),
        ],
        constants=(1, 2),
        outputs=2,
    )
    limit = -128 * -128 * channels
    yield OpCase(
        "most_quantized_terms",
        ops.FeatureConv2D(),
        [
            np.full((1, 1, 1, channels), -1e9, np.float32),
            np.full((2, 1, 1, channels), -128, np.int8),
            np.array([limit, limit + 1], np.int32),
        ],
        constants=(1, 2),
    )
