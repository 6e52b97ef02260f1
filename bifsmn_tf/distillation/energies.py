"""Which share of a network's states is high frequency (Figure 2)."""

from collections.abc import Mapping

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar


def wavelet_energies(states: Mapping[int, tf.Tensor]) -> dict[int, tf.Tensor]:
    """Returns p_H of each block's output over a batch (Eq. 6, 7).

    Args:
        states: outputs by block number, (batch, time, channels), as a
            network's ``infer`` gives them.

    Returns:
        p_H by block number, float32 (); p_L is 1 - p_H.
    """
    return {
        number: haar.relative_energy(state)[0]
        for number, state in states.items()
    }
