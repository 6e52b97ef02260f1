"""Damaged recordings, as many as are wanted, the same ones for a seed.

    python tests/support/damaged.py FOLDER --count=1000 --seed=0

makes them and reads them as a data set: each is counted and named, or is what
it was before it was damaged.
"""

import argparse
import os
import struct
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from bifsmn_tf.audio import files
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data import folder

LABELS = ("yes", "no", "go")
FORMS = (
    ("wav", "PCM_16"),
    ("wav", "PCM_24"),
    ("wav", "PCM_U8"),
    ("wav", "FLOAT"),
    ("wav", "ULAW"),
    ("wav", "IMA_ADPCM"),
    ("flac", "PCM_16"),
    ("flac", "PCM_24"),
)
RATES = (8000, 11025, 16000, 44100, 48000)

Rng = np.random.Generator


class Recording(NamedTuple):
    """A file and the sound that was in it: float (samples,) at 16 kHz."""

    path: Path
    damage: str
    sound: np.ndarray


def _sound(rng: Rng, rate: int) -> np.ndarray:
    """Gliding tones in noise, which are like nothing but themselves."""
    time = np.arange(int(rate * rng.uniform(0.3, 1.5))) / rate
    glide = 2 * np.pi * (rng.uniform(150, 900) + rng.uniform(50, 900) * time)
    return 0.4 * np.sin(glide * time) + 0.01 * rng.normal(size=len(time))


def _cut(rng: Rng, data: bytearray) -> None:
    del data[rng.integers(len(data)) :]


def _flip(first: int, last: int, most: int) -> Callable:
    def flip(rng: Rng, data: bytearray) -> None:
        for _ in range(rng.integers(1, most + 1)):
            at = rng.integers(first, min(last, len(data)))
            data[at] ^= 1 << rng.integers(8)

    return flip


def _field(at: int, form: str, values: tuple) -> Callable:
    """Writes another value into a WAV's header; elsewhere it is a flip."""

    def write(rng: Rng, data: bytearray) -> None:
        value = values[rng.integers(len(values))]
        struct.pack_into(form, data, at, value)

    return write


