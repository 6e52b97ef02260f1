"""What goes on for ever: streams cut anywhere, forks, memory that stays flat.

``python tests/support/endurance.py`` runs six hours and 10,000 spotters.
"""

import mmap
import os
import subprocess
import sys
import threading

import endurance
import numpy as np
import pytest

from bifsmn_tf import KeywordSpotter
from bifsmn_tf import StreamingSpotter
from bifsmn_tf.runtime.runners import ENGINES

MODELS = endurance.MODELS

SOUND = (0.1 * np.random.default_rng(0).normal(size=80000)).astype(np.float32)


@pytest.fixture(scope="module", params=MODELS)
def undisturbed(request):
    """A spotter, and of each depth the decisions of a stream left alone."""
    spotter = KeywordSpotter(request.param)
    decisions = {}
    for delta in spotter.deltas:
        spotter.delta = delta
        decisions[delta] = {
            d.end: d.probabilities
            for d in StreamingSpotter(spotter).push(SOUND)
        }
    return spotter, decisions


def pieces(rng, longest):
    """The sound, cut anywhere, with empty pieces in between."""
    start = 0
    while start < len(SOUND):
        size = int(rng.integers(0, longest)) * int(rng.integers(2))
        yield SOUND[start : start + size]
        start += size


@pytest.mark.parametrize("longest", [50, 500, 20000])
@pytest.mark.parametrize("seed", range(3))
def test_chunks_of_any_length(undisturbed, longest, seed):
    spotter, wanted = undisturbed
    rng = np.random.default_rng([longest, seed])
    spotter.delta = int(rng.choice(spotter.deltas))
    stream = StreamingSpotter(spotter)
    found = [d for piece in pieces(rng, longest) for d in stream.push(piece)]
    right = wanted[spotter.delta]
    assert [d.end for d in found] == list(right)
    for decision in found:
        np.testing.assert_array_equal(
            decision.probabilities, right[decision.end]
        )


@pytest.mark.parametrize("stays", [0.0, 0.95, 0.999])
def test_another_depth_at_every_chunk(undisturbed, stays):
    """Each decision is that of its depth in a stream left alone."""
    spotter, wanted = undisturbed
    rng = np.random.default_rng(int(1000 * stays))
    spotter.delta = spotter.deltas[0]
    stream = StreamingSpotter(spotter)
    depths = set()
    count = 0
    # A chunk gives one decision at most, so that its depth is known.
    for piece in pieces(rng, stream.step):
        for decision in stream.push(piece):
            right = wanted[stream.delta][decision.end]
            np.testing.assert_array_equal(decision.probabilities, right)
            depths.add(stream.delta)
            count += 1
        if rng.random() >= stays:
            spotter.delta = int(rng.choice(spotter.deltas))
    assert count == len(SOUND) // stream.step
    if spotter.steps is None and stays < 0.9:
        assert depths == set(spotter.deltas)


FORKED = """
import os, sys
import numpy as np
from bifsmn_tf import KeywordSpotter, StreamingSpotter
model, engine = sys.argv[1:]
spotter = KeywordSpotter(model, engine=engine)
sound = np.random.default_rng(0).normal(size=16000).astype(np.float32) / 10
stream = StreamingSpotter(spotter)
stream.push(sound[:5000])
def rest():
    decisions = stream.push(sound[5000:])
    return spotter(sound), [d.probabilities.tolist() for d in decisions]
children = []
for _ in range(3):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, repr(rest()).encode())
        os._exit(0)
    os.close(writing)
    children.append(reading)
mine = repr(rest())
for reading in children:
    with open(reading) as pipe:
        assert pipe.read() == mine
    _, status = os.wait()
    assert status == 0
print("alike")
"""


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", MODELS)
def test_a_spotter_that_was_loaded_before_a_fork(model, engine):
    """Children and parent go on with the stream, each on its own."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED, model, engine],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "alike\n", done.stderr


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("model", MODELS)
def test_eight_threads_with_a_spotter_each(model, engine):
    clips = SOUND.reshape(5, 16000)
    wanted = [KeywordSpotter(model, engine=engine)(clip) for clip in clips]
    wrong = []

    def ask(first):
        spotter = KeywordSpotter(model, engine=engine)
        for i in range(20):
            place = (first + i) % len(clips)
            if spotter(clips[place]) != wanted[place]:
                wrong.append(place)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("model", MODELS)
def test_memory_of_a_stream_stays_flat(model):
    grown = endurance.growth(endurance.streaming(model), 60, 300)
    assert grown < endurance.MOST_GROWTH // 2


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_of_spotters_that_are_dropped_stays_flat(engine):
    turn = endurance.creating("bifsmn_s-sc12", engine)
    grown = endurance.growth(turn, 30, 100)
    assert grown < endurance.MOST_GROWTH // 2


def test_growth_is_noticed():
    """Else the two above would prove nothing.

    Pages come from the system: an allocator may have as many to spare.
    """
    kept = []

    def keep(_: int) -> None:
        kept.append(mmap.mmap(-1, 200_000))
        kept[-1].write(bytes(200_000))

    grown = endurance.growth(keep, 5, 100)
    for pages in kept:
        pages.close()
    assert grown > endurance.MOST_GROWTH // 2
    files = []
    with pytest.raises(AssertionError, match="files were left open"):
        endurance.growth(
            lambda _: files.append(os.open("/", os.O_RDONLY)), 1, 1
        )
    for file in files:
        os.close(file)
