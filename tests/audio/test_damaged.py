"""A thousand damaged recordings: counted and named, or what they were.

    python tests/support/damaged.py FOLDER --count=1000 --seed=1

is another thousand. None ends a process, hangs it, or is another sound under
the same name.
"""

import os
import re
from collections import Counter

import damaged
import numpy as np
import pytest
import soundfile
import soxr
from sounds import write

from bifsmn_tf.audio import files
from bifsmn_tf.audio import flac
from bifsmn_tf.data import clip_cache
from bifsmn_tf.data import folder
from bifsmn_tf.errors import DataError

COUNT = 300


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged")
    yield root, damaged.make(root, COUNT, seed=0)
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o600)


def test_each_is_refused_or_what_it_was(made):
    _, recordings = made
    outcomes = Counter((r.damage, damaged.outcome(r)) for r in recordings)
    assert not [key for key in outcomes if key[1] == "another"]
    by_damage = {damage for damage, _ in outcomes}
    assert by_damage >= {*damaged.DAMAGES, *damaged.SPOILED, *damaged.PLACES}
    assert outcomes["none", "same"] == sum(
        r.damage == "none" for r in recordings
    )
    for damage in ("cut", "empty", "others", "not numbers", "scaled", "pipe"):
        assert (damage, "same") not in outcomes, damage


@pytest.mark.parametrize(
    ("form", "subtype", "fields"),
    [
        # What is said of all frames, which say it once more.
        ("flac", "PCM_16", range(18, 26)),
        ("flac", "PCM_24", range(18, 26)),
        # Format and rates.
        ("wav", "IMA_ADPCM", range(20, 32)),
        ("wav", "MS_ADPCM", range(20, 32)),
        ("wav", "PCM_16", range(20, 36)),
    ],
)
@pytest.mark.parametrize("rate", [11025, 16000])
def test_every_bit_of_a_header(tmp_path, form, subtype, fields, rate):
    """One that is another makes no other sound."""
    sound = damaged._sound(np.random.default_rng(rate), rate)
    path = tmp_path / f"a.{form}"
    soundfile.write(path, sound, rate, subtype)
    content = path.read_bytes()
    recording = damaged.Recording(
        path, "header", soxr.resample(sound, rate, 16000)
    )
    assert damaged.outcome(recording) == "same"
    for at in fields:
        for bit in range(8):
            changed = bytearray(content)
            changed[at] ^= 1 << bit
            path.write_bytes(changed)
            assert damaged.outcome(recording) != "another", (at, bit)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_whole_flac_is_read(tmp_path, channels, level):
    """Of any length, rate and compression: one frame, and many."""
    rng = np.random.default_rng(0)
    for samples in (1, 15, 191, 192, 1151, 4095, 4096, 4097, 9000, 700_000):
        rate = int(rng.choice((8000, 11025, 16000, 22050, 44100, 96000)))
        path = tmp_path / "a.flac"
        soundfile.write(
            path,
            rng.integers(-9000, 9000, (samples, channels), np.int16),
            rate,
            compression_level=level,
        )
        assert not flac.fault(path)
        assert abs(len(files.read(path)) - samples * 16000 / rate) <= 1


def test_a_data_set_counts_them(made):
    root, recordings = made
    refused = {
        os.path.relpath(r.path, root)
        for r in recordings
        if damaged.outcome(r) == "refused"
    }
    assert len(refused) > COUNT // 2
    dataset = folder.load(root)
    used = {
        name.partition("#")[0]
        for clips in dataset.splits.values()
        for name in clips.files
    }
    # A folder with a sound's name is no recording, as are its like elsewhere.
    folders = {
        os.path.relpath(r.path, root)
        for r in recordings
        if r.damage == "folder"
    }
    everything = {os.path.relpath(r.path, root) for r in recordings}
    assert used == everything - refused
    (note,) = (n for n in dataset.notes if "left out" in n)
    count = len(refused - folders)
    assert re.match(rf"{count} files of {re.escape(str(root))} left out", note)
    for clips in dataset.splits.values():
        for name, label in zip(clips.files, clips.labels, strict=True):
            assert name.startswith(dataset.label_names[label] + "/")


def test_names_that_are_no_utf8_come_back_from_the_cache(made, tmp_path):
    root, _ = made
    read = clip_cache.through(tmp_path, ["a"], lambda: folder.load(root))
    again = clip_cache.through(tmp_path, ["a"], lambda: pytest.fail("again"))
    for split, clips in read.splits.items():
        assert again.splits[split].files == clips.files
    assert any(
        "\udce9" in name for c in read.splits.values() for name in c.files
    )


def test_folders_in_a_circle_are_listed_once(tmp_path):
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "a.wav").write_bytes(b"1234")
    (tmp_path / "yes" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    listed = [path for path, _, _ in clip_cache.listing(tmp_path)]
    assert listed == ["yes/a.wav"]


@pytest.mark.parametrize("name", [b"caf\xe9", b"ye\ns", b"\x1b[31m"])
def test_a_label_is_printable_text(tmp_path, name):
    sound = write(tmp_path / "no" / "a.wav").read_bytes()
    place = tmp_path / os.fsdecode(name)
    place.mkdir()
    (place / "a.wav").write_bytes(sound)
    with pytest.raises(DataError, match="printable text in UTF-8"):
        folder.load(tmp_path)
