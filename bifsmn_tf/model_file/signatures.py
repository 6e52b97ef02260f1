"""What a converted file can be called by: names that all sides share.

======================  ==================  ==============================
signature               input               output
======================  ==================  ==============================
``delta_1``, ...        ``features``        ``logits``, at depth δ
``audio``               ``audio``, a clip   ``features``
``frame``               ``audio``, a frame  ``features``, one row
``audio_delta_1``, ...  ``audio``, a clip   ``logits``, at depth δ
======================  ==================  ==============================

The first form is always there, the others as ``convert`` is told. A network
that reads a stream has instead

======================  ============================  =========================
signature               input                         output
======================  ============================  =========================
``stream_delta_1``, ..  ``audio`` of a step           ``logits``, at depth δ
                        (or ``features``), ``state``  and the next ``state``
======================  ============================  =========================

where a state of zeros begins a stream. A spotter goes on from the state that
silence leads to: ``NetworkConfig.reach_steps(δ)`` steps of zeros.
"""

FEATURES = "features"
"""Normalised log-mel, float32 (1, frames, mels)."""

LOGITS = "logits"
"""Of each label, float32 (1, classes)."""

AUDIO = "audio"
"""Sound, float32 in [-1, 1], (1, samples)."""

STATE = "state"
"""What a step keeps for the next one, int8 (1, bytes)."""

CLIP_SIGNATURE = "audio"
"""The signature from a clip's samples to its features, (1, frames, mels)."""

FRAME_SIGNATURE = "frame"
"""The signature from a frame's samples to one row of features, (1, 1, mels)."""


def signature_key(delta: int) -> str:
    """Returns the signature that runs the network at depth δ."""
    return f"delta_{delta}"


def stream_signature_key(delta: int) -> str:
    """Returns the signature that takes a step of a stream at depth δ."""
    return f"stream_{signature_key(delta)}"


def audio_signature_key(delta: int) -> str:
    """Returns the signature from sound to logits at depth δ."""
    return f"audio_{signature_key(delta)}"
