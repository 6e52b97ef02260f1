"""The fused training ops are what the layers define, gradients included."""

import collections
import os
import subprocess
import sys
import types

import numpy as np
import pytest

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import losses
from bifsmn_tf.errors import UserError
from bifsmn_tf.network import architectures
from bifsmn_tf.network import fused
from bifsmn_tf.network import layers
from bifsmn_tf.network import quantizers
from bifsmn_tf.network import topology
from bifsmn_tf.network.block import Block
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.training import schedule

_SIZES = {"memory_size": 24, "hidden_size": 40, "blocks": 4, "frames": 12}


@pytest.fixture(autouse=True)
def _forced():
    """These tests are about the library, also where it is not the default."""
    with fused.forced():
        yield


def test_the_library_is_in_use():
    assert fused.enabled()
    with fused.disabled():
        assert not fused.enabled()
        with fused.forced():
            assert fused.enabled()
        assert not fused.enabled()
    assert fused.enabled()


_ASK = (
    "from bifsmn_tf.network import fused\n"
    "print(fused.enabled(), fused._counts_bits())"
)


def test_a_library_of_another_version(tmp_path, monkeypatch):
    path = tmp_path / "library.so"
    source = tmp_path / "library.c"
    source.write_text("int nothing;")
    subprocess.run(["cc", "-shared", "-o", path, source], check=True)
    monkeypatch.setattr(fused, "LIBRARY", path)
    fused._library.cache_clear()
    try:
        with pytest.raises(UserError, match="another version.*BIFSMN_FUSED=0"):
            fused.isa()
    finally:
        fused._library.cache_clear()


@pytest.mark.parametrize("setting", ["0", "1", None])
def test_the_environment_chooses_and_otherwise_the_processor(setting):
    variables = {} if setting is None else {"BIFSMN_FUSED": setting}
    environment = {k: v for k, v in os.environ.items() if k != "BIFSMN_FUSED"}
    enabled, counts_bits = subprocess.run(
        [sys.executable, "-c", _ASK],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert enabled == {"0": "False", "1": "True", None: counts_bits}[setting]


@pytest.mark.parametrize("counts_bits", [False, True])
def test_by_default_only_where_signs_are_counted(monkeypatch, counts_bits):
    ops = ["bifsmn_epilogue"] + counts_bits * ["bifsmn_sign_product"]
    library = types.SimpleNamespace(**dict.fromkeys(ops))
    monkeypatch.setattr(fused, "_library", lambda: library)
    monkeypatch.setattr(fused, "_choice", None)
    assert fused.enabled() == fused.multiplies_signs() == counts_bits
    with fused.forced():
        assert fused.enabled()
        assert fused.multiplies_signs() == counts_bits


def _vary(layer):
    """Gives every parameter its own value."""
    rng = np.random.default_rng(1)
    for variable in layer.trainable_variables:
        noise = 0.1 * rng.normal(size=variable.shape)
        variable.assign_add(noise.astype(np.float32))


@pytest.mark.parametrize("surrogate", ["sign", "approx_sign"])
@pytest.mark.parametrize("prelu", ["channel", "shared"])
@pytest.mark.parametrize("variants", [1, 3])
@pytest.mark.parametrize("residual", [False, True])
def test_an_epilogue_and_its_gradients_are_those_of_the_layers(
    surrogate, prelu, variants, residual
):
    config = architectures.bifsmn(
        5, **_SIZES, prelu=prelu, activation_quantizer=f"bifsmn_{surrogate}"
    )
    set_random_seed(0)
    # As many depths run through this block.
    number = {1: 1, 3: 4}[variants]
    ordered = [n for n in topology.nodes(config) if n.block == number]
    block = Block(config, ordered)
    block.build()
    memory, expand, _ = block.stages.values()
    _vary(block)
    rng = np.random.default_rng(0)
    z, skip, dy, ds = (
        tf.constant(rng.normal(size=(7, 3, variants, 24)), tf.float32)
        for _ in range(4)
    )
    parameters = [
        *memory.norm.trainable_variables,
        *memory.prelu.trainable_variables,
        *expand.sign.trainable_variables,
    ]

    def run():
        with tf.GradientTape() as tape:
            tape.watch([z, skip])
            values, signs = memory.epilogue(
                z, skip if residual else None, follower=expand
            )
            loss = tf.reduce_sum(values * dy + signs * ds)
        sources = [z, *([skip] if residual else []), *parameters]
        return values, signs, tape.gradient(loss, sources)

    values, signs, gradients = run()
    with fused.disabled():
        expected_values, expected_signs, expected = run()
    np.testing.assert_allclose(values, expected_values, atol=1e-5)
    margin = np.abs(values - expand.sign.thresholds)
    assert margin.min() > 1e-5, "another seed: rounding decides a sign"
    np.testing.assert_array_equal(signs, expected_signs)
    for mine, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)
    inputs_only, _ = memory.epilogue(z, skip)
    np.testing.assert_allclose(
        inputs_only, skip + memory.prelu(memory.norm(z)), atol=1e-5
    )


