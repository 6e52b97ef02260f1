import numpy as np
import pytest
import tensorflow as tf
import tensorflow_io as tfio
from sounds import noise

from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.data.spec_augment import spec_augment
from bifsmn_tf.errors import UserError

SEED = tf.constant([1, 2])


def ones(batch: int) -> tf.Tensor:
    return tf.ones((batch, 12, 10))


def masks(parameters: SpecAugmentParameters, batch: int) -> np.ndarray:
    return spec_augment(ones(batch), parameters, SEED).numpy() == 0


def histogram(masked: np.ndarray) -> np.ndarray:
    """How often a mask of each width begins at each place, (width, place)."""
    counts = np.zeros((masked.shape[1] + 1, masked.shape[1] + 1))
    for row in masked:
        counts[row.sum(), np.argmax(row) if row.any() else 0] += 1
    return counts / len(masked)


@pytest.mark.parametrize("kind", ["time", "frequency"])
def test_distribution_is_that_of_tensorflow_io(kind):
    """For widths and places; tensorflow-io draws one spectrogram at a time."""
    count, limit = 4000, 5
    axis = 1 if kind == "time" else 2
    either = {"time": 0, "frequency": 0, kind: limit}
    ours = masks(SpecAugmentParameters(**either), count).all(axis=3 - axis)

    function = tfio.audio.time_mask if kind == "time" else tfio.audio.freq_mask
    tf.random.set_seed(0)
    each = tf.function(lambda x: tf.map_fn(lambda y: function(y, limit), x))
    theirs = each(ones(count)).numpy() == 0
    theirs = theirs.all(axis=3 - axis)

    difference = np.abs(histogram(ours) - histogram(theirs))
    # Four standard deviations of a difference of two shares of 1/40 each.
    assert difference.max() < 4 * np.sqrt(2 * 0.025 / count) + 0.01
    assert ours.sum(axis=1).max() == limit - 1


def test_masks_are_stripes():
    masked = masks(SpecAugmentParameters(4, 4), 50)
    frames = masked.all(axis=2)
    bands = masked.all(axis=1)
    np.testing.assert_array_equal(
        masked, frames[:, :, None] | bands[:, None, :]
    )


def test_every_example_has_its_own():
    masked = masks(SpecAugmentParameters(6, 6), 50)
    assert len({example.tobytes() for example in masked}) > 30


def test_more_masks_hide_more():
    few = masks(SpecAugmentParameters(4, 4, masks=1), 200).mean()
    many = masks(SpecAugmentParameters(4, 4, masks=3), 200).mean()
    assert many > 1.5 * few


def test_none():
    for parameters in (
        SpecAugmentParameters(0, 0),
        SpecAugmentParameters(5, 5, masks=0),
    ):
        assert not masks(parameters, 20).any()


def test_same_seed_same_masks():
    features = tf.reshape(noise(20 * 12 * 10), (20, 12, 10))
    parameters = SpecAugmentParameters(5, 5)
    graph = tf.function(lambda x, seed: spec_augment(x, parameters, seed))
    first = spec_augment(features, parameters, SEED)
    np.testing.assert_array_equal(first, graph(features, SEED))
    assert not np.array_equal(first, graph(features, SEED + 1))
    kept = first.numpy() != 0
    np.testing.assert_array_equal(first.numpy()[kept], features.numpy()[kept])


def test_masks_that_do_not_fit():
    with pytest.raises(UserError, match="12 frames of 10 mels"):
        masks(SpecAugmentParameters(frequency=11), 1)
