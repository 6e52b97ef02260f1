"""Seeds of the fuzzers: right models of every op, small and quick.

python tests/fuzz/seeds.py     # writes tests/fuzz/corpus anew, by TensorFlow
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from op_cases import random_bits
from op_cases import random_cases

from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.model_file import ops
from bifsmn_tf.model_file.writer import ModelWriter

CORPUS = Path(__file__).with_name("corpus")
"""Whole models, small ones: of clips from sound and features, of streams."""


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


def log_mel(seed: int) -> bytes:
    """A front end: sound in, features out."""
    rng = np.random.default_rng(seed)
    parameters = FeatureParameters(
        sample_rate=8000,
        n_fft=256,
        hop=int(rng.integers(80, 200)),
        n_mels=int(rng.integers(5, 20)),
        f_min=60,
        f_max=3800,
    )
    writer = ModelWriter("front end")
    graph = writer.subgraph("main")
    dtype = rng.choice([np.float32, np.int16])
    sound = graph.input("audio", (1, int(rng.integers(256, 1500))), dtype)
    op = ops.LogMel.of(parameters, FeatureStatistics(-37.5, 21.25))
    (spec,) = op.output_specs(sound)
    (features,) = graph.custom_op(op, [sound], [("features", *spec)])
    graph.output("features", features)
    writer.signature("run", graph)
    return writer.build()


def seeds(seed: int) -> list[bytes]:
    """The corpus, and random models of every op."""
    models = [path.read_bytes() for path in sorted(CORPUS.glob("*.tflite"))]
    models += [case.model() for case in random_cases(6, seed=seed)]
    models += [make(seed + i) for make in (chain, log_mel) for i in range(6)]
    return models


def main() -> None:
    """Writes the corpus."""
    from networks import describe
    from networks import random_network

    from bifsmn_tf.conversion.binary import convert_binary
    from bifsmn_tf.network import architectures

    sizes = {
        "classes": 3,
        "mels": 8,
        "front_channels": 4,
        "memory_size": 12,
        "hidden_size": 16,
        "blocks": 2,
        "deltas": (1, 2),
    }
    features = dataclasses.replace(BOARD_FEATURES, n_mels=8)
    CORPUS.mkdir(exist_ok=True)
    for name, make, options, audio in (
        ("clips", architectures.bifsmn, {}, "features"),
        ("sound", architectures.bifsmn_s, {}, "logits"),
        ("stream", architectures.bifsmn_stream, {}, "features"),
    ):
        config = make(**sizes, **options)
        model = convert_binary(
            random_network(config), describe(config, features), audio=audio
        )
        (CORPUS / f"{name}.tflite").write_bytes(model.content)
        print(f"{name}: {len(model.content)} bytes, {model.signatures}")


if __name__ == "__main__":
    main()
