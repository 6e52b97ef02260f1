"""Random single-op cases: an op, its inputs, and a model of them."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from bifsmn_tf.deployment import ops
from bifsmn_tf.deployment.model_writer import ModelWriter
from bifsmn_tf.deployment.packing import pack_bits
from bifsmn_tf.deployment.packing import words_for

SIGNATURE = "run"


@dataclasses.dataclass
class OpCase:
    """An op with values for its inputs; `constants` are in the model file."""

    name: str
    op: ops.Op
    inputs: list[np.ndarray | None]
    constants: tuple[int, ...]
    outputs: int = 1

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
        specs = self.op.output_specs(
            *(None if x is None else x.shape for x in self.inputs)
        )[: self.outputs]
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
    """Random packed bits of `[..., channels]`."""
    return pack_bits(rng.choice([-1, 1], shape))


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


def _affine(rng, channels):
    return [
        rng.normal(size=channels).astype(np.float32),
        rng.normal(size=channels).astype(np.float32),
        rng.uniform(-0.5, 1.5, channels).astype(np.float32),
        rng.normal(size=channels).astype(np.float32),
    ]


def quant_conv2d(rng, name) -> OpCase:
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
    return OpCase(
        name,
        ops.QuantConv2D(**attributes, inverse_scale=scale),
        [
            features,
            rng.integers(-128, 128, (outputs, *kernel, channels), np.int8),
            rng.integers(-3000, 3000, outputs, np.int32),
            random_bits(rng, outputs),
        ],
        constants=(1, 2, 3),
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
    bits = random_bits(rng, int(rng.integers(1, 4)), *size, channels)
    weights = random_bits(rng, outputs, *kernel, channels)
    return attributes, bits, weights, outputs


def conv2d(rng, name) -> OpCase:
    attributes, bits, weights, outputs = _binary(rng)
    thresholds = rng.integers(-40, 41, outputs, np.int16)
    extremes = rng.random(outputs) < 0.1
    thresholds[extremes] = rng.choice([-32768, 32767], extremes.sum())
    return OpCase(
        name,
        ops.Conv2D(**attributes),
        [bits, weights, thresholds, random_bits(rng, outputs)],
        constants=(1, 2, 3),
    )


def conv2d_add(rng, name) -> OpCase:
    attributes, bits, weights, outputs = _binary(rng)
    op = ops.Conv2DAdd(**attributes)
    shape = op.output_specs(bits.shape, weights.shape)[0].shape
    inputs = [bits, weights, *_affine(rng, outputs)]
    residual = rng.integers(3)
    if residual == 0:
        inputs.append(rng.normal(scale=9, size=shape).astype(np.float32))
    elif residual == 1:
        inputs.append(None)
    return OpCase(
        name,
        op,
        inputs,
        constants=(1, 2, 3, 4, 5),
        outputs=int(rng.integers(1, 3)),
    )


def memory(rng, name) -> OpCase:
    channels = _channels(rng)
    op = ops.Memory(
        channels,
        look_back=int(rng.choice([0, 1, 5, 10, 300])),
        look_ahead=int(rng.choice([0, 1, 5, 10])),
        stride_back=int(rng.integers(1, 4)),
        stride_ahead=int(rng.integers(1, 4)),
    )
    shape = (int(rng.integers(1, 4)), int(rng.integers(1, 60)), 1, channels)
    return OpCase(
        name,
        op,
        [
            random_bits(rng, *shape),
            rng.normal(scale=9, size=shape).astype(np.float32),
            random_bits(rng, op.taps, channels),
            *_affine(rng, channels),
        ],
        constants=(2, 3, 4, 5, 6),
        outputs=int(rng.integers(1, 3)),
    )


MAKERS = (quant_conv2d, conv2d, conv2d_add, memory)


def random_cases(count: int, seed: int = 0) -> Iterator[OpCase]:
    """`count` cases of every op."""
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
    bits[0, 1, 0, -1] &= 0x7FFF
    bits[0, 2] = pack_bits(-np.ones(terms))
    affine = [np.ones(2), np.zeros(2), np.ones(2), np.zeros(2)]
    yield OpCase(
        "most_binary_terms",
        ops.Conv2DAdd(terms),
        [bits, weights, *(x.astype(np.float32) for x in affine)],
        constants=(1, 2, 3, 4, 5),
        outputs=2,
    )
    yield OpCase(
        "most_binary_terms_of_one_channel",
        ops.Conv2D(1, pad_top=40, pad_left=40),
        [
            np.ones((1, 127, 129, 1), np.int16),
            np.zeros((3, 127, 129, 1), np.int16),
            np.array([-terms, 0, terms], np.int16),
            np.zeros(words_for(3), np.int16),
        ],
        constants=(1, 2, 3),
    )
    channels = ops.MAX_QUANTIZED_TERMS
    limit = -128 * -128 * channels
    yield OpCase(
        "most_quantized_terms",
        ops.QuantConv2D(),
        [
            np.full((1, 1, 1, channels), -1e9, np.float32),
            np.full((2, 1, 1, channels), -128, np.int8),
            np.array([limit, limit + 1], np.int32),
            np.zeros(1, np.int16),
        ],
        constants=(1, 2, 3),
    )