def test_a_network_and_its_statistics_are_those_of_the_layers():
    rng = np.random.default_rng(0)
    features = tf.constant(rng.normal(size=(6, 12, 32)), tf.float32)

    def run():
        set_random_seed(0)
        network = FSMN(architectures.dfsmn(5, **_SIZES, dropout=0))
        _vary(network)
        with tf.GradientTape() as tape:
            (logits,), _ = network.forward(features)
            loss = tf.reduce_sum(tf.square(logits))
        return network, tape.gradient(loss, network.trainable_variables)

    network, gradients = run()
    with fused.disabled():
        other, expected = run()
    for variable, mine, theirs in zip(
        network.trainable_variables, gradients, expected, strict=True
    ):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(
            mine, theirs, atol=1e-4 * scale + 3e-4, err_msg=variable.name
        )
    for mine, theirs in zip(
        network.non_trainable_variables,
        other.non_trainable_variables,
        strict=True,
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("two_bit_sites", [(), ("conv2",)])
@pytest.mark.parametrize("surrogate", ["sign", "approx_sign"])
def test_levels_and_their_gradients_are_those_of_the_layer(
    two_bit_sites, surrogate
):
    rng = np.random.default_rng(0)
    network = FSMN(
        architectures.bifsmn(
            5,
            **_SIZES,
            two_bit_sites=two_bit_sites,
            activation_quantizer=f"bifsmn_{surrogate}",
        )
    )
    stage = network.stages["conv2"]
    _vary(stage.sign)
    x = tf.constant(2 * rng.normal(size=(6, 5, 16, 16)), tf.float32)
    dy = tf.constant(rng.normal(size=x.shape), tf.float32)

    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = stage.read(x)
            loss = tf.reduce_sum(y * dy)
        return y, tape.gradient(loss, [x, *stage.sign.trainable_variables])

    (levels, gradients), count = run(), len(stage.sign.trainable_variables)
    with fused.disabled():
        expected, theirs = run()
    np.testing.assert_array_equal(levels, expected)
    assert len(np.unique(levels)) == (4 if two_bit_sites else 2)
    assert count == (3 if two_bit_sites else 1)
    for mine, other in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("prelu", ["channel", "shared"])
def test_a_frozen_network_is_that_of_the_layers(prelu):
    set_random_seed(0)
    teacher = FSMN(architectures.dfsmn(5, **_SIZES, dropout=0, prelu=prelu))
    _vary(teacher)
    rng = np.random.default_rng(0)
    features = tf.constant(rng.normal(size=(3, 12, 32)), tf.float32)
    expected_logits, expected = teacher.infer(features, 1)
    with fused.frozen():
        logits, states = teacher.infer(features, 1)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-4, atol=1e-4)
    for number, state in states.items():
        np.testing.assert_allclose(
            state, expected[number], rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("shape", [(3, 8, 2, 16), (5, 7, 1, 37), (2, 1, 3, 1)])
def test_the_attention_distance_and_its_gradient_are_those_of_the_losses(shape):
    rng = np.random.default_rng(0)
    batch, time, variants, channels = shape
    states = tf.constant(rng.normal(size=shape), tf.float32)
    teacher = tf.constant(rng.normal(size=(batch, time, channels)), tf.float32)
    weights = tf.constant(rng.normal(size=(batch, variants)), tf.float32)

    def run(emphasised):
        maps = losses.teacher_attention(teacher, emphasised)
        with tf.GradientTape() as tape:
            tape.watch(states)
            distances = losses.attention_distance(states, maps)
            loss = tf.reduce_sum(distances * weights)
        return maps, distances, tape.gradient(loss, states)

    for emphasised in (False, True):
        found = run(emphasised)
        with fused.disabled():
            expected = run(emphasised)
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_states_without_energy_have_the_bounds_of_the_losses():
    student = tf.zeros((2, 4, 3, 6))
    # Deviations below and above the smallest that is divided by.
    ripple = np.where(np.arange(24).reshape(4, 6) % 5, 1.0, -1.0)
    teacher = tf.constant(np.stack([1e-7 * ripple, 3e-6 * ripple]), tf.float32)
    for states in (teacher, tf.zeros_like(teacher)):
        maps = losses.teacher_attention(states, True)
        found = losses.attention_distance(student, maps)
        with fused.disabled():
            expected_maps = losses.teacher_attention(states, True)
            expected = losses.attention_distance(student, expected_maps)
        np.testing.assert_allclose(maps, expected_maps, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("shape", [(5, 5, 3, 20), (5, 7), (64, 33)])
def test_the_scaled_sign_and_its_gradient_are_those_of_the_quantizer(shape):
    rng = np.random.default_rng(0)
    kernel = tf.constant(rng.normal(size=shape), tf.float32)
    upstream = tf.constant(rng.normal(size=shape), tf.float32)
    quantizer = quantizers.ScaledSign()

    def run():
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            quantized = quantizer(kernel)
            loss = tf.reduce_sum(quantized * upstream)
        return quantized, tape.gradient(loss, kernel)

    found = run()
    with fused.disabled():
        expected = run()
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_the_ops_run_in_a_graph_that_does_not_know_the_batch():
    threshold = tf.constant([[0.5, -0.5, 0.0]])

    @tf.function(input_signature=[tf.TensorSpec((None, 2, 1, 3))])
    def signs(x):
        return fused.sign(x, threshold, "ste")

    x = tf.constant([[[[0.5, -0.6, 0.0]], [[0.4, -0.5, -1e-9]]]])
    np.testing.assert_array_equal(signs(x), [[[[1, -1, 1]], [[-1, 1, -1]]]])
    assert signs.get_concrete_function().outputs[0].shape[1:] == (2, 1, 3)


def test_a_parameter_of_another_size_is_refused():
    library = fused._library()
    with pytest.raises(tf.errors.InvalidArgumentError, match="input 1 has 5"):
        library.bifsmn_sign(tf.zeros((6, 4)), tf.zeros(5))
    with pytest.raises(tf.errors.InvalidArgumentError, match="no matrix"):
        library.bifsmn_sign(tf.zeros(4), tf.zeros(4))


needs_library = pytest.mark.skipif(
    fused._library() is None, reason="the training library is not here"
)


def levels(rng, shape, step):
    """Signs, or levels of two bits where there is a step."""
    values = [-3, -1, 1, 3] if step else [-1, 1]
    return tf.constant((step or 1) * rng.choice(values, shape), tf.float32)


def assert_native_is_as_layer(layer, inputs, step, rng):
    """Its outputs to the last bit, its gradients but for roundings."""
    dz = tf.constant(rng.normal(size=layer(inputs).shape), tf.float32)

    def run(native):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            z = layer.of_levels(inputs, step) if native else layer(inputs)
            loss = tf.reduce_sum(z * dz)
        return z, *tape.gradient(loss, [inputs, layer.kernel])

    # Also where the library does not serve by itself.
    with fused.forced():
        mine = run(True)
    theirs = run(False)
    np.testing.assert_array_equal(mine[0], theirs[0])
    for one, other in zip(mine[1:], theirs[1:], strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@needs_library
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 33, 17), (64, 128, 256)])
@pytest.mark.parametrize("step", [0.0, layers.TWO_BIT_STEP])
def test_a_product_of_levels_and_its_gradients_are_those_of_floats(shape, step):
    rows, inputs, units = shape
    rng = np.random.default_rng(0)
    set_random_seed(0)
    layer = layers.BinaryDense(units)
    layer.build((None, inputs))
    x = levels(rng, (3, rows, inputs), step)
    assert_native_is_as_layer(layer, x, step, rng)


