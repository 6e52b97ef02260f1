"""The function that converts a run or a network."""

import shutil

import numpy as np
import pytest
from networks import describe
from networks import random_network
from sounds import noise

import bifsmn_tf
from bifsmn_tf._keras import tf
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.conversion.full_precision import convert_full_precision
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.architectures import bifsmn_s
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.training.checkpoints import Checkpoints
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder


def write_run(path, network, label_names=None):
    """A run whose best weights are those of the network."""
    description = describe(network.config)
    folder = RunFolder(path)
    config = RunConfig(
        network=description.network,
        label_names=label_names or description.label_names,
        features=description.features,
        statistics=description.statistics,
        dataset=description.dataset,
        training={},
    )
    folder.begin(config, flags="")
    optimizer = tf.keras.optimizers.legacy.SGD()
    written = Checkpoints(
        folder.checkpoints, network, network, optimizer, worker=None
    )
    written.save({"history": [{}]}, improved=True)
    return path


@pytest.fixture(scope="module")
def student():
    return random_network(bifsmn_s(4))


@pytest.fixture(scope="module")
def teacher():
    return random_network(dfsmn(4, blocks=4, memory_size=16, hidden_size=16))


@pytest.fixture(scope="module")
def run(student, teacher, tmp_path_factory):
    path = write_run(tmp_path_factory.mktemp("run") / "run", student)
    write_run(path / "teacher", teacher)
    return path


def test_a_run_becomes_a_file(run, student, tmp_path):
    output = tmp_path / "model.tflite"
    model = bifsmn_tf.convert(run, output)
    wanted = convert_binary(student, describe(student.config))
    assert model == wanted
    assert output.read_bytes() == wanted.content
    spotter = bifsmn_tf.KeywordSpotter(output)
    assert spotter.deltas == student.config.deltas


def test_a_network_becomes_what_its_run_does(run, student, teacher):
    assert bifsmn_tf.convert(
        student, metadata=describe(student.config)
    ) == bifsmn_tf.convert(str(run))
    assert bifsmn_tf.convert(
        teacher, metadata=describe(teacher.config)
    ) == convert_full_precision(teacher, describe(teacher.config))


def test_settings_are_handed_on(run, student):
    precision = Precision(classifier="float16")
    assert bifsmn_tf.convert(
        run, precision=precision, audio="none"
    ) == convert_binary(student, describe(student.config), precision, "none")


def test_keywords_and_silence_are_made_likelier(student, tmp_path):
    run = write_run(
        tmp_path / "run", student, ("yes", "_bed", "unknown", "silence")
    )
    paths = [tmp_path / "as_it_is.tflite", tmp_path / "likelier.tflite"]
    for path, bias in zip(paths, (0.0, 2.0), strict=True):
        bifsmn_tf.convert(run, path, keyword_bias=bias)
    before, after = (bifsmn_tf.KeywordSpotter(path) for path in paths)
    features = noise(student.config.frames * student.config.mels, 1)
    shape = 1, student.config.frames, student.config.mels
    moved = after.logits(features.reshape(shape)) - before.logits(
        features.reshape(shape)
    )
    np.testing.assert_allclose(moved[0], [2, 0, 0, 2], atol=1e-5)
    with pytest.raises(UserError, match="keyword_bias: nan is not finite"):
        bifsmn_tf.convert(run, keyword_bias=float("nan"))
    with pytest.raises(TypeError, match="as it is"):
        bifsmn_tf.convert(
            student, metadata=describe(student.config), keyword_bias=1.0
        )


@pytest.mark.parametrize("place", [".", "teacher"])
def test_the_teacher_in_full_precision(run, teacher, place):
    found = bifsmn_tf.convert(run / place, full_precision=True)
    assert found == convert_full_precision(teacher, describe(teacher.config))


def test_what_cannot_be_converted_is_refused(run, student, tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        bifsmn_tf.convert(run, tmp_path / "none" / "model.tflite")
    with pytest.raises(UserError, match="not the folder of a run"):
        bifsmn_tf.convert(tmp_path)
    alone = write_run(tmp_path / "alone", student)
    with pytest.raises(UserError, match="has no teacher in it"):
        bifsmn_tf.convert(alone, full_precision=True)
    shutil.rmtree(alone / "checkpoints")
    with pytest.raises(UserError, match="no complete epoch"):
        bifsmn_tf.convert(alone)
    with pytest.raises(TypeError, match="with its metadata"):
        bifsmn_tf.convert(student)
    with pytest.raises(TypeError, match="metadata of its own"):
        bifsmn_tf.convert(run, metadata=describe(student.config))
