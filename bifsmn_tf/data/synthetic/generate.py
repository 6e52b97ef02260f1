"""Makes the clips of a recipe, in parallel and in shards that are kept.

A shard that is on disk is not made again, so a run that was interrupted goes
on where it was.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tqdm

from bifsmn_tf import whole_file
from bifsmn_tf.audio import files as audio
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.data.clips import CLIP
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.synthetic import noise
from bifsmn_tf.data.synthetic import speakers
from bifsmn_tf.data.synthetic import voices
from bifsmn_tf.data.synthetic.recipe import LONGEST
from bifsmn_tf.data.synthetic.recipe import SHARD
from bifsmn_tf.data.synthetic.recipe import Recipe
from bifsmn_tf.data.synthetic.recipe import Utterance
from bifsmn_tf.data.synthetic.recipe import plan
from bifsmn_tf.data.synthetic.recipe import plan_babble
from bifsmn_tf.data.synthetic.speakers import Speakers
from bifsmn_tf.data.workers import Workers
from bifsmn_tf.errors import DataError

# Change it when the same recipe comes to mean other clips.
_FORMAT = 3
_NOISE_SECONDS = 20
_FASTEST = 450
_AROUND = 0.2


def trimmed(sound: FloatArray) -> FloatArray:
    """Cuts off both ends of a sound where it is 40 dB below its peak.

    Ten milliseconds of them stay.

    Args:
        sound: float32 (samples,) at 16 kHz, not all zeros.
    """
    loud = np.flatnonzero(np.abs(sound) > 0.01 * np.abs(sound).max())
    margin = CLIP // 100
    return sound[max(0, loud[0] - margin) : loud[-1] + margin]


def say(speaker: Speakers, utterance: Utterance, rate: int) -> FloatArray:
    """Speaks an utterance, however long that takes.

    Args:
        speaker: who says it.
        utterance: the text and how to say it.
        rate: in words a minute, instead of the utterance's own.

    Returns:
        float32 (samples,) at 16 kHz.
    """
    sound = speaker.say(
        utterance.text,
        utterance.voice,
        rate=rate,
        pitch=utterance.pitch,
        range_=utterance.range,
        throat=utterance.throat,
        careful=utterance.careful,
        uneven=utterance.uneven,
    )
    return trimmed(sound)


def spoken(speaker: Speakers, utterance: Utterance) -> FloatArray:
    """Speaks an utterance within its clip; what takes longer is said faster.

    Args:
        speaker: who says it.
        utterance: the text and how to say it.

    Returns:
        float32 (samples,) at 16 kHz.

    Raises:
        DataError: It takes longer than its clip however fast it is said.
    """
    rate = utterance.rate
    for _ in range(3):
        speech = say(speaker, utterance, rate)
        if len(speech) <= utterance.samples:
            return speech
        if rate == _FASTEST:
            break
        faster = rate * len(speech) / utterance.samples * 1.1
        rate = min(_FASTEST, int(faster) + 1)
    if utterance.careful or utterance.uneven:
        fluent = dataclasses.replace(utterance, careful=False, uneven=0.0)
        return spoken(speaker, fluent)
    raise DataError(
        f"{utterance.text!r} takes longer than {utterance.samples / CLIP:g} s "
        "even when it is said fast. Choose a shorter keyword, or "
        "--phrase_seconds=0 to give phrases the time that they take."
    )


def needed_seconds(phrases: Sequence[str]) -> float:
    """Returns how long a clip has to be for phrases said at leisure.

    Args:
        phrases: the keywords.

    Returns:
        1 to 2 seconds, a multiple of a tenth.

    Raises:
        DataError: A phrase takes longer.
        UserError: espeak-ng is missing.
    """
    longest = 1.0
    with Speakers() as speaker:
        for phrase in phrases:
            sound = speaker.say(phrase, "en", rate=130, pitch=50, range_=50)
            seconds = len(trimmed(sound)) / audio.SAMPLE_RATE + _AROUND
            if seconds > LONGEST:
                raise DataError(
                    f"{phrase!r} takes {seconds:.1f} s to say, and a network "
                    f"of a stream looks back {LONGEST:g} s: choose a phrase "
                    "of one to four words"
                )
            longest = max(longest, np.ceil(10 * seconds) / 10)
    return float(longest)


def make_shard(utterances: Sequence[Utterance]) -> Int16Array:
    """Makes the clips of a shard, int16 (n, samples).

    Raises:
        DataError: A keyword takes longer than its clip.
    """
    with Speakers() as speaker:
        speech = [spoken(speaker, u) if u.text else None for u in utterances]
    others = [sound for sound in speech if sound is not None]
    length = utterances[0].samples
    clips = np.zeros((len(utterances), length), np.float32)
    for utterance, sound, clip in zip(utterances, speech, clips, strict=True):
        rng = np.random.default_rng(utterance.seed)
        behind = utterance.snr
        if sound is not None:
            start = int(utterance.position * (length - len(sound)))
            clip[start : start + len(sound)] = noise.at_level(
                sound, 10 ** (utterance.level / 20)
            )
            behind = utterance.level - utterance.snr
        if utterance.noise:
            kind = utterance.noise
            made = (
                noise.babble(others, length, rng)
                if kind == "babble"
                else noise.make(kind, length, rng)
            )
            clip += made * np.float32(10 ** (behind / 20))
    return to_int16(clips)


def make_noise(recipe: Recipe) -> Int16Array:
    """Makes noise to mix in, int16 (kinds, samples).

    The babble is of voices of the train split, and has no keyword in it.
    """
    said = plan_babble(recipe)
    with Speakers() as speaker:
        words = [say(speaker, u, u.rate) for u in said]
    rng = np.random.default_rng([recipe.seed, len(words)])
    samples = _NOISE_SECONDS * audio.SAMPLE_RATE
    sounds = [noise.make(kind, samples, rng) for kind in noise.KINDS]
    sounds.append(noise.babble(words, samples, rng))
    return to_int16(0.1 * np.stack(sounds))


def _make(task: Recipe | Sequence[Utterance]) -> Int16Array:
    """Makes a recipe's noise, or the clips of one of its shards."""
    return make_noise(task) if isinstance(task, Recipe) else make_shard(task)


