"""Files whose description is not that of their graphs."""

import dataclasses
import json
import zlib

import numpy as np
import pytest

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.conversion.audio_signatures import add_clip_signature
from bifsmn_tf.conversion.audio_signatures import add_frame_signature
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import metadata
from bifsmn_tf.model_file.converted import describe
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.model_file.signatures import signature_key
from bifsmn_tf.model_file.writer import ModelWriter
from bifsmn_tf.network.config import NetworkConfig

DESCRIPTION = ModelMetadata(
    label_names=("yes", "no"),
    features=FeatureParameters(),
    statistics=FeatureStatistics(-40.0, 20.0),
    network=NetworkConfig(2, deltas=(1, 2)),
    dataset={"name": "none", "options": {}},
)


def model(text, output="logits"):
    """A linear model of what ``DESCRIPTION`` says, described by ``text``."""
    writer = ModelWriter("linear")
    for delta in DESCRIPTION.network.deltas:
        graph = writer.subgraph(signature_key(delta))
        x = graph.input("features", (1, 32, 32), np.float32)
        weights = np.ones((2, 32 * 32), np.float32)
        bias = np.zeros(2, np.float32)
        y = graph.fully_connected(x, weights, bias, "y")
        graph.output(output, y)
        writer.signature(signature_key(delta), graph)
    sound = (DESCRIPTION.features, DESCRIPTION.statistics)
    add_clip_signature(writer, *sound)
    add_frame_signature(writer, *sound)
    writer.metadata(metadata.NAME, zlib.compress(text))
    return ModelFile(writer.build())


def text_of(description=DESCRIPTION, **changes):
    changed = dataclasses.replace(description, **changes)
    return zlib.decompress(changed.to_bytes())


def test_what_fits_is_described():
    assert describe(model(text_of())) == DESCRIPTION


def features(**changes):
    return {"features": dataclasses.replace(DESCRIPTION.features, **changes)}


def network(**changes):
    return {"network": dataclasses.replace(DESCRIPTION.network, **changes)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (features(n_mels=40), r"features are \(32, 40\)"),
        (features(hop=511), "BifsmnLogMel|front end computes"),
        (features(n_fft=4096), "signature frame"),
        (features(n_fft=1024), "signature frame"),
        (features(n_fft=1024, folds=2), "front end computes"),
        (features(n_fft=1000), "signature frame|power of two"),
        (features(duration=1.001), "signature audio"),
        (features(f_max=7000.0), "front end computes"),
        ({"statistics": FeatureStatistics(-40.0, 21.0)}, "front end computes"),
        (network(deltas=(1, 2, 4)), "no signature delta_4"),
        (network(classes=3) | {"label_names": tuple("abc")}, "signature del"),
    ],
)
def test_another_description_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        describe(model(text_of(**changes)))


def test_an_output_of_another_name_is_refused():
    with pytest.raises(UserError, match="signature delta_1 is .* to scores"):
        describe(model(text_of(), output="scores"))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (("features", "duration"), float("inf")),
        (("features", "duration"), "1.0"),
        (("features", "hop"), 512.0),
        (("features", "n_mels"), True),
        (("features", "sample_rate"), 1 << 31),
        (("statistics", "std"), 1e-300),
        (("statistics", "mean"), float("nan")),
        (("label_names",), [["yes"], ["no"]]),
        (("label_names",), ["yes", "\x1b]0;no\x07"]),
        (("label_names",), ["yes", "yes"]),
        (("label_names",), ["yes"]),
        (("label_names",), None),
        (("dataset",), None),
        (("dataset",), {"name": "none"}),
        (("network",), []),
        (("network", "frames"), float("inf")),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(part, value):
    values = json.loads(text_of())
    place = values
    for name in part[:-1]:
        place = place[name]
    place[part[-1]] = value
    with pytest.raises(UserError, match="convert it again") as caught:
        describe(model(json.dumps(values).encode()))
    assert str(caught.value).isprintable()


def test_a_description_that_is_nested_without_end_is_refused():
    with pytest.raises(UserError, match="convert it again"):
        describe(model(b"[" * 100_000))
