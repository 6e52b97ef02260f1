"""A teacher who hears speech embeddings in place of features.

An embedding that very many people have taught tells words apart that one has
heard of synthesizers alone: two small layers on it, trained on the sound of a
training, know what of it is a keyword better than a network that begins with
that sound. What they say of it is distilled. The embedding itself, as far
as a few of its directions tell it, is what ``distillation.hints`` hint at.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bifsmn_tf import whole_file
from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.distillation import hints
from bifsmn_tf.errors import UserError
from bifsmn_tf.training.run import read_arrays

_WIDTH = 128
_DROPOUT = 0.3
_EPOCHS = 12
_BATCH = 256
_LEARNING_RATE = 1e-3


_WEIGHTS = "weights-"
"""What the names of the layers' weights begin with, in their order."""

_SAMPLE = 8192
"""Stretches of sound that an embedding's directions are found in."""


class Taught(NamedTuple):
    """What there is to learn of sound.

    Attributes:
        logits: What the teacher says, float16 (..., classes).
        hints: What it hears, float16 (..., ``hints.SIZE``): embeddings along
            the directions in which those of its training differ most, divided
            by the fourth root of the variance there, so that small ones are not
            lost, and of mean square 1.
    """

    logits: npt.NDArray[np.float16]
    hints: npt.NDArray[np.float16]


