"""A converted model: the file's bytes, and what is in them."""

import dataclasses
from collections.abc import Mapping

from bifsmn_tf.model_file import writer as model_writer


@dataclasses.dataclass(frozen=True)
class ConvertedModel:
    """A model file and where its bytes are.

    Attributes:
        content: The file.
        bytes_by_part: The bytes of each part, largest first.
        signatures: The keys that it can be called by.
    """

    content: bytes
    bytes_by_part: Mapping[str, int]
    signatures: tuple[str, ...]

    @classmethod
    def of(cls, writer: model_writer.ModelWriter) -> "ConvertedModel":
        """Returns what a writer has collected."""
        content = writer.build()
        return cls(content, writer.bytes_by_part(content), writer.signatures)
