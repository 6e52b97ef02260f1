"""What a student minimises, as one value."""

import dataclasses
import math
from collections.abc import Sequence

from bifsmn_tf.distillation import losses
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file.detection import is_keyword
from bifsmn_tf.settings import setting


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What a training step minimises (Eq. 15).

    Every field says in its metadata what it is.

    Raises:
        UserError: A field has an impossible value; the message names it.
    """

    distillation: str = setting(
        "hed",
        "How the teacher's hidden states are distilled: hed emphasises their "
        "high frequencies (Eq. 8-10), fid compares high and low frequencies "
        "apart (BiFSMNv2), plain takes them as they are, none distils none.",
        choices=losses.METHODS,
    )
    gamma: float = setting(
        0.01, "The weight of the distillation of hidden states, γ of Eq. 15."
    )
    delta_weights: tuple[float, ...] = setting(
        (),
        "The weight of each depth's loss, such as 1,0.5,0.125; by default "
        "1/2^(δ-1) as in Eq. 15.",
        research=True,
    )
    logit_weight: float = setting(
        0.0,
        "The weight of the distillation of the teacher's logits, which the "
        "paper does not have.",
        research=True,
    )
    temperature: float = setting(
        2.0,
        "The temperature that softens both networks' logits when they are "
        "distilled.",
        research=True,
    )
    embedding_weight: float = setting(
        0.0,
        "The weight of the distillation of what a teacher says who hears a "
        "pretrained embedding of speech (pip install pyopen-wakeword) in place "
        "of features; it teaches the teacher, too. 0 has none.",
        research=True,
    )
    embedding_hint: float = setting(
        0.0,
        "The weight of hints (FitNets): of the squared error with which a "
        "linear layer, which is used in training alone, tells that embedding "
        "from the network's last states. 0 gives none.",
        research=True,
    )
    label_smoothing: float = setting(
        0.0,
        "The share of each label that is spread over all classes in the "
        "cross-entropy.",
        research=True,
    )
    false_accept_cost: float = setting(
        1.0,
        "What it costs to take other sound for a keyword, in units of what it "
        "costs to miss one: the weight of unknown words and silence.",
        research=True,
    )
    weight_decay: float = setting(
        0.0,
        "The factor of the L2 penalty on the kernels that are not one bit.",
        research=True,
    )

    def __post_init__(self) -> None:
        if self.distillation not in losses.METHODS:
            raise UserError(
                f"distillation must be one of {', '.join(losses.METHODS)}, "
                f"not {self.distillation!r}"
            )
        if not 0 <= self.label_smoothing < 1:
            raise UserError(
                f"label_smoothing must be in [0, 1), not {self.label_smoothing}"
            )
        if not 0 < self.temperature < math.inf:
            raise UserError(
                f"temperature must be positive, not {self.temperature}"
            )
        for name in (
            *("gamma", "logit_weight", "embedding_weight", "embedding_hint"),
            *("weight_decay", "false_accept_cost"),
        ):
            _check_amount(name, getattr(self, name))
        object.__setattr__(self, "delta_weights", tuple(self.delta_weights))
        for weight in self.delta_weights:
            _check_amount("delta_weights", weight)

    @property
    def distils_states(self) -> bool:
        """Whether the teacher's hidden states are distilled."""
        return self.distillation != "none"

    @property
    def needs_teacher(self) -> bool:
        """Whether there is anything that a teacher teaches."""
        return self.distils_states or self.logit_weight > 0

    @property
    def hears_embeddings(self) -> bool:
        """Whether there is anything that embeddings of speech teach."""
        return self.embedding_weight > 0 or self.embedding_hint > 0

    def alone(self) -> "LossConfig":
        """Returns the losses of a network of one depth without a teacher."""
        return LossConfig(
            distillation="none",
            gamma=0.0,
            embedding_weight=self.embedding_weight,
            embedding_hint=self.embedding_hint,
            temperature=self.temperature,
            label_smoothing=self.label_smoothing,
            false_accept_cost=self.false_accept_cost,
            weight_decay=self.weight_decay,
        )

    def class_costs(self, label_names: Sequence[str]) -> list[float]:
        """Returns what an error on each class costs.

        Args:
            label_names: The classes.
        """
        return [
            1.0 if is_keyword(name) else self.false_accept_cost
            for name in label_names
        ]

    def weights_by_depth(self, deltas: Sequence[int]) -> list[float]:
        """Returns the weight of each depth in the total loss.

        Args:
            deltas: The intervals δ of a network.

        Raises:
            UserError: There are not as many weights as depths.
        """
        weights = self.delta_weights or losses.delta_weights(deltas)
        if len(weights) != len(deltas):
            raise UserError(
                f"delta_weights: {len(weights)} loss weights for "
                f"{len(deltas)} depths"
            )
        return [float(weight) for weight in weights]


def _check_amount(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise UserError(f"{name} must not be negative or infinite: {value}")
