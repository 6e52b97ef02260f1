"""A damaged description of a model is refused."""

import zlib

import pytest
from networks import describe

from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.network import architectures


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-5],
        lambda text: text.replace(b'"format":1', b'"format":9'),
        lambda text: text.replace(b'"word0",', b""),
        lambda text: b"[]",
        lambda text: text.replace(b"n_mels", b"n_mel"),
        lambda text: text + bytes(1 << 20),
    ],
)
def test_a_damaged_description_is_refused(damage):
    text = zlib.decompress(describe(architectures.bifsmn_s(5)).to_bytes())
    with pytest.raises(ValueError, match="convert it again"):
        ModelMetadata.from_bytes(zlib.compress(damage(text)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content + b"{}",
        lambda content: content[1:],
        lambda content: b"",
        zlib.decompress,
    ],
)
def test_a_description_that_does_not_inflate_is_refused(damage):
    content = describe(architectures.bifsmn_s(5)).to_bytes()
    with pytest.raises(ValueError, match="convert it again"):
        ModelMetadata.from_bytes(damage(content))
