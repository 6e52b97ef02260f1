import numpy as np
import pytest
from sounds import speakers_of

from bifsmn_tf.data.clips import CLIP
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.speech_commands import protocol
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.data.speech_commands.protocol import plan
from bifsmn_tf.data.speech_commands.tasks import TASKS
from bifsmn_tf.errors import DataError

V2 = TASKS["v0.02-12-official"]
BIFSMN = TASKS["v0.02-12-bifsmn"]
NOISE = {"hiss.wav": 60 * 16000, "hum.wav": 90 * 16000}
SPEAKERS = {"train": 40, "validation": 7, "test": 9}


def files(words, each=1, **speakers):
    """Every speaker says every word ``each`` times."""
    speakers = {**SPEAKERS, **speakers}
    names = [
        f"{speaker}_nohash_{i}.wav"
        for split, count in speakers.items()
        for speaker in speakers_of(split, count)
        for i in range(each)
    ]
    return {word: names for word in words}


WHOLE = files(tasks.WORDS["v0.02"])


def counts(examples):
    labels, numbers = np.unique([e.label for e in examples], return_counts=True)
    return dict(zip(labels.tolist(), numbers.tolist(), strict=True))


def test_names_of_the_tasks():
    assert list(TASKS) == [
        "v0.01-12-official",
        "v0.01-12-bifsmn",
        "v0.01-20-official",
        "v0.01-30-official",
        "v0.02-12-official",
        "v0.02-12-bifsmn",
        "v0.02-20-official",
        "v0.02-35-official",
    ]
    assert all(task.name == name for name, task in TASKS.items())


@pytest.mark.parametrize(
    ("speaker", "split"),
    [
        ("00970ce1", "train"),
        ("0132a06d", "train"),
        ("0d82fd99", "validation"),
        ("026290a7", "validation"),
        ("bb05582b", "test"),
        ("0c40e715", "test"),
    ],
)
def test_speakers_of_the_official_lists(speaker, split):
    for file in (f"{speaker}_nohash_0.wav", f"yes/{speaker}_nohash_12.wav"):
        assert protocol.hashed_split(file) == split


def test_hash_agrees_with_the_lists(speech):
    """The lists here divide what the hash puts into validation."""
    from bifsmn_tf.data.speech_commands import extracted

    lists = extracted.split_lists(speech)
    for word, names in extracted.word_files(speech).items():
        for name in names:
            listed = any(f"{word}/{name}" in lists[s] for s in lists)
            held_out = protocol.hashed_split(name) in ("validation", "test")
            assert listed == held_out, name


def test_shares_of_the_hash():
    found = [protocol.hashed_split(f"{i:08x}") for i in range(20000)]
    for split, share in (("validation", 0.1), ("test", 0.1)):
        assert abs(found.count(split) / len(found) - share) < 0.01


def test_official_counts():
    """Unknown and silence are as frequent as one keyword."""
    result = plan(V2, WHOLE, NOISE)
    assert result.label_names == (*KEYWORDS, "unknown", "silence")
    assert result.notes == ()
    for split, speakers in SPEAKERS.items():
        assert counts(result.splits[split]) == dict.fromkeys(
            result.label_names, speakers
        )


def test_bifsmn_counts():
    """Every other word is unknown, silence a tenth of the words in zeros."""
    result = plan(BIFSMN, WHOLE, NOISE)
    assert result.label_names == (*KEYWORDS, "unknown", "silence")
    for split, speakers in SPEAKERS.items():
        found = counts(result.splits[split])
        assert found["yes"] == speakers
        assert found["unknown"] == 25 * speakers
        assert found["silence"] == 35 * speakers // 10
    silence = [e for e in result.splits["test"] if e.label == "silence"]
    assert all(e.file == "" for e in silence)
    assert len({e.id for e in silence}) == len(silence)


def test_bifsmn_has_silence_without_noise():
    assert "silence" in plan(BIFSMN, WHOLE, {}).label_names