def digest(recipe: Recipe) -> str:
    """Returns a hash of all that a recipe's clips depend on."""
    key = json.dumps(
        [
            *(_FORMAT, SHARD, recipe.to_dict()),
            *(voices.VARIANTS, voices.ACCENTS, voices.FLITE, voices.PIPER),
        ],
        sort_keys=True,
    )
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def folder_of(recipe: Recipe, cache_dir: str | os.PathLike[str]) -> Path:
    """Returns the folder below ``cache_dir`` that holds a recipe's shards."""
    return Path(cache_dir) / f"synthetic-{digest(recipe)}"


def save(array: Int16Array, path: Path) -> None:
    """Writes a shard so that it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write_array(path, array)


def load(path: Path) -> Int16Array:
    """Reads a shard."""
    with open(path, "rb") as file:
        return np.load(file)


def generate(
    recipe: Recipe,
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Iterator[Int16Array]:
    """Makes a recipe's noise and clips.

    Args:
        recipe: what to make.
        cache_dir: where finished shards are kept; None keeps none.
        workers: processes; None for one a processor.
        progress: whether to show a progress bar.

    Yields:
        The noise, int16 (kinds, samples), then the clips of ``plan(recipe)``,
        int16 (n, samples), in portions.

    Raises:
        UserError: espeak-ng is missing, a keyword takes longer than a second,
            or a process that speaks died.
    """
    utterances = plan(recipe)
    shards = [
        utterances[start : start + SHARD]
        for start in range(0, len(utterances), SHARD)
    ]
    paths: list[Path | None] = [None] * (1 + len(shards))
    if cache_dir is not None:
        folder = folder_of(recipe, cache_dir)
        paths = [
            folder / "noise.npy",
            *(folder / f"shard-{i:04d}.npy" for i in range(len(shards))),
        ]
    if all(path is not None and path.exists() for path in paths):
        yield from (load(path) for path in paths if path is not None)
        return
    speakers.require(recipe.voices)
    with (
        Workers(count=workers) as pool,
        tqdm.tqdm(
            total=len(utterances),
            desc="synthetic speech",
            unit="clip",
            disable=None if progress else True,
            leave=False,
        ) as bar,
    ):
        tasks: list[Recipe | Sequence[Utterance]] = [recipe, *shards]
        missing = [
            task
            for task, path in zip(tasks, paths, strict=True)
            if path is None or not path.exists()
        ]
        made_anew = pool.map(_make, missing)
        for task, path in zip(tasks, paths, strict=True):
            if path is not None and path.exists():
                made = load(path)
            else:
                made = next(made_anew)
                if path is not None:
                    save(made, path)
            if not isinstance(task, Recipe):
                bar.update(len(task))
            yield made


def dataset(
    recipe: Recipe,
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    progress: bool = True,
) -> KeywordDataset:
    """Makes a recipe's data set, or reads it from the cache.

    Args:
        recipe: what to make.
        cache_dir: where finished shards are kept; None keeps none.
        progress: whether to show a progress bar.

    Returns:
        The data set: all three splits, and noise of five kinds.

    Raises:
        UserError: espeak-ng is missing, a keyword takes longer than a second,
            or a process that speaks died.
    """
    portions = generate(recipe, cache_dir, progress=progress)
    sounds = next(portions)
    clips = np.concatenate(list(portions))
    utterances = plan(recipe)
    splits = {}
    for split in SPLITS:
        rows = [
            (u.label, u.id, u.voice, clip)
            for u, clip in zip(utterances, clips, strict=True)
            if u.split == split
        ]
        splits[split] = Clips.from_rows(
            rows, recipe.label_names, len(rows), recipe.samples
        )
    return KeywordDataset(
        "synthetic",
        recipe.label_names,
        splits,
        tuple(to_float(sound) for sound in sounds),
    )
