"""Settings of a detector, as a file carries them."""

import dataclasses
import zlib

import pytest
from networks import describe

from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.network import architectures

SETTINGS = DetectionSettings({"yes": 0.5, "no": 0.9}, 0.3, 2.0, 0.5)


def test_overriding_some():
    assert SETTINGS.override() is not None
    assert SETTINGS.override() == SETTINGS
    all_ = SETTINGS.override(0.7)
    assert all_.thresholds == {"yes": 0.7, "no": 0.7}
    assert (all_.smoothing, all_.hold) == (0.3, 2.0)
    # They are no longer what was chosen for the rate.
    assert all_.false_accepts_per_hour is None
    own = SETTINGS.override({"no": 0.1}, smoothing=0.0, hold=0.0)
    assert own == DetectionSettings({"yes": 0.5, "no": 0.1}, 0.0, 0.0)
    with pytest.raises(UserError, match="no keyword on, only yes, no"):
        SETTINGS.override({"on": 0.5})
    with pytest.raises(UserError, match=r"in \(0, 1\], not 2"):
        SETTINGS.override(2)


def test_a_description_with_and_without_settings():
    plain = describe(architectures.bifsmn_s(3))
    assert ModelMetadata.from_bytes(plain.to_bytes()).detection is None
    assert b"detection" not in zlib.decompress(plain.to_bytes())
    own = DetectionSettings({f"word{i}": 0.1 + i / 9 for i in range(3)})
    full = dataclasses.replace(plain, detection=own)
    assert ModelMetadata.from_bytes(full.to_bytes()) == full


@pytest.mark.parametrize("keywords", [("word0", "word1"), ("a", "b", "c"), ()])
def test_thresholds_of_other_keywords_are_refused(keywords):
    plain = describe(architectures.bifsmn_s(3))
    own = DetectionSettings(dict.fromkeys(keywords, 0.5))
    with pytest.raises(UserError, match="the keywords are word0, word1, word2"):
        dataclasses.replace(plain, detection=own)


@pytest.mark.parametrize(
    "damage",
    [(b'"hold":1.0', b'"hold":-1'), (b'"hold":1.0,', b""), (b"0.5", b'"x"')],
)
def test_damaged_settings_are_refused(damage):
    plain = describe(architectures.bifsmn_s(1))
    own = DetectionSettings({"word0": 0.5})
    text = zlib.decompress(dataclasses.replace(plain, detection=own).to_bytes())
    damaged = text.replace(*damage)
    assert damaged != text
    with pytest.raises(UserError, match="convert it again"):
        ModelMetadata.from_bytes(zlib.compress(damaged))
