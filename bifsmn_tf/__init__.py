"""Keyword spotting with one-bit weights and activations (BiFSMN)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bifsmn_tf.runtime.spotter import KeywordSpotter

__all__ = ["KeywordSpotter", "models"]


def models() -> list[str]:
    """Names of the trained models in the package, for ``KeywordSpotter``."""
    from bifsmn_tf import pretrained

    return pretrained.names()


def __getattr__(name):
    # Lazily, so that training does not load the runtime and the other way
    # round.
    if name == "KeywordSpotter":
        from bifsmn_tf.runtime.spotter import KeywordSpotter

        return KeywordSpotter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
