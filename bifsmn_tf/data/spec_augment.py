"""SpecAugment's masks on a batch of features, in TensorFlow.

Park et al., arXiv:1904.08779, without the time warping.

tensorflow-io has ``freq_mask`` and ``time_mask`` for one spectrogram. They take
no seed, so a run with them cannot be repeated or resumed, and on a batch they
would put the same mask on every example. The masks here are drawn for each
example from a stateless seed; for one example they have the distribution of
tensorflow-io's, which a test holds them to.
"""

from bifsmn_tf._keras import tf
from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.errors import UserError


def _masks(
    batch: tf.Tensor, size: int, limit: int, seed: tf.Tensor
) -> tf.Tensor:
    """Draws masks: True from a random start on, over less than ``limit``.

    Returns:
        bool (batch, size).
    """
    seeds = tf.random.split(seed, 2)
    width = tf.random.stateless_uniform(
        (batch,), seeds[0], 0, limit, dtype=tf.int32
    )
    # As many starts as fit: the range differs from example to example, which
    # stateless_uniform's integer form does not take.
    start = tf.cast(
        tf.random.stateless_uniform((batch,), seeds[1])
        * tf.cast(size - width, tf.float32),
        tf.int32,
    )
    at = tf.range(size)[None, :]
    return (at >= start[:, None]) & (at < (start + width)[:, None])


def spec_augment(
    features: tf.Tensor,
    parameters: SpecAugmentParameters,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Masks bands of frequency and stretches of time with zeros.

    A mask's width is uniform in [0, limit), and its place uniform among those
    where it fits, as with tensorflow-io's ``freq_mask(x, limit)`` and
    ``time_mask(x, limit)``.

    Args:
        features: (batch, frames, mels), normalised, so that 0 is the mean.
        parameters: the limits and the number of masks.
        seed: int32 (2,), of this batch; the result depends on nothing else.

    Returns:
        Features of the same shape.

    Raises:
        UserError: A limit exceeds the number of frames or of mels.
    """
    shape = tf.shape(features)
    frames, mels = features.shape[1], features.shape[2]
    if parameters.time > frames or parameters.frequency > mels:
        raise UserError(
            f"masks of up to {parameters.time} frames and "
            f"{parameters.frequency} mels do not fit on {frames} frames of "
            f"{mels} mels"
        )
    seeds = tf.random.split(seed, max(1, 2 * parameters.masks))
    for i in range(parameters.masks):
        if parameters.time:
            mask = _masks(shape[0], frames, parameters.time, seeds[2 * i])
            features = tf.where(mask[:, :, None], 0.0, features)
        if parameters.frequency:
            mask = _masks(
                shape[0], mels, parameters.frequency, seeds[2 * i + 1]
            )
            features = tf.where(mask[:, None, :], 0.0, features)
    return features