class EmbeddingTeacher:
    """Two layers on embeddings, which say what they are of.

    Args:
        numbers: What :attr:`numbers` were.

    Attributes:
        numbers: All that it knows, by name.
    """

    def __init__(self, numbers: Mapping[str, npt.NDArray[Any]]) -> None:
        self.numbers = dict(numbers)
        weights = [
            numbers[name]
            for name in sorted(numbers)
            if name.startswith(_WEIGHTS)
        ]
        shape = int(numbers["frames"]), len(numbers["mean"])
        self._network = _network(shape, len(weights[-1]))
        self._network.set_weights(weights)

    @classmethod
    def trained(
        cls,
        sound: npt.NDArray[np.float16],
        labels: npt.NDArray[np.int32],
        classes: int,
        seed: int,
    ) -> "EmbeddingTeacher":
        """Trains one.

        Args:
            sound: Embeddings, float16 (n, embeddings, size).
            labels: int32 (n,).
            classes: How many there are.
            seed: Of its weights and order.
        """
        set_random_seed(seed)
        network = _network(sound.shape[1:], classes)
        steps = _EPOCHS * -(-len(sound) // _BATCH)
        network.compile(
            tf.keras.optimizers.legacy.Adam(
                tf.keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
            ),
            tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        # Of some of it: they are but to begin with values of about 1.
        values = np.float64(sound[:: max(1, len(sound) // 4096)])
        mean = values.mean(axis=(0, 1)).astype(np.float32)
        std = values.std(axis=(0, 1)).astype(np.float32) + np.float32(1e-3)
        history = network.fit(
            _Batches(sound, mean, std, labels, np.random.default_rng(seed)),
            epochs=_EPOCHS,
            shuffle=False,
            verbose=0,
        ).history
        print(
            "speech embeddings: two layers on them are right on "
            f"{history['accuracy'][-1]:.1%} of the training's sound"
        )
        origin, directions = _directions(sound)
        return cls(
            {
                **{
                    f"{_WEIGHTS}{i:02}": weights
                    for i, weights in enumerate(network.get_weights())
                },
                "frames": np.array(sound.shape[1]),
                "mean": mean,
                "std": std,
                "origin": origin,
                "directions": directions,
            }
        )

    def teach(self, sound: npt.NDArray[np.float16]) -> Taught:
        """Returns what it says of sound, and hints of what it hears.

        Args:
            sound: Embeddings, float16 (n, embeddings, size).
        """
        numbers = self.numbers
        batches = _Batches(sound, numbers["mean"], numbers["std"])
        said = self._network.predict(batches, verbose=0)
        flat = sound.reshape(len(sound), -1)
        parts = [
            (np.float32(flat[i : i + _SAMPLE]) - numbers["origin"])
            @ numbers["directions"]
            for i in range(0, len(flat), _SAMPLE)
        ]
        return Taught(
            said.astype(np.float16), np.concatenate(parts).astype(np.float16)
        )


def trained(
    pipeline: TrainingPipeline, classes: int, path: Path, seed: int
) -> tuple[EmbeddingTeacher, Taught]:
    """Returns a teacher, and what it teaches of a training's sound.

    Args:
        pipeline: One that hears embeddings.
        classes: How many there are.
        path: The file that this is kept in, for a run that goes on.
        seed: Of the teacher's weights and order.

    Returns:
        The teacher, and of all variations of the sound, (copies, clips and
        pieces, ...), what it teaches.

    Raises:
        UserError: The file is of other sound, or damaged.
    """
    key = f"{pipeline.heard_key} {classes} {seed}"
    if path.exists():
        return _read(path, key)
    copies = pipeline.copies
    sound = pipeline.heard()
    sound = sound.reshape(-1, *sound.shape[2:])
    labels = np.tile(pipeline.labels, copies)
    teacher = EmbeddingTeacher.trained(sound, labels, classes, seed)
    found = teacher.teach(sound)
    taught = Taught(*[x.reshape(copies, -1, x.shape[1]) for x in found])
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write_arrays(
        path,
        {"key": np.array(key), **taught._asdict(), **teacher.numbers},
    )
    return teacher, taught


def _read(path: Path, key: str) -> tuple[EmbeddingTeacher, Taught]:
    found = read_arrays(path)
    if str(found.pop("key", "")) != key:
        raise UserError(
            f"{path} is of another training: delete it, or choose another "
            "run_dir"
        )
    taught = Taught(found.pop("logits"), found.pop("hints"))
    return EmbeddingTeacher(found), taught


def _directions(
    sound: npt.NDArray[np.float16],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Returns what makes hints of embeddings, see :class:`Taught`.

    Args:
        sound: float16 (n, embeddings, size).

    Returns:
        The origin, float32 (embeddings * size,), and the scaled directions,
        (embeddings * size, ``hints.SIZE``).
    """
    flat = sound.reshape(len(sound), -1)
    sample = np.float64(flat[:: max(1, len(flat) // _SAMPLE)])
    origin = sample.mean(axis=0)
    variances, directions = np.linalg.eigh(
        np.cov(sample - origin, rowvar=False)
    )
    kept = slice(None, -hints.SIZE - 1, -1)
    # Of few recordings, some directions have nothing.
    variances = np.maximum(variances[kept], variances[-1] * 1e-9)
    scales = variances**-0.25 / np.sqrt(np.mean(np.sqrt(variances)))
    matrix = np.zeros((flat.shape[1], hints.SIZE), np.float32)
    matrix[:, : len(scales)] = directions[:, kept] * scales
    return origin.astype(np.float32), matrix


class _Batches(tf.keras.utils.Sequence):
    """Batches of sound that stays in half precision: there is much of it.

    Args:
        sound: float16 (n, embeddings, size).
        mean: What is subtracted, float32 (size,).
        std: What is divided by, float32 (size,).
        labels: int32 (n,); None for batches of sound alone.
        rng: Draws a new order for each epoch; None keeps the order.
    """

    def __init__(
        self,
        sound: npt.NDArray[np.float16],
        mean: npt.NDArray[np.float32],
        std: npt.NDArray[np.float32],
        labels: npt.NDArray[np.int32] | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._sound, self._mean, self._std = sound, mean, std
        self._labels, self._rng = labels, rng
        self._order = np.arange(len(sound))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self._order) // _BATCH)

    def __getitem__(self, i: int) -> tuple[npt.NDArray[Any], ...]:
        rows = self._order[i * _BATCH : (i + 1) * _BATCH]
        sound = (self._sound[rows] - self._mean) / self._std
        return (sound,) if self._labels is None else (sound, self._labels[rows])

    def on_epoch_end(self) -> None:
        if self._rng is not None:
            self._order = self._rng.permutation(len(self._order))


def _network(shape: tuple[int, ...], classes: int) -> tf.keras.Model:
    layers = tf.keras.layers
    inputs = tf.keras.Input(shape)
    x = layers.Flatten()(inputs)
    for _ in range(2):
        x = layers.Dense(_WIDTH)(layers.Dropout(_DROPOUT)(x))
        x = layers.ReLU()(layers.LayerNormalization()(x))
    return tf.keras.Model(inputs, layers.Dense(classes)(x))