@pytest.mark.parametrize("name", ["v0.02-20-official", "v0.02-35-official"])
def test_tasks_without_others(name):
    task = TASKS[name]
    result = plan(task, WHOLE, NOISE)
    assert result.label_names == task.keywords
    assert counts(result.splits["test"]) == dict.fromkeys(task.keywords, 9)


def test_first_version_has_30_words():
    task = TASKS["v0.01-30-official"]
    assert len(task.keywords) == 30
    assert "visual" not in task.keywords
    twelve = plan(TASKS["v0.01-12-bifsmn"], WHOLE, NOISE)
    assert counts(twelve.splits["test"])["unknown"] == 20 * 9


def test_unknown_is_balanced_over_the_words():
    result = plan(V2, WHOLE, NOISE)
    words = [
        e.file.split("/")[0]
        for e in result.splits["train"]
        if e.label == "unknown"
    ]
    _, numbers = np.unique(words, return_counts=True)
    assert len(numbers) == 25
    assert numbers.max() - numbers.min() <= 1


def test_rare_words_are_used_up():
    some = files([*KEYWORDS, "bed", "cat"])
    some["cat"] = some["cat"][:3]
    result = plan(V2, some, NOISE)
    unknown = [e.file for e in result.splits["train"] if e.label == "unknown"]
    assert sum(file.startswith("cat/") for file in unknown) == 3
    assert len(unknown) == 40


def test_unknown_ratio_is_for_training_only():
    few = plan(V2, WHOLE, NOISE)
    many = plan(V2, WHOLE, NOISE, unknown_ratio=2.5)
    assert counts(many.splits["train"])["unknown"] == 100
    assert many.splits["test"] == few.splits["test"]
    assert many.splits["validation"] == few.splits["validation"]


def test_unknown_ratio_beyond_what_there_is():
    some = files([*KEYWORDS, "bed", "cat"])
    result = plan(V2, some, NOISE, unknown_ratio=5)
    assert counts(result.splits["train"])["unknown"] == 80
    assert any("80 clips" in n and "200 were" in n for n in result.notes)


@pytest.mark.parametrize("name", ["v0.02-12-bifsmn", "v0.02-35-official"])
def test_unknown_ratio_elsewhere_is_refused(name):
    with pytest.raises(DataError, match="unknown_ratio"):
        plan(TASKS[name], WHOLE, NOISE, unknown_ratio=2)
    with pytest.raises(DataError, match="has to be positive"):
        plan(V2, WHOLE, NOISE, unknown_ratio=0)


def test_same_arguments_same_plan():
    backwards = {w: WHOLE[w][::-1] for w in reversed(WHOLE)}
    assert plan(V2, WHOLE, NOISE) == plan(V2, backwards, NOISE)
    other = plan(V2, WHOLE, NOISE, seed=1)
    assert other.splits["train"] != plan(V2, WHOLE, NOISE).splits["train"]


def test_nobody_is_in_two_splits():
    for task in TASKS.values():
        result = plan(task, WHOLE, NOISE)
        speakers = [
            {e.speaker for e in result.splits[split]} - {""} for split in SPLITS
        ]
        assert all(speakers)
        assert not speakers[0] & speakers[1]
        assert not speakers[0] & speakers[2]
        assert not speakers[1] & speakers[2]


def test_lists_go_before_the_hash():
    names = WHOLE["yes"]
    lists = {
        "validation": {f"yes/{names[0]}"},
        "test": {f"yes/{names[1]}"},
    }
    result = plan(V2, {"yes": names[:3]}, {}, lists=lists)
    assert {s: [e.file for e in x] for s, x in result.splits.items()} == {
        "train": [f"yes/{names[2]}"],
        "validation": [f"yes/{names[0]}"],
        "test": [f"yes/{names[1]}"],
    }


def test_lists_that_divide_a_speaker():
    lists = {"validation": set(), "test": {f"yes/{WHOLE['yes'][0]}"}}
    with pytest.raises(DataError, match="train as well as in test"):
        plan(V2, WHOLE, NOISE, lists=lists)


