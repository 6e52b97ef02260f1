"""Which share of a network's states is high frequency (Figure 2)."""

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar
from bifsmn_tf.distillation.student import Student


def wavelet_energies(
    network: Student, delta: int, features: tf.Tensor
) -> dict[int, float]:
    """Returns p_H of each block's output over a batch (Eq. 6, 7).

    Args:
        network: A teacher or a student.
        delta: One of the network's δ.
        features: normalised log-mel, (batch, time, mels).

    Returns:
        p_H by block number; p_L is 1 - p_H.
    """
    _, states = network.infer(features, delta)
    return {
        number: float(haar.relative_energy(state)[0])
        for number, state in states.items()
    }