@needs_library
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "shape", [(7, 16, 16, 16), (33, 12, 5, 3), (1, 5, 6, 9)]
)
@pytest.mark.parametrize("step", [0.0, layers.TWO_BIT_STEP])
@pytest.mark.parametrize("strides", [1, 2])
def test_a_convolution_has_the_gradients_of_floats(
    streaming, shape, step, strides
):
    rng = np.random.default_rng(0)
    set_random_seed(0)
    layer = layers.BinaryConv2D(20, 5, strides, streaming=streaming)
    layer.build(layer.padded(tf.zeros(shape)).shape)
    assert_native_is_as_layer(layer, levels(rng, shape, step), step, rng)


@needs_library
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("shape", [(7, 32, 32, 1), (3, 12, 9, 2), (1, 5, 6, 1)])
def test_a_first_convolution_has_the_gradients_of_floats(streaming, shape):
    rng = np.random.default_rng(0)
    set_random_seed(0)
    layer = layers.FirstConv2D(13, 5, 2, streaming=streaming)
    layer.build(layer.padded(tf.zeros(shape)).shape)
    x = tf.constant(rng.normal(size=shape), tf.float32)
    dz = tf.constant(rng.normal(size=layer(x).shape), tf.float32)

    def run(convolve):
        with tf.GradientTape() as tape:
            z = convolve(x)
            loss = tf.reduce_sum(z * dz)
        return z, tape.gradient(loss, layer.kernel)

    with fused.forced():
        mine = run(layer.natively)
    theirs = run(layer)
    np.testing.assert_array_equal(mine[0], theirs[0])
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-4, atol=1e-4)


