import numpy as np
import pytest
from trainer_cases import make_batch
from trainer_cases import make_student

from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.objective import Objective
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
        ({"false_accept_cost": -1.0}, "false_accept_cost"),
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


def test_a_false_accept_costs_what_it_is_said_to():
    labels = ["yes", "unknown", "silence"]
    loss = LossConfig(distillation="none", false_accept_cost=3.0)
    assert loss.class_costs(labels) == [1.0, 3.0, 3.0]
    assert loss.alone().false_accept_cost == 3.0
    student = make_student()
    features, _ = make_batch(4)
    target = np.eye(student.config.classes, dtype=np.float32)[[0, 1, 1, 0]]
    costs = [1.0, 3.0] + [1.0] * (student.config.classes - 2)
    plain = Objective(student, None, loss)(features, target)
    weighed = Objective(student, None, loss, costs)(features, target)
    np.testing.assert_allclose(
        weighed.total, plain.total * [1, 3, 3, 1], rtol=1e-6
    )
    # What is reported stays the cross-entropy.
    np.testing.assert_array_equal(
        weighed.cross_entropies[0], plain.cross_entropies[0]
    )
