"""Made-up decisions with known answers."""

import numpy as np
import pytest

from bifsmn_tf.evaluation.streams.curve import Measurement
from bifsmn_tf.evaluation.streams.events import Line
from bifsmn_tf.evaluation.streams.events import match
from bifsmn_tf.evaluation.streams.labels import Word
from bifsmn_tf.evaluation.streams.scores import Scores
from bifsmn_tf.runtime.detector import Detector
from bifsmn_tf.runtime.streaming import Decision

RATE = 16000
STEP = 1600


def scores(values, words=(), **settings):
    """Decisions every 0.1 s on keywords a, b and so on."""
    values = np.asarray(values, np.float32)
    values = values.reshape(len(values), -1)
    count, keywords = values.shape
    settings = {
        "recording": "made up",
        "source": "made up",
        "words": tuple(words),
        "trial": False,
        "dense": False,
        "keywords": tuple("abcd"[:keywords]),
        "seconds": count / 10,
        "sample_rate": RATE,
    } | settings
    return Scores(
        **settings,
        ends=STEP * np.arange(1, count + 1),
        probabilities=values,
    )


def at(seconds, *times, width=0.1):
    """A keyword that is certain from each time on for a while."""
    values = np.zeros(round(10 * seconds))
    for time in times:
        first = round(10 * time) - 1
        values[first : first + round(10 * width)] = 1
    return values


WORD = Word(1.0, 1.5, "a")


@pytest.mark.parametrize(
    ("times", "hit", "false"),
    [
        ([1.6], 1.6, []),
        # As soon as it has begun, at the last moment, and beyond either.
        ([1.0], 1.0, []),
        ([2.5], 2.5, []),
        ([0.9], None, [0.9]),
        ([2.6], None, [2.6]),
        # Once a word.
        ([1.2, 2.4], 1.2, [2.4]),
        ([0.5, 1.7, 4.0], 1.7, [0.5, 4.0]),
        ([], None, []),
    ],
)
def test_a_word_is_hit_once_in_its_window(times, hit, false):
    hits, rest = match([(time, "a") for time in times], [WORD], window=1.0)
    assert hits == ([] if hit is None else [(WORD, hit)])
    assert rest == [(time, "a") for time in false]


def test_another_keyword_does_not_hit_a_word():
    hits, false = match([(1.6, "b"), (1.7, "a")], [WORD])
    assert hits == [(WORD, 1.7)]
    assert false == [(1.6, "b")]


def test_two_words_close_together_need_two_detections():
    second = Word(1.8, 2.2, "a")
    words = [WORD, second]
    both = match([(1.7, "a"), (2.3, "a")], words)
    assert both == ([(WORD, 1.7), (second, 2.3)], [])
    # In the windows of both it is the earlier one's.
    one = match([(2.3, "a")], words)
    assert one == ([(WORD, 2.3)], [])
    # After the first one's it is the second one's.
    late = match([(2.9, "a")], words)
    assert late == ([(second, 2.9)], [])
    three = match([(1.7, "a"), (2.3, "a"), (2.9, "a")], words)
    assert three == ([(WORD, 1.7), (second, 2.3)], [(2.9, "a")])


def random_scores(seed, keywords=3, count=400):
    rng = np.random.default_rng(seed)
    logits = 3 * np.cumsum(rng.normal(size=(count, keywords + 2)), axis=0) ** 1
    logits -= logits.mean(axis=0)
    values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.1, 0.25, 0.3, 2.0])
@pytest.mark.parametrize("hold", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("thresholds", [(0.5,) * 3, (0.2,) * 3, (0.1, 0.7, 1)])
def test_detections_are_those_of_the_detector(smoothing, hold, thresholds):
    labels = ("a", "b", "c", "unknown", "silence")
    whole = [random_scores(seed) for seed in (1, 2, 3)]
    line = Line.of([scores(x[:, :3]) for x in whole], smoothing, hold)
    wanted = []
    for start, values in zip(line.starts, whole, strict=True):
        detector = Detector(
            labels,
            RATE,
            dict(zip("abc", thresholds, strict=True)),
            smoothing,
            hold,
        )
        for i, row in enumerate(values):
            found = detector.push(Decision(STEP * (i + 1), row))
            if found:
                number = labels.index(found.label)
                wanted.append((start + found.time, number))
    assert len(wanted) > 5
    found = line.detections(thresholds)
    assert [keyword for _, keyword in found] == [k for _, k in wanted]
    np.testing.assert_allclose(
        [time for time, _ in found], [time for time, _ in wanted]
    )


def test_a_keyword_that_lasts_into_the_next_recording_begins_again():
    line = Line.of([scores(at(2, 1.5, width=0.6))] * 2, 0.0, 0.0)
    assert len(line.detections(0.5)) == 2
    started = scores(np.ones(5))
    assert len(Line.of([started] * 3, 0.0, 0.0).detections(0.5)) == 3


def test_figures_of_a_keyword_with_known_answers():
    """Ten seconds with three words; 36 times as many make the hour."""
    words = (WORD, Word(4.0, 4.5, "a"), Word(7.0, 7.5, "b"))
    a = at(100, 1.7, 3.0, 6.0)
    b = at(100, 8.0) * 0.6
    measured = Measurement(
        [scores(np.stack([a, b], axis=1), words)],
        smoothing=0.0,
        hold=1.0,
        window=1.0,
    )
    assert measured.hours == pytest.approx(100 / 3600)
    point = measured.at(0.5)
    assert point.words == {"a": 2, "b": 1}
    assert point.hits == {"a": 1, "b": 1}
    assert point.false == {"a": 2, "b": 0}
    assert point.latencies["a"] == pytest.approx([0.2])
    assert point.latencies["b"] == pytest.approx([0.5])
    figures = point.figures(measured.hours)
    assert figures["false_accepts_per_hour"] == pytest.approx(72)
    assert figures["missed"] == 1
    assert figures["miss_rate"] == pytest.approx(1 / 3)
    assert point.figures(measured.hours, "b")["miss_rate"] == 0
    assert measured.at(0.7).hits == {"a": 1, "b": 0}
    assert measured.at({"a": 0.7, "b": 0.6}).hits == {"a": 1, "b": 1}
    # Held, the detection at 3.0 s comes too soon after that at 1.7 s.
    held = Measurement([scores(a, (WORD,))], 0.0, 2.0, 1.0)
    assert held.at(0.5).false == {"a": 1}


def test_what_no_rate_can_be_told_from():
    trial = scores(at(3, 1, 2.5), [Word(0, 3, "a")], trial=True)
    dense = scores(at(5, 1.6, 4), [WORD], dense=True)
    alone = Measurement([trial], 0, 0, 1)
    assert alone.hours == 0
    figures = alone.at(0.5).figures(alone.hours)
    assert figures["false_accepts_per_hour"] is None
    assert figures["false_accepts_beside"] == 1
    # When a word in a trial ends is not known.
    assert figures["latency_median"] is None
    assert figures["miss_rate"] == 0
    both = Measurement([trial, dense], 0, 0, 1)
    assert both.hours == pytest.approx(5 / 3600)
    assert both.at(0.5).false == {"a": 1}
    stream = scores(at(20, 5), source="kitchen")
    every = Measurement([trial, dense, stream], 0, 0, 1)
    assert every.sources == ["kitchen"]
    assert every.at(0.5).false == {"a": 1}
    assert every.at(0.5).false_beside == {"a": 2}
    assert every.at(0.5).words == {"a": 2}
