"""Decisions of a small model on recordings, in one process and in several."""

import numpy as np
import pytest
from networks import describe
from networks import random_network
from sounds import noise

from bifsmn_tf import KeywordSpotter
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation.streams import scores
from bifsmn_tf.evaluation.streams.curve import Measurement
from bifsmn_tf.evaluation.streams.labels import Word
from bifsmn_tf.evaluation.streams.listeners import Name
from bifsmn_tf.evaluation.streams.listeners import listener
from bifsmn_tf.evaluation.streams.recordings import Recording
from bifsmn_tf.network.architectures import bifsmn_stream
from bifsmn_tf.runtime.streaming import StreamingSpotter

NAME = Name("bifsmn_s-sc12", delta="4")


def recording(seconds, *words, **settings):
    sound = to_int16(noise(round(16000 * seconds), seconds))
    return Recording(f"{seconds}", "made up", sound, words, **settings)


def test_decisions_are_those_of_a_stream():
    word = Word(0.5, np.inf, "yes")
    heard = [recording(1.21, word), recording(0.7, trial=True)]
    first, second = scores.compute(NAME, heard, progress=False)
    assert first.words == (Word(0.5, 19360 / 16000, "yes"),)
    assert "unknown" not in first.keywords and len(first.keywords) == 10
    spotter = KeywordSpotter("bifsmn_s-sc12", delta=4)
    stream = StreamingSpotter(spotter)
    wanted = stream.push(heard[0].sound) + stream.flush()
    assert first.ends.tolist() == [decision.end for decision in wanted]
    np.testing.assert_array_equal(
        first.probabilities, [x.probabilities[:10] for x in wanted]
    )
    # A second of silence on either side.
    assert second.seconds == pytest.approx(2.7)
    stream.reset()
    sound = np.pad(heard[1].sound, 16000)
    wanted = stream.push(sound) + stream.flush()
    np.testing.assert_array_equal(
        second.probabilities, [x.probabilities[:10] for x in wanted]
    )


def test_processes_give_the_same():
    heard = [recording(0.5 + i / 10) for i in range(3)]
    alone, together = (
        scores.compute(NAME, heard, count, progress=True) for count in (1, 2)
    )
    for one, other in zip(alone, together, strict=True):
        assert one.recording == other.recording
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_a_label_behind_the_end_is_an_error():
    with pytest.raises(DataError, match=r"lasts 0\.50 s, and its label yes"):
        scores.hear(NAME, recording(0.5, Word(0.6, 0.7, "yes")))


def test_a_streaming_model_is_heard_step_by_step(tmp_path):
    config = bifsmn_stream(4, blocks=4, memory_size=32, hidden_size=48)
    description = describe(config, BOARD_FEATURES)
    content = convert_binary(random_network(config), description).content
    path = tmp_path / "stream.tflite"
    path.write_bytes(content)
    word = Word(0.5, 1.0, "word1")
    (found,) = scores.compute(
        Name(str(path)), [recording(2.0, word)], progress=False
    )
    assert set(np.diff(found.ends)) == {2048}
    assert found.probabilities.shape == (16, 4)
    point = Measurement([found], 0.2, 1.0, 1.0).at(0.01)
    assert point.words["word1"] == 1
    with pytest.raises(UserError, match="step by step"):
        listener(Name(str(path), hop=0.064))