@needs_library
def test_gradients_of_other_sizes_are_refused():
    library = fused._library()
    x, y, dz = tf.zeros((6, 4)), tf.zeros((4, 3)), tf.zeros((6, 3))
    for wrong in (
        lambda: library.bifsmn_sign_input_gradient(dz=dz, y=tf.zeros((4, 2))),
        lambda: library.bifsmn_sign_kernel_gradient(x=x, dz=dz[:5]),
        lambda: library.bifsmn_sign_input_gradient(dz=dz, y=y, kernel_width=3),
        lambda: library.bifsmn_sign_input_gradient(dz=dz, y=y, out_height=5),
        lambda: library.bifsmn_sign_kernel_gradient(x=x, dz=dz, width=3),
        lambda: library.bifsmn_sign_kernel_gradient(x=x, dz=dz, out_height=4),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="not fit"):
            wrong()
    for name in ("height", "kernel_height", "stride_width", "out_width"):
        for size in (0, -1, 1 << 40):
            with pytest.raises(
                tf.errors.InvalidArgumentError, match="impossible"
            ):
                library.bifsmn_sign_kernel_gradient(x=x, dz=dz, **{name: size})


def test_only_what_is_one_bit_is_multiplied_as_bits(monkeypatch):
    counted = []

    def count(signs, kernel):
        counted.append((signs.shape[-1], kernel.shape[-1]))
        np.testing.assert_array_equal(np.abs(signs), 1)
        magnitudes = np.abs(kernel)
        np.testing.assert_array_equal(magnitudes, magnitudes[:1] + 0 * kernel)
        return tf.matmul(signs, kernel)

    monkeypatch.setattr(fused, "multiplies_signs", lambda: True)
    monkeypatch.setattr(fused, "sign_product", count)
    features = tf.zeros((2, 12, 32))
    network = FSMN(architectures.bifsmn(5, **_SIZES))
    network.forward(features)
    assert len(counted) == 1 + 2 * _SIZES["blocks"]
    counted.clear()
    FSMN(architectures.dfsmn(5, **_SIZES)).forward(features)
    for changes in (
        {"dual_activations": True},
        {"learned_window": True},
        {"kernel_quantizer": "bifsmn_xnor_kernel"},
    ):
        FSMN(architectures.bifsmn(5, **_SIZES, **changes)).forward(features)
    assert not counted


