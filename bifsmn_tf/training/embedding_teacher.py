"""A teacher who hears speech embeddings in place of features.

An embedding that very many people have taught tells words apart that one has
heard of synthesizers alone: two small layers on it, trained on the sound of a
training, know what of it is a keyword better than a network that begins with
that sound. What they say of it is distilled.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from bifsmn_tf import whole_file
from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.data.pipeline import TrainingPipeline
from bifsmn_tf.errors import UserError

_WIDTH = 128
_DROPOUT = 0.3
_EPOCHS = 12
_BATCH = 256
_LEARNING_RATE = 1e-3


def logits(
    pipeline: TrainingPipeline, classes: int, path: Path, seed: int
) -> npt.NDArray[np.float16]:
    """Returns what the teacher says of all variations of a training's sound.

    Args:
        pipeline: One that hears embeddings.
        classes: How many there are.
        path: The file that this is kept in, for a run that goes on.
        seed: Of its weights and order.

    Returns:
        float16 (copies, clips and pieces, classes).

    Raises:
        UserError: The file is of other sound.
    """
    shape = (pipeline.copies, len(pipeline.labels), classes)
    if path.exists():
        found: npt.NDArray[np.float16] = np.load(path)
        if found.shape != shape:
            raise UserError(
                f"{path} is of another training: delete it, or choose another "
                "run_dir"
            )
        return found
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
    found = said.astype(np.float16).reshape(shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write_array(path, found)
    return found


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
