"""Mixup: trains on mixtures of two clips (Zhang et al., arXiv:1710.09412)."""

from bifsmn_tf._keras import tf


def mix(
    features: tf.Tensor, targets: tf.Tensor, alpha: float, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixes each clip of a batch with the one before it.

    Features become λ x + (1 - λ) x', and targets likewise, with one λ from
    Beta(alpha, alpha) for the batch, as in the authors' code. A batch's order
    is random, so that the one before is a random other clip.

    Args:
        features: normalised log-mel, (batch, time, mels).
        targets: class probabilities, (batch, classes).
        alpha: the parameter of the Beta distribution, positive.
        seed: int32 (2,), new for each batch.

    Returns:
        Features and targets in the same shapes.
    """
    # The share of one gamma variate in the sum of two is a Beta variate.
    first, second = tf.unstack(
        tf.random.stateless_gamma((2,), seed=seed, alpha=alpha)
    )
    share = tf.math.divide_no_nan(first, first + second)

    def mixed(x: tf.Tensor) -> tf.Tensor:
        return share * x + (1.0 - share) * tf.roll(x, shift=1, axis=0)

    return mixed(features), mixed(targets)