def test_part_of_the_words():
    some = files([*KEYWORDS[:6], "stop", "go", "bed"])
    result = plan(V2, some, NOISE)
    keywords = [w for w in KEYWORDS if w not in ("on", "off")]
    assert result.label_names == (*keywords, "unknown", "silence")
    first, second = result.notes
    assert "8 of the 10 keywords" in first
    assert first.endswith("missing: on, off.")
    assert "zero" in second
    assert second.endswith(protocol.NOT_COMPARABLE)


def test_part_without_other_words_or_noise():
    result = plan(V2, files(KEYWORDS), {})
    assert result.label_names == KEYWORDS
    notes = " ".join(result.notes)
    assert "no class unknown" in notes
    assert "no class silence" in notes


def test_no_keyword_at_all():
    with pytest.raises(DataError, match=r"None of the words .*yes, no"):
        plan(V2, {"hello": ["a_nohash_0.wav"]}, NOISE)


def test_silence_is_cut_from_parts_that_do_not_overlap():
    result = plan(V2, WHOLE, NOISE)
    for file, length in NOISE.items():
        ends = {}
        for split in SPLITS:
            starts = [
                e.start
                for e in result.splits[split]
                if e.label == "silence" and e.file.endswith(file)
            ]
            ends[split] = (min(starts), max(starts) + CLIP)
        assert ends["train"][1] <= 0.8 * length <= ends["validation"][0]
        assert ends["validation"][1] <= 0.9 * length <= ends["test"][0]
        assert ends["test"][1] <= length


def test_silence_takes_turns_and_varies_in_level():
    cuts = protocol.silence(NOISE, "train", 101, seed=0)
    assert len(cuts) == 101
    assert sum("hiss" in e.file for e in cuts) == 51
    assert len({e.id for e in cuts}) == 101
    levels = [e.level for e in cuts]
    assert min(levels) < 0.1
    assert max(levels) > 0.9


def test_silence_from_recordings_that_are_too_short():
    with pytest.raises(DataError, match="test silence.* ten seconds"):
        protocol.silence({"a.wav": 5 * 16000}, "test", 1, seed=0)


def archived(words, speakers):
    names = [f"{s}_nohash_0.wav" for s in speakers]
    return {folder: names for folder in (*words, "_unknown_", "_silence_")}


def test_archive_becomes_the_test_split():
    archive = archived(KEYWORDS, speakers_of("test", 3))
    result = plan(V2, WHOLE, NOISE, archive=archive)
    assert counts(result.splits["test"]) == dict.fromkeys(result.label_names, 3)
    assert result.splits["train"] == plan(V2, WHOLE, NOISE).splits["train"]
    # The others have no archive of their own.
    assert plan(BIFSMN, WHOLE, NOISE, archive=archive) == plan(
        BIFSMN, WHOLE, NOISE
    )


def test_nobody_in_the_archive_is_trained_on():
    known = speakers_of("train", 2)
    archive = archived(KEYWORDS, [*speakers_of("test", 3), known[0]])
    result = plan(V2, WHOLE, NOISE, archive=archive)
    trained = {e.speaker for e in result.splits["train"]}
    assert known[0] not in trained
    assert known[1] in trained


def test_archive_that_lacks_a_folder():
    archive = archived(KEYWORDS[1:], speakers_of("test", 1))
    with pytest.raises(DataError, match="lacks the folders yes"):
        plan(V2, WHOLE, NOISE, archive=archive)


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("0a7c2a8d_nohash_0.wav", "0a7c2a8d"),
        ("yes/0a7c2a8d_nohash_0.wav", "0a7c2a8d"),
        ("my voice_nohash_12.flac", "my voice"),
        ("hello.wav", ""),
    ],
)
def test_speaker(name, speaker):
    assert protocol.speaker_of(name) == speaker
