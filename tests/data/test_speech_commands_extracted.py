import numpy as np
import pytest
import soundfile
from sounds import archive
from sounds import speakers_of
from sounds import write

from bifsmn_tf.audio import files as audio
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data import datasets
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.speech_commands import extracted
from bifsmn_tf.data.speech_commands import protocol
from bifsmn_tf.data.speech_commands import tasks
from bifsmn_tf.errors import DataError

TASK = tasks.TASKS["v0.02-12-official"]
WORDS = ("yes", "no", "go", "bed", "cat")


@pytest.fixture
def folder(tmp_path):
    return archive(tmp_path / "speech", WORDS)


def test_loads_a_part(folder):
    dataset = extracted.load(TASK, folder)
    assert dataset.name == "speech_commands/v0.02-12-official"
    assert dataset.label_names == ("yes", "no", "go", "unknown", "silence")
    assert dataset.counts("train") == dict.fromkeys(dataset.label_names, 4)
    assert dataset.counts("test") == dict.fromkeys(dataset.label_names, 2)
    assert "missing: up, down" in dataset.notes[0]


def test_clips_are_the_files(folder):
    clips = extracted.load(TASK, folder).splits["train"]
    for file, clip, speaker in zip(
        clips.files, clips.waveforms, clips.speakers, strict=True
    ):
        if not speaker:
            continue
        sound = audio.read(folder / file)
        np.testing.assert_array_equal(clip[: len(sound)], sound)
        assert not clip[len(sound) :].any()
        assert file.split("/")[1].startswith(speaker)


def test_silence_is_a_piece_of_noise_at_some_level(folder):
    clips = extracted.load(TASK, folder).splits["test"]
    silent = [i for i, f in enumerate(clips.files) if f.startswith("_back")]
    assert len(silent) == 2
    for i in silent:
        name, _, start = clips.files[i].partition("#")
        piece = audio.read(folder / name)[int(start) :][:16000].astype("f8")
        clip = clips.waveforms[i]
        level = np.dot(clip, piece) / np.dot(piece, piece)
        assert 0 <= level <= 1
        np.testing.assert_allclose(clip, level * piece, atol=1)


def test_bifsmn_silence_is_zeros(folder):
    task = tasks.TASKS["v0.02-12-bifsmn"]
    clips = extracted.load(task, folder).splits["train"]
    silent = clips.labels == 4
    assert silent.sum() == 20 // 10
    assert not clips.waveforms[silent].any()


def test_same_seed_same_clips(folder):
    first, second = (extracted.load(TASK, folder, seed=3) for _ in range(2))
    for split in SPLITS:
        np.testing.assert_array_equal(
            first.splits[split].waveforms, second.splits[split].waveforms
        )


def test_order_is_by_label_and_file(folder):
    clips = extracted.load(TASK, folder).splits["train"]
    keys = list(zip(clips.labels, clips.files, strict=True))
    assert keys == sorted(keys)


def test_noise_is_what_belongs_to_training(folder):
    dataset = extracted.load(TASK, folder)
    assert [len(sound) for sound in dataset.noise] == [153600, 153600]
    whole = to_float(audio.read(folder / "_background_noise_" / "a.wav"))
    np.testing.assert_array_equal(dataset.noise[0], whole[:153600])


def test_bad_files_are_named_and_left_out(folder):
    bad = folder / "yes" / f"{speakers_of('train', 1)[0]}_nohash_0.wav"
    bad.write_text("hello")
    (folder / "_background_noise_" / "b.wav").write_bytes(b"")
    dataset = extracted.load(TASK, folder)
    assert dataset.counts("train")["yes"] == 3
    assert len(dataset.noise) == 1
    notes = "\n".join(dataset.notes)
    assert f"yes/{bad.name}" in notes
    assert "_background_noise_/b.wav is empty" in notes


def test_noise_that_was_turned_down(folder):
    for name in ("a.wav", "b.wav"):
        write(folder / "_background_noise_" / name, 12 * 16000, level=0.01)
    dataset = extracted.load(TASK, folder)
    assert any("turned down" in note for note in dataset.notes)


def test_lists(folder):
    names = sorted(p.name for p in (folder / "yes").iterdir())
    speakers = [protocol.speaker_of(name) for name in names]
    for split, chosen in (
        ("validation", speakers[:1]),
        ("test", speakers[1:3]),
    ):
        lines = [
            f"{word}/{speaker}_nohash_0.wav"
            for word in WORDS
            for speaker in chosen
        ]
        path = folder / protocol.LISTS[split]
        path.write_text("\n".join(lines) + "\n")
    dataset = extracted.load(TASK, folder)
    assert dataset.counts("validation")["yes"] == 1
    assert dataset.counts("test")["yes"] == 2
    assert dataset.counts("train")["yes"] == 5
    (folder / "testing_list.txt").unlink()
    with pytest.raises(DataError, match="validation_list.txt, but not"):
        extracted.load(TASK, folder)


@pytest.mark.parametrize("inside", [True, False])
def test_archive_in_or_beside_the_folder(folder, inside):
    name = "speech_commands_test_set_v0.02"
    place = folder / name if inside else folder.parent / name
    for word in (*WORDS[:3], "_unknown_", "_silence_"):
        for speaker in speakers_of("test", 5):
            write(place / word / f"{speaker}_nohash_3.wav", 16000)
    dataset = extracted.load(TASK, folder)
    assert dataset.counts("test") == dict.fromkeys(dataset.label_names, 5)
    assert dataset.counts("train") == dict.fromkeys(dataset.label_names, 4)
    files = dataset.splits["test"].files
    assert files[-1].startswith("_silence_/")
    np.testing.assert_array_equal(
        dataset.splits["test"].waveforms[-1], audio.read(place / files[-1])
    )


def test_recordings_of_other_rates(folder):
    path = folder / "yes" / f"{speakers_of('train', 1)[0]}_nohash_0.wav"
    soundfile.write(path, np.zeros((8000, 2)), 8000)
    dataset = extracted.load(TASK, folder)
    assert dataset.counts("train")["yes"] == 4


@pytest.mark.filterwarnings("ignore::bifsmn_tf.errors.DataWarning")
def test_real_recordings(speech, speech_cache):
    name = f"speech_commands/{TASK.name}"
    dataset = datasets.load(name, speech, cache_dir=speech_cache)
    keywords = [word for word in KEYWORDS if word not in ("on", "off")]
    assert dataset.label_names == (*keywords, "unknown", "silence")
    assert dataset.counts("train")["yes"] == 900
    for split in SPLITS:
        counts = dataset.counts(split)
        spoken = sum(counts[word] for word in keywords)
        assert counts["unknown"] == counts["silence"] == -(-spoken // 8)
    speakers = [set(dataset.splits[s].speakers) - {""} for s in SPLITS]
    assert not speakers[0] & speakers[1] | speakers[0] & speakers[2]
    assert not speakers[1] & speakers[2]
    assert not any("turned down" in note for note in dataset.notes)
