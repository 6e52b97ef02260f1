"""How the few numbers of a binary network that are no bits are stored."""

import dataclasses

from bifsmn_tf.errors import UserError

RESIDUALS = ("int16", "float32")
CLASSIFIERS = ("int8", "float16", "float32")
FIRST_CONVOLUTIONS = ("int8", "float32")


@dataclasses.dataclass(frozen=True)
class Precision:
    """How a binary network's few numbers that are no bits are stored.

    Attributes:
        residual: The type of the residual, one of ``RESIDUALS``. Keras
            computes in float32, and the file then gives the same bits.
        classifier: The type of the classifier's weights, one of
            ``CLASSIFIERS``.
        first_convolution: The type of the first convolution, one of
            ``FIRST_CONVOLUTIONS``; it is trained in int8.

    Raises:
        UserError: A type is not one of these.
    """

    residual: str = "int16"
    classifier: str = "int8"
    first_convolution: str = "int8"

    def __post_init__(self) -> None:
        for name, allowed in (
            ("residual", RESIDUALS),
            ("classifier", CLASSIFIERS),
            ("first_convolution", FIRST_CONVOLUTIONS),
        ):
            if getattr(self, name) not in allowed:
                raise UserError(
                    f"{name} is one of {', '.join(allowed)}, not "
                    f"{getattr(self, name)!r}"
                )
