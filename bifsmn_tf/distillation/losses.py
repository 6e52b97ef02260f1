"""The losses of High-frequency Enhancement Distillation (Eq. 8-10, 14, 15).

H of the paper is the hidden state of one clip, so every σ and every norm is
taken over the (time, channel) plane of one example and the losses are averaged
over the batch. They then do not depend on how a batch is cut into replicas.
(The authors' code takes them over the whole batch tensor.)

``"fid"`` is Frequency-Independent Distillation of BiFSMNv2 (arXiv:2211.06987):
the high and the low band of both networks' states are compared apart.
"""

from collections.abc import Callable
from collections.abc import Sequence

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar
from bifsmn_tf.network import fused

METHODS = ("hed", "fid", "plain", "none")

_TINY = 1e-12


def delta_weights(deltas: Sequence[int]) -> list[float]:
    """Returns the weight of each depth in the total loss, 1/2^(δ-1) of Eq. 15.

    Args:
        deltas: the depths δ.
    """
    return [2.0 ** (1 - delta) for delta in deltas]


def emphasise(states: tf.Tensor) -> tf.Tensor:
    """Adds a teacher's high-frequency part to its states (Eq. 8, 9).

    Args:
        states: H_T, (..., time, channels).

    Returns:
        Ĥ_T of the same shape: H_T plus its high-frequency part, each divided
        by its standard deviation.
    """
    high = haar.high_frequency(states)
    return _standardise(high) + _standardise(states)


def _standardise(x: tf.Tensor) -> tf.Tensor:
    deviation = tf.math.reduce_std(x, axis=(-2, -1), keepdims=True)
    return x / tf.maximum(deviation, 1e-6)


def attention(states: tf.Tensor) -> tf.Tensor:
    """Returns the attention maps of states, H² / ‖H²‖ (Eq. 10).

    Args:
        states: H, (..., time, channels).

    Returns:
        The same shape; every (time, channel) plane has the norm 1.
    """
    squares = tf.square(states)
    norm = tf.sqrt(
        tf.reduce_sum(tf.square(squares), axis=(-2, -1), keepdims=True)
    )
    return squares / tf.maximum(norm, _TINY)


def teacher_attention(states: tf.Tensor, emphasised: bool) -> tf.Tensor:
    """Returns a teacher's attention maps, without a gradient.

    Args:
        states: H_T, (..., time, channels).
        emphasised: whether they are those of Ĥ_T (Eq. 9) instead of H_T.

    Returns:
        The same shape.
    """
    if fused.enabled():
        return fused.attention_maps(states, emphasised)
    states = emphasise(states) if emphasised else states
    return tf.stop_gradient(attention(states))


def attention_distance(student: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
    """Returns one term of Eq. 10 and 14 for every example and every depth.

    Args:
        student: H_S of one block at the depths that run through it,
            (batch, time, variants, channels).
        teacher: the attention map of the teacher's state at the same block,
            (batch, time, channels), as :func:`attention` gives it.

    Returns:
        The L2 norm of the difference, (batch, variants).
    """
    if fused.enabled():
        return fused.attention_distance(student, teacher)
    target = teacher[:, :, tf.newaxis]

    # Automatic differentiation passes over the states twice as often.
    @tf.custom_gradient
    def distance(
        states: tf.Tensor,
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        squares = tf.square(states)
        norm = tf.maximum(tf.sqrt(_plane_sum(tf.square(squares))), _TINY)
        found = squares / norm
        difference = found - target
        result = tf.sqrt(tf.maximum(_plane_sum(tf.square(difference)), _TINY))

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            # What changes the norm of H² alone does not change the map.
            along = _plane_sum(found * difference)
            scale = 2.0 * upstream[:, tf.newaxis, :, tf.newaxis]
            scale = scale / (result * norm)
            return states * ((difference - found * along) * scale)

        return result[:, 0, :, 0], gradient

    return distance(student)


def split_bands(states: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the high and the low band of states, which sum to them.

    Args:
        states: (..., time, channels).

    Returns:
        Each band of one Haar decomposition transformed back, same shape.
    """
    high = haar.high_frequency(states)
    return high, states - high


def band_attention(states: tf.Tensor) -> tf.Tensor:
    """Returns a teacher's attention maps of both bands.

    Args:
        states: H_T, (..., time, channels).

    Returns:
        Those of the high band, then those of the low band:
        (2, ..., time, channels).
    """
    return tf.stack([attention(band) for band in split_bands(states)])


def band_distance(student: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
    """Returns one term of Frequency-Independent Distillation (BiFSMNv2).

    It is the distance of Eq. 10 between the high bands plus that between the
    low bands, each band's map divided by a norm of its own. The authors' code
    (``select_pass="fid"``) does the same, and adds, weighted by γ too, the mean
    squared error of the logits; here that is the distillation of the logits.

    Args:
        student: (batch, time, variants, channels), as in
            :func:`attention_distance`.
        teacher: the maps of the teacher's state at the same block,
            (2, batch, time, channels), as :func:`band_attention` gives them.

    Returns:
        The sum over the two bands, (batch, variants).
    """
    by_variant = tf.transpose(student, (0, 2, 1, 3))
    return tf.add_n(
        [
            attention_distance(tf.transpose(band, (0, 2, 1, 3)), target)
            for band, target in zip(
                split_bands(by_variant), tf.unstack(teacher), strict=True
            )
        ]
    )


def _plane_sum(x: tf.Tensor) -> tf.Tensor:
    """Sums (batch, time, variants, channels) over time and channels."""
    sums = tf.reduce_sum(x, axis=3, keepdims=True)
    return tf.reduce_sum(sums, axis=1, keepdims=True)


def mean_logits(teachers: Sequence[tf.Tensor], temperature: float) -> tf.Tensor:
    """Returns logits whose softened outputs are the mean of several networks'.

    Args:
        teachers: logits, (batch, classes) each.
        temperature: what they are divided by where they are distilled.

    Returns:
        Logits, (batch, classes).
    """
    if len(teachers) == 1:
        return teachers[0]
    softened = [tf.nn.log_softmax(one / temperature) for one in teachers]
    return temperature * tf.reduce_logsumexp(tf.stack(softened), axis=0)


def soft_cross_entropy(
    student: tf.Tensor, teacher: tf.Tensor, temperature: float
) -> tf.Tensor:
    """Returns the distillation of the logits (Hinton et al., arXiv:1503.02531).

    Args:
        student: logits, (batch, classes).
        teacher: logits, (batch, classes).
        temperature: divides both; the loss is multiplied by its square.

    Returns:
        KL(teacher ‖ student) for each example, (batch,).
    """
    target = tf.nn.softmax(teacher / temperature)
    cross = tf.nn.softmax_cross_entropy_with_logits(
        target, student / temperature
    )
    entropy = tf.nn.softmax_cross_entropy_with_logits(
        target, teacher / temperature
    )
    return (cross - entropy) * temperature**2
