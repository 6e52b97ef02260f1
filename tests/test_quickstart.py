"""How the quickstart ends: a voice speaks, and listen hears it."""

import re

import numpy as np
import soundfile

from bifsmn_tf import pretrained
from bifsmn_tf import quickstart


def test_words_are_spoken_one_after_the_other(tmp_path):
    path = tmp_path / "phrase.wav"
    quickstart.speak(["yes", "stop"], path)
    sound, rate = soundfile.read(path)
    assert rate == 16000
    assert 2 < len(sound) / rate < 5
    loud = np.abs(sound) > 0.1 * np.abs(sound).max()
    # Two stretches of sound, silence before, between and behind.
    starts = np.flatnonzero(np.diff(loud.astype(int)) == 1)
    gaps = np.diff(starts)
    assert (gaps > rate // 2).sum() >= 1
    assert not loud[:4000].any() and not loud[-4000:].any()


def test_what_is_spoken_is_heard_and_the_next_command_told(tmp_path, capsys):
    model = pretrained.find("bifsmn-sc12")
    quickstart.hear(model, tmp_path / "phrase.wav")
    text = capsys.readouterr().out
    assert "a voice says: yes, no, up" in text
    heard = re.findall(r"^ +[\d.]+ s  (\w+) +[01]\.\d\d$", text, re.M)
    assert set(heard) & {"yes", "no", "up"}, text
    assert text.rstrip().endswith(f"-m bifsmn_tf.listen --model={model}")
