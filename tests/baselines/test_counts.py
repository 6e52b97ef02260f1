import numpy as np
import pytest

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.audiomer import audiomer
from bifsmn_tf.baselines.bc_resnet import bc_resnet
from bifsmn_tf.baselines.counts import cost
from bifsmn_tf.baselines.counts import macs
from bifsmn_tf.baselines.counts import parameters
from bifsmn_tf.baselines.ds_cnn import ds_cnn
from bifsmn_tf.baselines.layers import BINARIZERS
from bifsmn_tf.baselines.tflite_converter import convert


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (tf.keras.layers.Conv2D(6, (3, 2), padding="same"), 8 * 7 * 6 * 18),
        (tf.keras.layers.Conv2D(6, 3, 2), 3 * 3 * 6 * 27),
        (tf.keras.layers.DepthwiseConv2D((3, 2)), 6 * 6 * 3 * 6),
        (tf.keras.layers.Dense(5), 8 * 7 * 3 * 5),
        (tf.keras.layers.ReLU(), 0),
    ],
)
def test_macs_of_one_layer(layer, expected):
    shape = (8, 7, 3)
    inputs = tf.keras.layers.Input(shape)
    model = tf.keras.Model(inputs, layer(inputs))
    assert macs(convert(model, shape)) == expected
    samples = np.random.default_rng(0).normal(size=(3, *shape))
    assert macs(convert(model, shape, samples)) == expected


def test_statistics_are_no_parameters():
    inputs = tf.keras.layers.Input((4,))
    norm = tf.keras.layers.BatchNormalization()
    assert parameters(tf.keras.Model(inputs, norm(inputs))) == 8


@pytest.mark.parametrize("make", [ds_cnn, bc_resnet])
def test_a_model_costs_what_its_file_does(make):
    model = make(5, input_shape=(32, 32, 1))
    counted = cost(model)
    assert counted.macs == macs(convert(model, (32, 32, 1)))
    assert counted.parameters == parameters(model)
    assert counted.one_bit_macs == counted.one_bit_parameters == 0


@pytest.mark.parametrize(("name", "scalings"), [("irnet", 1), ("xnor", 2)])
def test_one_bit_layers(name, scalings):
    made = BINARIZERS[name]
    inputs = tf.keras.layers.Input((8, 7, 3))
    x = made.conv2d(6, 3, padding="same")(inputs)
    x = tf.keras.layers.BatchNormalization()(x)
    x = tf.keras.layers.Flatten()(x)
    x = made.dense(5)(x)
    found = cost(tf.keras.Model(inputs, tf.keras.layers.Dense(2)(x)))
    outputs = 8 * 7 * 6
    conv, dense = outputs * 27, outputs * 5
    assert found.macs == conv + dense + 10
    assert found.one_bit_macs == conv + dense
    assert found.one_bit_parameters == 27 * 6 + dense
    assert found.paper_flops == pytest.approx(
        (conv + outputs + dense) / 64
        + scalings * (outputs + 5)
        + 2 * outputs
        + 10
    )
    assert found.to_dict()["paper_mflops_batch_128"] == pytest.approx(
        128e-6 * found.paper_flops
    )


def test_attention_is_counted_with_its_lengths():
    model = audiomer(3, (64, 1, 1), size="s")
    layers = [x for x in model.layers if type(x).__name__ == "LinearAttention"]
    between = sum(
        x.macs(x.input_shape[0][1], x.input_shape[1][1]) for x in layers
    )
    assert len(layers) == 9 and between > 0
    assert cost(model).macs > between
