"""Threads that share a spotter, and threads that must not."""

import threading

import numpy as np
import pytest
from networks import describe
from networks import random_network

from bifsmn_tf import KeywordSpotter
from bifsmn_tf import StreamingSpotter
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.conversion.binary import convert_binary
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.architectures import bifsmn_s
from bifsmn_tf.network.architectures import bifsmn_stream

MAKERS = {"clips": bifsmn_s, "stream": bifsmn_stream}


@pytest.fixture(scope="module", params=MAKERS.values(), ids=MAKERS)
def model(request, tmp_path_factory):
    config = request.param(4, blocks=4, memory_size=32, hidden_size=32)
    content = convert_binary(
        random_network(config), describe(config, BOARD_FEATURES)
    ).content
    path = tmp_path_factory.mktemp("model") / "model.tflite"
    path.write_bytes(content)
    return path


def sounds(count):
    rng = np.random.default_rng(0)
    return (0.1 * rng.normal(size=(count, 16000))).astype(np.float32)


def run_all(functions):
    """Runs functions in threads of their own; raises what one raises."""
    failures = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=guarded, args=(function,))
        for function in functions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("shared", [True, False])
def test_every_thread_gets_the_answer_to_its_question(model, shared):
    clips = sounds(6)
    one = KeywordSpotter(model)
    wanted = [one(clip) for clip in clips]

    def ask(first):
        spotter = one if shared else KeywordSpotter(model)
        for i in range(60):
            place = (first + i) % len(clips)
            assert spotter(clips[place]) == wanted[place]

    run_all([lambda first=first: ask(first) for first in range(4)])


def test_streams_in_threads_share_a_spotter(model):
    spotter = KeywordSpotter(model)
    clips = sounds(3)
    wanted = [StreamingSpotter(spotter).push(clip) for clip in clips]

    def listen(i):
        found = StreamingSpotter(spotter).push(clips[i])
        for one, other in zip(found, wanted[i], strict=True):
            np.testing.assert_array_equal(
                one.probabilities, other.probabilities
            )

    run_all([lambda i=i: listen(i) for i in range(3)])


def test_one_stream_in_two_threads_is_refused(model):
    stream = StreamingSpotter(KeywordSpotter(model))
    (sound,) = sounds(1)
    entered, leave = threading.Event(), threading.Event()
    decide = stream._engine.decide

    def slow(samples):
        entered.set()
        assert leave.wait(10)
        return decide(samples)

    stream._engine.decide = slow
    first = threading.Thread(target=stream.push, args=(sound[:2048],))
    first.start()
    assert entered.wait(10)
    with pytest.raises(UserError, match="two threads push to one stream"):
        stream.push(sound)
    leave.set()
    first.join()
    assert len(stream.push(sound[:2048])) >= 1