@needs_library
def test_what_is_in_front_of_a_layer_says_who_computes_its_gradients(
    monkeypatch,
):
    """Convolution, projection, shrink and expand; not what has no levels."""
    found = []
    real = fused.level_gradients

    def gradients(inputs, kernel, dz, **settings):
        found.append((kernel.shape.rank, settings.get("step", 0.0)))
        return real(inputs, kernel, dz, **settings)

    monkeypatch.setattr(fused, "level_gradients", gradients)
    features = tf.zeros((2, 12, 32))

    def of(**changes):
        found.clear()
        network = FSMN(architectures.bifsmn(5, **_SIZES, **changes))
        with fused.forced(), tf.GradientTape() as tape:
            logits, _ = network.forward(features)
            loss = tf.add_n([tf.reduce_sum(x) for x in tf.nest.flatten(logits)])
        tape.gradient(loss, network.trainable_variables)
        return collections.Counter(found)

    pointwise = 1 + 2 * _SIZES["blocks"]
    step = layers.TWO_BIT_STEP
    assert of() == {(4, 0.0): 1, (2, 0.0): pointwise}
    assert of(two_bit_sites=("conv2", "projection")) == {
        (4, step): 1,
        (2, step): 1,
        (2, 0.0): pointwise - 1,
    }
    assert not of(dual_activations=True)
    assert not of(kernel_quantizer="bifsmn_xnor_kernel")


@pytest.mark.parametrize("taps", [(0, 0), (2, 2), (4, 1)])
@pytest.mark.parametrize("shape", [(3, 8, 2, 16), (2, 3, 3, 37), (1, 1, 1, 5)])
def test_a_memory_and_its_gradients_are_those_of_the_layer(shape, taps):
    rng = np.random.default_rng(0)
    x, dy = (tf.constant(rng.normal(size=shape), tf.float32) for _ in range(2))
    set_random_seed(0)
    layer = layers.MemoryFilter(*taps)
    layer.build((None, *shape[1:]))

    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(y * dy)
        return [y, *tape.gradient(loss, [x, layer.kernel])]

    found = run()
    with fused.disabled():
        expected = run()
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("in_graph", [False, True])
def test_adam_is_that_of_keras(in_graph):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(7, 37)).astype(np.float32)
    gradients = rng.normal(size=(5, 7, 37)).astype(np.float32)

    def run(optimizer):
        variable = tf.Variable(start)

        def step(gradient):
            # One that is being read keeps what it was.
            before = variable.read_value()
            optimizer.apply_gradients([(gradient, variable)])
            return before

        step = tf.function(step) if in_graph else step
        history = []
        for gradient in gradients:
            before = variable.numpy()
            np.testing.assert_array_equal(step(gradient), before)
            history.append(variable.numpy())
        return history, [w.numpy() for w in optimizer.weights]

    rate = schedule.Schedule(1e-2, 5, 2, "cosine")
    found, slots = run(schedule.Adam(rate))
    expected, their_slots = run(tf.keras.optimizers.legacy.Adam(rate))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(slots, their_slots, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)
    assert not np.allclose(found[-1], start, atol=1e-3)
