"""Label files, good and bad: one error that says where and what to do."""

import numpy as np
import pytest
import soundfile

from bifsmn_tf.errors import DataError
from bifsmn_tf.errors import DataWarning
from bifsmn_tf.evaluation.streams import labels
from bifsmn_tf.evaluation.streams import recordings
from bifsmn_tf.evaluation.streams.labels import Word


def sound(path, seconds=2.0, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(round(seconds * rate), 0.1), rate)
    return path


def written(tmp_path, text, name="one.txt"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_label_track_of_audacity(tmp_path):
    text = (
        "0.500000\t1.000000\tyes\r\n"
        "\\\t100.0\t2000.0\r\n"
        "\r\n"
        "1,25\t1,5\tlights off\r\n"
    )
    assert labels.read_track(written(tmp_path, text)) == [
        Word(0.5, 1.0, "yes"),
        Word(1.25, 1.5, "lights off"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ("0.5\t1.0\tyes\n1 2 no\n", 2, "with tabs between them"),
        ("0.5\t1.0\n", 1, "with tabs between them"),
        ("\n0.5\tend\tyes\n", 2, "times in seconds, such as 1.25"),
        ("2\t1\tyes", 1, "put the earlier time first"),
        ("-1\t1\tyes", 1, "put the earlier time first"),
        ("0\tnan\tyes", 1, "put the earlier time first"),
        ("1\t2\t \n", 1, "write which it is"),
    ],
)
def test_a_bad_track_is_one_error(tmp_path, text, line, remedy):
    path = written(tmp_path, text)
    with pytest.raises(DataError) as error:
        labels.read_track(path)
    assert f"{path}, line {line}: " in str(error.value)
    assert remedy in str(error.value)


def test_a_track_that_is_no_text(tmp_path):
    path = written(tmp_path, b"1\t2\t\xff\xfe\n")
    with pytest.raises(DataError, match="no text in UTF-8"):
        labels.read_track(path)


def test_a_table(tmp_path):
    text = (
        "\ufeffFile,Start,End,Word\n"
        "one.wav,0.5,1,yes\n"
        "\n"
        'b/two.wav, 1.5, 2, "lights, off"\n'
        "one.wav,0.1,0.2,no\n"
    )
    path = written(tmp_path, text, "labels.csv")
    assert labels.read_table(path, ["one.wav", "b/two.wav"]) == {
        "one.wav": [Word(0.5, 1, "yes"), Word(0.1, 0.2, "no")],
        "b/two.wav": [Word(1.5, 2, "lights, off")],
    }


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ("", 1, "heading has to be file,start,end,word"),
        ("one.wav,1,2,yes\n", 1, "heading has to be file,start,end,word"),
        ("file,start,end,word\none.wav,1,2\n", 2, "3 fields instead of"),
        ("file,start,end,word\none.wav,1,2,a,b\n", 2, "in quotes"),
        ("file,start,end,word\ntwo.wav,1,2,yes\n", 2, "no recording 'two.wav'"),
        ("file,start,end,word\n\none.wav,x,2,yes\n", 3, "times in seconds"),
    ],
)
def test_a_bad_table_is_one_error(tmp_path, text, line, remedy):
    path = written(tmp_path, text, "labels.csv")
    with pytest.raises(DataError) as error:
        labels.read_table(path, ["one.wav"])
    assert f"{path}, line {line}: " in str(error.value)
    assert remedy in str(error.value)


def test_a_folder_of_recordings(tmp_path):
    sound(tmp_path / "b" / "one.wav")
    sound(tmp_path / "two.ogg", 1.5)
    written(tmp_path, "0.5\t1\tyes\n", "two.txt")
    first, second = recordings.folder(tmp_path)
    assert (first.name, first.words) == ("b/one.wav", ())
    assert second.words == (Word(0.5, 1.0, "yes"),)
    assert len(first.samples(16000)) == 32000
    assert len(first.samples(8000)) == 16000
    (both,) = recordings.folder(tmp_path, join=True)
    assert both.words == (Word(2.5, 3.0, "yes"),)
    assert len(both.samples(16000)) == 56000


def test_labels_without_a_recording_are_told(tmp_path):
    sound(tmp_path / "one.wav")
    written(tmp_path, "0.5\t1\tyes\n", "on.txt")
    with pytest.warns(DataWarning, match=r"on\.txt"):
        recordings.folder(tmp_path)


@pytest.mark.parametrize("tables", [("a.csv", "b.csv"), ()])
def test_folders_that_cannot_be_used(tmp_path, tables):
    for name in tables:
        sound(tmp_path / "one.wav")
        written(tmp_path, "file,start,end,word\n", name)
    message = "several CSV files" if tables else "no recordings in"
    with pytest.raises(DataError, match=message):
        recordings.folder(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        recordings.folder(tmp_path / "none")


def test_trials(tmp_path):
    sound(tmp_path / "alexa" / "one.wav")
    (trial,) = recordings.trials(tmp_path / "alexa")
    assert trial.words == (Word(0.0, np.inf, "alexa"),)
    samples = trial.samples(16000)
    assert len(samples) == 64000
    assert not samples[:16000].any() and not samples[-16000:].any()
    assert samples[16000:-16000].all()
    (trial,) = recordings.trials(tmp_path / "alexa", "hey you")
    assert trial.words[0].label == "hey you"
