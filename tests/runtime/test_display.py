"""What a listener sees."""

import io

import numpy as np
import pytest

from bifsmn_tf.runtime import display

LABELS = ("yes", "no", "unknown", "silence")


def test_a_line_has_level_leading_labels_depth_and_load():
    probabilities = np.array([0.1, 0.7, 0.15, 0.05])
    text = display.line(LABELS, -30.0, probabilities, 4, 0.0123)
    bar, rest = text[:20], text[20:]
    assert bar == "█" * 10 + "·" * 10
    assert "-30 dB" in rest
    assert "δ = 4" in rest
    assert "1.2 % of a core" in rest
    places = [rest.index(word) for word in ("no ", "unknown", "yes")]
    assert places == sorted(places)
    assert "silence" not in rest


@pytest.mark.parametrize(
    ("samples", "level"),
    [
        (np.zeros(100), -120),
        (np.zeros(0), -120),
        (np.ones(100), 0),
        (np.full(100, 0.1), -20),
    ],
)
def test_levels(samples, level):
    found = display.level_of(samples.astype(np.float32))
    assert found == pytest.approx(level, abs=0.01)


def test_load_is_processor_time_a_second_of_sound(monkeypatch):
    now = [10.0]
    monkeypatch.setattr(display.time, "process_time", lambda: now[0])
    load = display.Load(16000)
    now[0] += 0.02
    assert load.add(8000) == 0
    now[0] += 0.02
    assert load.add(8000) == pytest.approx(0.04)
    assert load.add(8000) == pytest.approx(0.04)


def test_nothing_is_shown_where_there_is_no_terminal(capfd):
    with display.make_display(LABELS, 16000) as shown:
        shown.show(np.zeros(100, np.float32), np.full(4, 0.25), 1)
    assert capfd.readouterr() == ("", "")


def test_brackets_in_a_label_are_no_markup(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(display.sys, "stderr", Terminal())
    with display.make_display(("[/b]", "[red]no"), 16000) as shown:
        shown.show(np.zeros(100, np.float32), np.array([0.6, 0.4]), 1)
    assert "[/b]" in display.sys.stderr.getvalue()
    assert "[red]no" in display.sys.stderr.getvalue()
