"""Words of a stream, to its last sample."""

import numpy as np
import pytest

import bifsmn_tf
from bifsmn_tf.audio import files
from bifsmn_tf.runtime.listening import Listener


@pytest.fixture(scope="module", params=["bifsmn_stream-sc12", "bifsmn-sc12"])
def listener(request):
    return Listener(bifsmn_tf.KeywordSpotter(request.param))


def test_recordings_of_one_word_are_heard_at_the_default_settings(
    listener, speech
):
    found = 0
    for path in sorted((speech / "yes").glob("*.wav"))[:20]:
        listener.reset()
        sound = files.read(path)
        heard = listener.push(sound) + listener.finish()
        assert all(x.time <= len(sound) / 16000 for x in heard)
        found += "yes" in [x.label for x in heard]
    assert found >= 17


def test_chunks_of_any_length_give_the_same(listener, speech):
    sound = np.concatenate(
        [
            files.read(sorted((speech / word).glob("*.wav"))[0])
            for word in ("yes", "left", "stop")
        ]
    )
    listener.reset()
    wanted = listener.push(sound) + listener.finish()
    assert [x.label for x in wanted] == ["yes", "left", "stop"]
    listener.reset()
    rng = np.random.default_rng(0)
    heard, start = [], 0
    while start < len(sound):
        length = int(rng.integers(0, 3000))
        heard += listener.push(sound[start : start + length])
        start += length
    assert heard + listener.finish() == wanted
