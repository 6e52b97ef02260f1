import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.tflite_converter import convert
from bifsmn_tf.runtime.interpreter import make_interpreter

SHAPE = (9, 8, 1)


@pytest.fixture(scope="module")
def model():
    """Small, with what the baselines have: all its values random."""
    layers = tf.keras.layers
    tf.random.set_seed(0)
    inputs = layers.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("swish")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.DepthwiseConv2D((3, 1), dilation_rate=(2, 1))(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = tf.keras.Model(inputs, layers.Dense(5)(x))
    for variable in model.variables:
        noise = tf.random.normal(variable.shape, stddev=0.3)
        variable.assign_add(tf.abs(noise))
    return model


@pytest.fixture(scope="module")
def samples():
    return np.random.default_rng(0).normal(size=(30, *SHAPE))


def test_float_is_the_keras_model(model, samples):
    run = make_interpreter(convert(model, SHAPE)).get_signature_runner()
    for sample in samples[:5].astype(np.float32):
        logits = run(features=sample[np.newaxis])["logits"]
        expected = model(sample[np.newaxis])
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_int8_is_integers_throughout(model, samples):
    content = convert(model, SHAPE, samples)
    interpreter = make_interpreter(content)
    interpreter.allocate_tensors()
    types = {x["dtype"] for x in interpreter.get_tensor_details()}
    assert types <= {np.int8, np.int32}
    assert len(content) != len(convert(model, SHAPE))
    run = interpreter.get_signature_runner("serving_default")
    (details,) = run.get_input_details().values()
    (output,) = run.get_output_details().values()
    assert details["dtype"] == output["dtype"] == np.int8
    scale, zero = details["quantization"]
    out_scale, out_zero = output["quantization"]
    expected = model(samples.astype(np.float32)).numpy()
    for sample, wanted in zip(samples, expected, strict=True):
        integers = np.clip(np.round(sample / scale + zero), -128, 127)
        logits = run(features=integers[np.newaxis].astype(np.int8))["logits"]
        found = out_scale * (logits[0].astype(np.float32) - out_zero)
        np.testing.assert_allclose(found, wanted, atol=0.1 * np.ptp(expected))


def test_functions_of_variables(samples):
    weights = tf.Variable(tf.random.normal((8, 2)))
    content = convert(lambda x: tf.linalg.matmul(x[..., 0], weights), SHAPE)
    sample = samples[:1].astype(np.float32)
    run = make_interpreter(content).get_signature_runner()
    np.testing.assert_allclose(
        run(features=sample)["logits"],
        sample[..., 0] @ weights.numpy(),
        atol=1e-5,
    )


def test_samples_of_another_shape(model, samples):
    with pytest.raises(
        ValueError, match=r"shape \(30, 9, 7, 1\), not \(n, 9, 8, 1\)"
    ):
        convert(model, SHAPE, samples[:, :, :7])
