"""What reaches the standard streams, and what does not."""

import os

import pytest

from bifsmn_tf import console

CHATTER = (
    b"WARNING: All log messages before absl::InitializeLog() is called are\n",
    b"W0000 00:00:1795776949.315718   17954 tf_tfl_flatbuffer_helpers.cc:392] "
    b"Ignored output_format.\n",
    b"fully_quantize: 0, inference_type: 6, input_inference_type: INT8\n",
    b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
)


def test_chatter_is_dropped_and_the_rest_follows(capfd):
    with console.without_chatter():
        for line in CHATTER:
            os.write(2, line)
        os.write(2, b"ERROR: no such op\n")
        os.write(2, b"INFO: of another program\n")
    os.write(2, b"later\n")
    assert capfd.readouterr().err.splitlines() == [
        "ERROR: no such op",
        "INFO: of another program",
        "later",
    ]


def test_what_was_said_before_an_error_is_kept(capfd):
    with pytest.raises(ValueError), console.without_chatter():
        os.write(2, CHATTER[0] + b"the reason\n")
        raise ValueError
    assert capfd.readouterr().err == "the reason\n"


def test_what_cannot_be_encoded_is_spelled():
    console.prepare()
    assert "δ ± µ € 漢".encode("ascii", "bifsmn_tf") == b"delta +/- u ? ?"