def _length(rng: Rng, data: bytearray) -> None:
    """Another length of a WAV's samples."""
    at = data.find(b"data")
    if at < 0:
        return _cut(rng, data)
    old = int.from_bytes(data[at + 4 : at + 8], "little")
    new = (old // 2, old + 2, old * 2, 0, 2**31 - 5000, 1)[rng.integers(6)]
    struct.pack_into("<I", data, at + 4, new)
    return None


def _zeros(rng: Rng, data: bytearray) -> None:
    """A block of the disk that was never written."""
    at = rng.integers(len(data)) // 512 * 512
    data[at : at + 512] = bytes(len(data[at : at + 512]))


def _without_middle(rng: Rng, data: bytearray) -> None:
    at = len(data) // 3
    del data[at : at + int(rng.integers(1, len(data) // 2))]


def _others(rng: Rng, data: bytearray) -> None:
    heads = (b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08", b"PK\x03\x04", b"<html>")
    data[:] = heads[rng.integers(4)] + rng.bytes(2000)


def _samples(change: Callable) -> Callable:
    def spoil(rng: Rng, sound: np.ndarray) -> np.ndarray:
        sound = sound.copy()
        change(sound, rng)
        return sound

    return spoil


def _not_numbers(sound: np.ndarray, rng: Rng) -> None:
    sound[rng.integers(len(sound))] = (np.nan, np.inf, -np.inf)[rng.integers(3)]


def _scaled(sound: np.ndarray, rng: Rng) -> None:
    sound *= 32768


DAMAGES: dict[str, Callable] = {
    "cut": _cut,
    "header": _flip(0, 64, 3),
    "anywhere": _flip(0, 1 << 30, 20),
    "size of the file": _field(4, "<I", (0, 1, 2**32 - 1, 77)),
    "size of the format": _field(16, "<I", (0, 1, 14, 18, 2**31, 2**32 - 1)),
    "codec": _field(20, "<H", (0, 1, 2, 3, 6, 7, 17, 85, 65534)),
    "channels": _field(22, "<H", (0, 2, 3, 255, 1024, 65535)),
    "rate": _field(24, "<I", (0, 1, 8001, 22050, 2**31, 2**32 - 1)),
    "block": _field(32, "<H", (0, 1, 3, 8, 65535)),
    "bits": _field(34, "<H", (0, 1, 8, 12, 24, 32, 64, 65535)),
    "length": _length,
    "zeros": _zeros,
    "gap": _without_middle,
    "appended": lambda rng, data: data.extend(rng.bytes(700)),
    "others": _others,
    "empty": lambda rng, data: data.clear(),
    "twice": lambda rng, data: data.extend(bytes(data)),
}
"""What is done to the bytes."""

FIELDS = [*DAMAGES][3:10]
"""Of these, in the header of a WAV."""

SPOILED = {"not numbers": _samples(_not_numbers), "scaled": _samples(_scaled)}
"""What is done to floats before they are written."""

PLACES = ("folder", "dangling", "loop", "pipe", "forbidden")
"""What stands in a file's place."""

NAMES = (
    b"caf\xe9",
    b"new\nline",
    b"esc\x1b[31m",
    b"a" * 200,
    b"\xff\xfe",
    b"'\"",
)


def make(root: Path, count: int, seed: int) -> list[Recording]:
    """Makes recordings, most of them damaged.

    Args:
        root: the folder of the data set.
        count: how many.
        seed: of everything.
    """
    made = []
    kinds = [*DAMAGES, *SPOILED, *PLACES, "none", "none"]
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        kind = kinds[number % len(kinds)]
        form, subtype = FORMS[rng.integers(len(FORMS))]
        if kind in SPOILED:
            form, subtype = "wav", "FLOAT"
        elif kind in FIELDS:
            # Another codec of 8 bits would be one that nobody can tell.
            form = "wav"
            subtype = ("PCM_16", "PCM_24", "FLOAT")[rng.integers(3)]
        rate = RATES[rng.integers(len(RATES))]
        sound = _sound(rng, rate)
        name = f"{number:05d}".encode()
        if rng.integers(8) == 0:
            name += NAMES[rng.integers(len(NAMES))]
        place = root / LABELS[rng.integers(len(LABELS))]
        place.mkdir(parents=True, exist_ok=True)
        path = place / os.fsdecode(name + b"." + form.encode())
        _write(path, kind, subtype, sound, rate, rng)
        made.append(Recording(path, kind, soxr.resample(sound, rate, 16000)))
    return made


def _write(path, kind, subtype, sound, rate, rng) -> None:
    if kind in SPOILED:
        written = SPOILED[kind](rng, sound)
    else:
        written = np.stack([sound] * int(rng.integers(1, 3)), axis=1)
    if kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("nothing.wav")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        form = {"wav": "WAV", "flac": "FLAC"}[path.suffix[1:]]
        with open(path, "wb") as file:
            soundfile.write(file, written, rate, subtype, format=form)
    if kind in DAMAGES:
        data = bytearray(path.read_bytes())
        DAMAGES[kind](rng, data)
        path.write_bytes(data)
    if kind == "forbidden":
        path.chmod(0)


def outcome(recording: Recording) -> str:
    """Reads a recording: ``refused``, ``same`` or ``another`` sound."""
    try:
        found = to_float(files.read(recording.path))
    except files.UnreadableError as error:
        assert error.reason and error.path == os.fspath(recording.path)
        return "refused"
    wanted = recording.sound
    # A codec of blocks fills the last one: at 8 kHz, an eighth of a second.
    if not -16 <= len(found) - len(wanted) <= 2100:
        return "another"
    size = min(len(found), len(wanted))
    likeness = np.corrcoef(found[:size], wanted[:size])[0, 1]
    # Another sound's is about 0. Zeros in the place of samples of 8 bits are as
    # loud as can be: a short clip with such a hole keeps 0.4.
    return "same" if likeness > 0.4 else "another"


def main() -> None:
    """Makes and reads what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    made = make(options.folder, options.count, options.seed)
    outcomes = Counter((r.damage, outcome(r)) for r in made)
    for (damage, found), number in sorted(outcomes.items()):
        print(f"{damage}: {number} {found}")
    dataset = folder.load(options.folder)
    print("\n".join(dataset.notes).encode(errors="backslashreplace").decode())
    sys.exit(any(found == "another" for _, found in outcomes))


if __name__ == "__main__":
    main()
