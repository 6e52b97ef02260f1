"""A teacher who hears speech embeddings in place of features.

An embedding that very many people have taught tells words apart that one has
heard of synthesizers alone: two small layers on it, trained on the sound of a
training, know what of it is a keyword better than a network that begins with
that sound. What they say of it is distilled. The embedding itself, as far
as a few of its directions tell it, is what ``distillation.hints`` hint at.
"""

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bifsmn_tf import whole_file
from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.distillation import hints
from bifsmn_tf.errors import UserError

_WIDTH = 128
_DROPOUT = 0.3
_EPOCHS = 12
_BATCH = 256
_LEARNING_RATE = 1e-3


_SAMPLE = 8192
"""Stretches of sound that an embedding's directions are found in."""


class Taught(NamedTuple):
    """What there is to learn of all variations of a training's sound.

    Attributes:
        logits: What the teacher says, float16 (copies, clips and pieces,
            classes).
        hints: What it hears, float16 (copies, clips and pieces,
            ``hints.SIZE``): embeddings along the directions in which they
            differ most, divided by the fourth root of the variance there, so
            that small ones are not lost, and of mean square 1.
    """

    logits: npt.NDArray[np.float16]
    hints: npt.NDArray[np.float16]


def taught(
    pipeline: TrainingPipeline, classes: int, path: Path, seed: int
) -> Taught:
    """Returns what the teacher says of a training's sound, and what it hears.

    Args:
        pipeline: One that hears embeddings.
        classes: How many there are.
        path: The file that this is kept in, for a run that goes on.
        seed: Of its weights and order.

    Raises:
        UserError: The file is of other sound, or damaged.
    """
    key = f"{pipeline.heard_key} {classes} {seed}"
    if path.exists():
        return _read(path, key)
    copies = pipeline.copies
    sound = np.stack([pipeline.heard(i) for i in range(pipeline.copies)])
    sound = sound.reshape(-1, *sound.shape[2:])
    labels = np.tile(pipeline.labels, pipeline.copies)
    set_random_seed(seed)
    network = _network(sound, classes)
    steps = _EPOCHS * -(-len(sound) // _BATCH)
    network.compile(
        tf.keras.optimizers.legacy.Adam(
            tf.keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
        ),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = network.fit(
        _Batches(sound, labels, np.random.default_rng(seed)),
        epochs=_EPOCHS,
        shuffle=False,
        verbose=0,
    ).history
    print(
        "speech embeddings: two layers on them are right on "
        f"{history['accuracy'][-1]:.1%} of the training's sound"
    )
    said = network.predict(_Batches(sound, labels), verbose=0)
    found = Taught(
        said.astype(np.float16).reshape(copies, -1, classes),
        _directions(sound).reshape(copies, -1, hints.SIZE),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.savez(content, key=np.array(key), **found._asdict())
    whole_file.write_bytes(path, content.getvalue())
    return found


def _read(path: Path, key: str) -> Taught:
    try:
        # numpy would leave a damaged file open.
        with np.load(io.BytesIO(path.read_bytes())) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is damaged ({error}): delete it and go on"
        ) from error
    if str(found.pop("key", "")) != key:
        raise UserError(
            f"{path} is of another training: delete it, or choose another "
            "run_dir"
        )
    return Taught(**found)


def _directions(sound: npt.NDArray[np.float16]) -> npt.NDArray[np.float16]:
    """Returns hints, see :class:`Taught`, float16 (n, ``hints.SIZE``).

    Args:
        sound: float16 (n, embeddings, size).
    """
    flat = sound.reshape(len(sound), -1)
    sample = np.float64(flat[:: max(1, len(flat) // _SAMPLE)])
    mean = sample.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(sample - mean, rowvar=False))
    kept = slice(None, -hints.SIZE - 1, -1)
    # Of few recordings, some directions have nothing.
    variances = np.maximum(variances[kept], variances[-1] * 1e-9)
    scales = variances**-0.25 / np.sqrt(np.mean(np.sqrt(variances)))
    matrix = np.zeros((flat.shape[1], hints.SIZE), np.float32)
    matrix[:, : len(scales)] = directions[:, kept] * scales
    parts = [
        (np.float32(flat[i : i + _SAMPLE]) - np.float32(mean)) @ matrix
        for i in range(0, len(flat), _SAMPLE)
    ]
    return np.concatenate(parts).astype(np.float16)


class _Batches(tf.keras.utils.Sequence):
    """Batches of sound that stays in half precision: there is much of it.

    Args:
        sound: float16 (n, embeddings, size).
        labels: int32 (n,).
        rng: Draws a new order for each epoch; None keeps the order.
    """

    def __init__(
        self,
        sound: npt.NDArray[np.float16],
        labels: npt.NDArray[np.int32],
        rng: np.random.Generator | None = None,
    ) -> None:
        self._sound, self._labels, self._rng = sound, labels, rng
        self._order = np.arange(len(labels))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._order) // _BATCH)

    def __getitem__(
        self, i: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        rows = self._order[i * _BATCH : (i + 1) * _BATCH]
        return self._sound[rows].astype(np.float32), self._labels[rows]

    def on_epoch_end(self) -> None:
        if self._rng is not None:
            self._order = self._rng.permutation(len(self._labels))


def _network(sound: npt.NDArray[np.float16], classes: int) -> tf.keras.Model:
    layers = tf.keras.layers
    # Of some of it: they are but to begin with values of about 1.
    values = np.float64(sound[:: max(1, len(sound) // 4096)])
    mean = values.mean(axis=(0, 1)).astype(np.float32)
    std = values.std(axis=(0, 1)).astype(np.float32) + 1e-3
    inputs = tf.keras.Input(sound.shape[1:])
    x = layers.Flatten()((inputs - mean) / std)
    for _ in range(2):
        x = layers.Dense(_WIDTH)(layers.Dropout(_DROPOUT)(x))
        x = layers.ReLU()(layers.LayerNormalization()(x))
    return tf.keras.Model(inputs, layers.Dense(classes)(x))
