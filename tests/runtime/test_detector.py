"""Decisions become events: once for each keyword that is spoken."""

import numpy as np
import pytest

from bifsmn_tf.errors import UserError
from bifsmn_tf.runtime.detector import Detector
from bifsmn_tf.runtime.streaming import Decision

LABELS = ("yes", "no", "unknown", "silence")
RATE = 16000
HOP = 512


def detections(scores, **settings):
    """What is heard in decisions, given as (label, probability) each."""
    detector = Detector(LABELS, RATE, **settings)
    found = []
    for i, (label, probability) in enumerate(scores):
        probabilities = np.full(4, (1 - probability) / 3, np.float32)
        probabilities[LABELS.index(label)] = probability
        found.append(detector.push(Decision((i + 1) * HOP, probabilities)))
    return [event for event in found if event]


def test_one_event_for_a_word_that_lasts():
    scores = [("silence", 0.97)] * 20 + [("yes", 0.97)] * 100
    (event,) = detections(scores, hold=0.5)
    assert event.label == "yes"
    assert event.probability >= 0.8
    # Later than the word began, by less than what is averaged.
    assert 21 * HOP / RATE < event.time < 21 * HOP / RATE + 0.2


def test_the_same_word_again():
    word = [("yes", 0.97)] * 15
    pause = [("silence", 0.97)] * 30
    events = detections(word + pause + word + pause, hold=0.5)
    assert [event.label for event in events] == ["yes", "yes"]
    events = detections(word + pause + word + pause, hold=5)
    assert len(events) == 1


def test_one_word_after_another():
    scores = [("yes", 0.97)] * 15 + [("no", 0.97)] * 15
    assert [e.label for e in detections(scores)] == ["yes", "no"]


def test_other_classes_are_no_events():
    assert not detections([("unknown", 1.0)] * 50 + [("silence", 1.0)] * 50)


def test_a_single_decision_is_smoothed_away():
    scores = [("silence", 0.97)] * 20 + [("yes", 0.97)] + [("no", 0.4)] * 20
    assert not detections(scores)
    assert detections(scores, smoothing=0.0)


def test_nothing_is_known_before_the_first_decision():
    assert not Detector(LABELS, RATE).probabilities.any()


@pytest.mark.parametrize(
    "settings", [{"threshold": 0}, {"threshold": 1.1}, {"hold": -1}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(UserError):
        Detector(LABELS, RATE, **settings)


def test_a_threshold_for_each_keyword():
    scores = [("yes", 0.7)] * 15 + [("no", 0.7)] * 15
    own = {"yes": 0.6, "no": 0.9}
    assert [e.label for e in detections(scores, threshold=own)] == ["yes"]
    with pytest.raises(UserError, match="none for no"):
        detections(scores, threshold={"yes": 0.5})


def test_a_word_that_lasts_is_one_event_without_smoothing():
    scores = [("silence", 1.0)] + [("yes", 0.97)] * 100
    assert len(detections(scores, smoothing=0, hold=0.1)) == 1


def test_a_word_that_begins_while_it_is_held_is_no_event_later():
    word, pause = [("yes", 0.97)], [("silence", 0.97)]
    scores = word * 5 + pause * 5 + word * 60
    settings = {"smoothing": 0.0, "hold": 1.0}
    assert len(detections(scores, **settings)) == 1
    assert len(detections(scores + pause + word, **settings)) == 2
