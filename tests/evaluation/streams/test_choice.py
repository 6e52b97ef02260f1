"""Thresholds for a wanted rate, on decisions whose best choice is known."""

import numpy as np
import pytest
from test_events import at
from test_events import scores

from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation.streams.choice import choose
from bifsmn_tf.evaluation.streams.labels import Word

HOUR = 3600


def stream(**times):
    """An hour; each keyword is certain at some times, by so much."""
    columns = []
    for events in times.values():
        column = np.zeros(10 * HOUR)
        for time, value in events:
            column = np.maximum(column, value * at(HOUR, time))
        columns.append(column)
    return np.stack(columns, axis=1)


def said(label, *times):
    return [Word(time - 0.5, time, label) for time in times]


def chosen(values, words, rate, **settings):
    settings = {"smoothings": [0.0], "holds": [1.0]} | settings
    return choose([scores(values, words)], rate, window=1.0, **settings)


def test_the_lowest_threshold_that_keeps_to_the_rate():
    hits = [(100, 0.95), (200, 0.7), (300, 0.3)]
    false = [(1000, 0.6), (2000, 0.4), (2500, 0.2)]
    words = said("a", 100, 200, 300)
    values = stream(a=hits + false)
    found = chosen(values, words, 0)
    assert 0.6 < found.settings.thresholds["a"] <= 0.7
    assert found.reached and found.point.hits == {"a": 2}
    found = chosen(values, words, 2)
    assert 0.2 < found.settings.thresholds["a"] <= 0.3
    assert found.point.false == {"a": 2} and found.point.hits == {"a": 3}
    assert found.settings.false_accepts_per_hour == 2
    # One more false accept would find no more words.
    assert chosen(values, words, 1).point.false == {"a": 0}


def test_the_keyword_that_gains_most_gets_the_false_accepts():
    a = [(100, 0.9), (200, 0.9), (300, 0.3), (1000, 0.5)]
    b = [(400, 0.9), (500, 0.3), (600, 0.3), (2000, 0.5)]
    words = said("a", 100, 200, 300) + said("b", 400, 500, 600)
    found = chosen(stream(a=a, b=b), words, 1)
    assert found.point.false == {"a": 0, "b": 1}
    assert found.point.hits == {"a": 2, "b": 3}
    thresholds = found.settings.thresholds
    assert thresholds["b"] <= 0.3 < 0.5 < thresholds["a"] <= 0.9


def test_one_threshold_for_all_keywords():
    a = [(100, 0.9), (200, 0.9), (300, 0.3), (1000, 0.5)]
    b = [(400, 0.9), (500, 0.6), (600, 0.3), (2000, 0.4)]
    words = said("a", 100, 200, 300) + said("b", 400, 500, 600)
    found = chosen(stream(a=a, b=b), words, 0, common=True)
    one, other = found.settings.thresholds.values()
    assert 0.5 < one == other <= 0.6
    assert found.point.hits == {"a": 2, "b": 2}
    # One false accept more would find nothing, both find all.
    found = chosen(stream(a=a, b=b), words, 1, common=True)
    assert found.point.false == {"a": 0, "b": 0}
    found = chosen(stream(a=a, b=b), words, 2, common=True)
    assert found.point.hits == {"a": 3, "b": 3}
    assert 0 < max(found.settings.thresholds.values()) <= 0.3


def test_no_common_threshold_reaches_the_rate():
    values = stream(a=[(100, 1.0), (1000, 1.0)], b=[(2000, 1.0), (300, 0.5)])
    found = chosen(values, said("a", 100) + said("b", 300), 1, common=True)
    assert not found.reached
    assert sum(found.point.false.values()) == 2
    assert found.point.hits == {"a": 1, "b": 1}


def test_a_rate_that_no_threshold_reaches():
    values = stream(a=[(100, 1.0), (1000, 1.0), (2000, 1.0)])
    found = chosen(values, said("a", 100), 1)
    assert not found.reached
    assert found.point.false == {"a": 2}


def test_smoothing_that_tells_words_from_clicks():
    values = stream(a=[(1000, 1.0), (2000, 1.0)])[:, 0]
    for time in (100, 200):
        values = np.maximum(values, 0.9 * at(HOUR, time, width=0.5))
    words = said("a", 100, 200)
    every = {"smoothings": [0.0, 0.3], "holds": [1.0, 0.5]}
    found = chosen(values, words, 0, **every)
    assert (found.settings.smoothing, found.settings.hold) == (0.3, 1.0)
    assert found.point.hits == {"a": 2} and found.point.false == {"a": 0}


def test_what_cannot_be_chosen_on():
    values = np.zeros((10, 2))
    with pytest.raises(UserError, match="nobody says b"):
        chosen(values, [Word(0, 0.5, "a")], 1)
    trial = scores(np.zeros(10), [Word(0, 1, "a")], trial=True)
    with pytest.raises(UserError, match="from streams only"):
        choose([trial], 1, 1.0)
    with pytest.raises(UserError, match="not negative"):
        chosen(values, [], -1)
