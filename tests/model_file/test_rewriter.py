"""A finished file with other metadata, and otherwise the same."""

import dataclasses

import pytest
from networks import describe
from networks import random_network
from small_models import builtin_model

from bifsmn_tf import KeywordSpotter
from bifsmn_tf import pretrained
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import metadata
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.rewriter import with_metadata
from bifsmn_tf.network.architectures import bifsmn_stream


@pytest.fixture(params=pretrained.names())
def model(request):
    return ModelFile.read(pretrained.find(request.param))


def test_the_same_metadata_gives_the_same_bytes(model):
    for name in model.metadata_names:
        same = with_metadata(model, name, model.metadata(name))
        assert same == model.content


def test_settings_in_and_out_again(model, tmp_path):
    description = ModelMetadata.of_model(model)
    own = dict.fromkeys(keywords_of(description.label_names), 0.25)
    settings = DetectionSettings(own, 0.3, 0.5, 0.7)
    assert description.detection != settings
    with_settings = dataclasses.replace(description, detection=settings)
    content = with_metadata(model, metadata.NAME, with_settings.to_bytes())
    path = tmp_path / "chosen.tflite"
    path.write_bytes(content)
    spotter = KeywordSpotter(path)
    assert spotter.detection == settings
    assert spotter.metadata == with_settings
    back = with_metadata(
        ModelFile(content), metadata.NAME, model.metadata(metadata.NAME)
    )
    assert back == model.content


def test_metadata_that_is_not_there():
    with pytest.raises(UserError, match="no metadata 'bifsmn_tf'"):
        with_metadata(ModelFile(builtin_model()), metadata.NAME, b"x")


def test_a_streaming_file_comes_out_as_it_went_in():
    """Tensors without a shape, states and all."""
    config = bifsmn_stream(4, blocks=4, memory_size=32, hidden_size=48)
    content = convert_binary(
        random_network(config), describe(config, BOARD_FEATURES)
    ).content
    model = ModelFile(content)
    description = ModelMetadata.of_model(model)
    same = with_metadata(model, metadata.NAME, description.to_bytes())
    assert same == content
