"""The report on a file that was deployed."""

import json

import numpy as np
import pytest

from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import deployment
from bifsmn_tf.evaluation.streams import choice
from bifsmn_tf.evaluation.streams.labels import Word
from bifsmn_tf.evaluation.streams.scores import Scores

STEP = 2048


def scores(name, source, probabilities, words=(), trial=False):
    rows = np.array(probabilities, np.float32)[:, np.newaxis]
    return Scores(
        name,
        source,
        words,
        trial,
        False,
        ("stop",),
        len(rows) * STEP / 16000,
        16000,
        STEP * np.arange(1, len(rows) + 1),
        rows,
    )


def trial(voice, number, peak):
    line = [0.0] * 8 + [peak] * 4 + [0.0] * 8
    word = Word(0.0, len(line) * STEP / 16000, "stop")
    return scores(f"{voice}#{number}", "validation", line, (word,), trial=True)


@pytest.fixture
def sounds():
    clips = Clips(
        np.zeros((3, 16000), np.int16),
        np.array([0, 1, 0], np.int32),
        ("a", "b", "c"),
        ("en+m1", "en+m2", "en+m3"),
    )
    return deployment.Sounds(
        KeywordDataset(
            "synthetic", ("stop", "unknown"), {"validation": clips}, ()
        ),
        {"people": np.zeros(16000 * 3600, np.int16)},
        [("shop", np.zeros(16000, np.int16))],
    )


def test_the_report_says_who_was_missed_and_what_is_near(tmp_path, sounds):
    speech = [0.0] * 28000
    speech[5000:5004] = [0.7] * 4
    found = [
        trial("en+m1", 0, 0.9),
        trial("en+m1", 1, 0.95),
        trial("en+f2", 2, 0.3),
        trial("en+f2", 3, 0.97),
        scores("people", "people", speech),
    ]
    chosen = choice.choose(found, 0.5, 1.0, [0.0], [1.0])
    assert 0.7 < chosen.settings.thresholds["stop"] <= 0.9
    near = [
        scores("shop#0", "similar", [0.0, 0.96, 0.0], trial=True),
        scores("shop#1", "similar", [0.0, 0.1, 0.0], trial=True),
        scores("chop#2", "similar", [0.0, 0.2, 0.0], trial=True),
    ]
    deployment._write_report(tmp_path, sounds, chosen, found, near)
    text = (tmp_path / deployment.REPORT).read_text()
    assert text.startswith("# stop\n")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    assert ["en+f2", "1 of 2"] in rows
    assert not [row for row in rows if row[0] == "en+m1"]
    assert ["shop", "0.960", "1 of 2"] in rows
    assert ["chop", "0.200", "0 of 1"] in rows
    assert "missed 25.0%" in text
    assert (tmp_path / "report_det.png").stat().st_size > 1000
    figures = json.loads((tmp_path / "report.json").read_text())
    (model,) = figures["models"].values()
    assert model["chosen"]["figures"]["missed"] == 1


def test_every_keyword_of_the_split_is_a_trial(sounds):
    trials = deployment._trials(sounds.dataset)
    assert [x.name for x in trials] == ["en+m1#0", "en+m3#2"]
    assert all(x.trial and x.words[0].label == "stop" for x in trials)


def test_without_speech_there_is_no_rate(tmp_path, sounds):
    silent = deployment.Sounds(sounds.dataset, {})
    with pytest.raises(UserError, match="--validation_negatives"):
        deployment.deploy(tmp_path, silent, 0.5)
