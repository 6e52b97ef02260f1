"""Baselines as networks: shapes, states, one-bit parts, a step of training."""

import numpy as np
import pytest

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.baselines import audiomer
from bifsmn_tf.baselines.layers import BINARIZERS
from bifsmn_tf.baselines.network import BASELINES
from bifsmn_tf.baselines.network import BaselineConfig
from bifsmn_tf.baselines.network import BaselineNetwork
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.network.quantizers import ErrorDecayEstimator

# The large ones of a kind are left out: they are the small ones, wider.
SMALL = ["ds_cnn", "bc_resnet_1", "fsmn", "audiomer_s"]


def _clips(config, count):
    shape = BASELINES[config.baseline].features.shape
    rng = np.random.default_rng(0)
    labels = rng.integers(0, config.classes, count).astype(np.int32)
    # A pattern for each class, which signs show as well.
    patterns = rng.normal(size=(config.classes, *shape))
    features = patterns[labels] + 0.3 * rng.normal(size=(count, *shape))
    return features.astype(np.float32), labels


@pytest.mark.parametrize("baseline", BASELINES)
def test_shapes(baseline):
    config = BaselineConfig(baseline, 5)
    network = BaselineNetwork(config)
    features, _ = _clips(config, 2)
    logits, states = network.infer(features)
    assert logits.shape == (2, 5)
    assert list(states) == list(range(1, config.blocks + 1))
    (trained,), states = network.forward(features, tf.constant([0, 0]))
    assert trained.shape == (2, 5)
    assert network(features).shape == (2, 1, 5)
    for state in states.values():
        assert state.shape == (2, 32, 1, config.memory_size)


@pytest.mark.parametrize("baseline", [*SMALL, "vgg19_bn"])
def test_all_but_the_first_layer_and_the_classifier_are_one_bit(baseline):
    model = BaselineConfig(baseline, 5, "sign").make()
    full = [
        layer.name
        for layer in model.layers
        if (hasattr(layer, "kernel") or hasattr(layer, "depthwise_kernel"))
        and not _one_bit(layer)
    ]
    # The waveform goes into three layers of Audiomer.
    assert len(full) == (4 if baseline.startswith("audiomer") else 2)
    assert full[-1] == "logits"
    binary = [layer for layer in model.layers if _one_bit(layer)]
    assert binary
    for layer in binary:
        with lq.context.quantized_scope(True):
            kernel = layer.get_weights()[0]
        # One magnitude a channel, so as many as there are outputs.
        outputs = np.prod(kernel.shape[-2:]) if "depth" in layer.name else 0
        assert len(np.unique(np.abs(kernel))) <= max(outputs, kernel.shape[-1])


def _one_bit(layer):
    quantizer = getattr(layer, "depthwise_quantizer", None) or getattr(
        layer, "kernel_quantizer", None
    )
    reads = getattr(layer, "input_quantizer", None)
    return bool(quantizer and reads) and quantizer.precision == 1


@pytest.fixture
def short_audiomer(monkeypatch):
    """Two blocks, which are traced in seconds."""
    monkeypatch.setitem(audiomer.WIDTHS, "s", (4, 8))


@pytest.mark.parametrize(
    ("baseline", "binarizer"),
    [
        *(
            (baseline, name)
            for baseline in ("ds_cnn", "fsmn")
            for name in BINARIZERS
        ),
        ("bc_resnet_1", "none"),
        ("audiomer_s", "none"),
    ],
)
def test_training_decreases_the_loss(short_audiomer, baseline, binarizer):
    set_random_seed(0)
    config = BaselineConfig(baseline, 3, binarizer)
    network = BaselineNetwork(config)
    trainer = Trainer(network, None, LossConfig(distillation="none"))
    rate = {"fsmn": 1e-3, "ds_cnn": 1e-2}.get(baseline, 3e-3)
    if binarizer == "xnor":
        rate = 1e-2
    trainer.compile(optimizer=tf.keras.optimizers.legacy.Adam(rate))
    # A clip has eight thousand samples, or a thousand features.
    count = 6 if baseline == "audiomer_s" else 24
    dataset = tf.data.Dataset.from_tensors(_clips(config, count)).repeat(10)
    # IR-Net's gradients are small at first.
    epochs = 2 if baseline == "ds_cnn" and binarizer != "irnet" else 4
    losses = [
        trainer.fit(dataset, verbose=0).history["loss"][0]
        for _ in range(epochs)
    ]
    # With three seeds each, 0.74 of it is left at the most.
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("binarizer", ["xnor", "irnet"])
def test_a_gradient_reaches_every_weight(binarizer):
    """A deep binary one takes longer to learn than a test may."""
    set_random_seed(0)
    config = BaselineConfig("bc_resnet_1", 3, binarizer)
    network = BaselineNetwork(config)
    features, labels = _clips(config, 24)
    classifier = network.model.get_layer("logits")
    classifier.kernel.assign(tf.random.normal(classifier.kernel.shape))
    with tf.GradientTape() as tape:
        (logits,), _ = network.forward(features)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    gradients = tape.gradient(loss, network.trainable_variables)
    for variable, gradient in zip(
        network.trainable_variables, gradients, strict=True
    ):
        assert np.isfinite(gradient).all(), variable.name
        assert np.abs(gradient).max() > 0, variable.name


@pytest.mark.parametrize("method", ["hed", "plain"])
def test_states_of_fsmn_are_distilled(method):
    set_random_seed(0)
    teacher = BaselineNetwork(BaselineConfig("fsmn", 3))
    student = BaselineNetwork(BaselineConfig("fsmn", 3, "sign"))
    trainer = Trainer(student, teacher, LossConfig(method, gamma=10.0))
    trainer.compile(optimizer=tf.keras.optimizers.legacy.Adam(1e-3))
    dataset = tf.data.Dataset.from_tensors(_clips(student.config, 16))
    distances = [
        trainer.fit(dataset, verbose=0).history["distillation_delta_1"][0]
        for _ in range(8)
    ]
    assert 0 < distances[-1] < distances[0]


def test_the_progress_of_a_training_reaches_irnets_quantizers():
    network = BaselineNetwork(BaselineConfig("fsmn", 3, "irnet"))
    network.set_progress(0.5)
    progress = [
        float(m.progress)
        for m in network.submodules
        if isinstance(m, ErrorDecayEstimator)
    ]
    # Weights and inputs of three layers in each of eight, but one fc1.
    assert progress == [0.5] * 2 * (3 * 8 - 1)


def test_configurations():
    config = BaselineConfig("audiomer_s", 4, "irnet")
    assert BaselineConfig.from_dict(config.to_dict()) == config
    assert config.input_shape == (8192, 1, 1)
    assert BaselineConfig("fsmn", 4).input_shape == (32, 32, 1)
    with pytest.raises(ValueError, match="no baseline 'lstm': one of ds_cnn"):
        BaselineConfig("lstm", 4)
    with pytest.raises(ValueError, match="no binarizer 'bits'"):
        BaselineConfig("fsmn", 4, "bits")
    with pytest.raises(ValueError, match="no delta 2"):
        BaselineNetwork(BaselineConfig("ds_cnn", 4)).infer(
            np.zeros((1, 32, 32)), 2
        )
