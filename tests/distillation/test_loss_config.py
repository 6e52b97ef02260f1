import pytest
from trainer_cases import make_student

from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.trainer import Trainer


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distillation": "best"}, "'best'"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"temperature": 0.0}, "temperature"),
        ({"gamma": -0.1}, "gamma must not be negative"),
        ({"logit_weight": float("nan")}, "logit_weight"),
        ({"weight_decay": float("inf")}, "weight_decay"),
        ({"delta_weights": (1.0, -1.0)}, "delta_weights"),
    ],
)
def test_loss_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        LossConfig(**settings)


def test_each_depth_needs_a_weight():
    loss = LossConfig(distillation="none", delta_weights=(1.0, 0.5))
    with pytest.raises(ValueError, match="2 loss weights for 3 depths"):
        Trainer(make_student(), None, loss)
