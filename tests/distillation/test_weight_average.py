import numpy as np
import pytest
from trainer_cases import make_batch
from trainer_cases import make_student
from trainer_cases import make_trainer

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.trainer import Trainer


class TestAverage:
    LOSS = LossConfig(distillation="none")

    def make(self, decay=0.9):
        trainer = Trainer(make_student(), None, self.LOSS, weight_average=decay)
        optimizer = tf.keras.optimizers.legacy.Adam(0.05)
        trainer.compile(optimizer, run_eagerly=True)
        return trainer

    def test_is_the_moving_average_of_the_weights(self):
        trainer = self.make(decay=0.25)
        expected = [v.numpy() for v in trainer.student.trainable_variables]
        for step in range(1, 6):
            trainer.train_step(make_batch(seed=step))
            decay = min(0.25, step / (9 + step))
            expected = [
                decay * mean + (1 - decay) * weight.numpy()
                for mean, weight in zip(
                    expected, trainer.student.trainable_variables, strict=True
                )
            ]
        for mean, variable in zip(
            expected, trainer.average.network.trainable_variables, strict=True
        ):
            np.testing.assert_allclose(variable, mean, rtol=1e-4, atol=1e-6)

    def test_leaves_the_training_as_it_is(self):
        plain = make_trainer(
            make_student(),
            None,
            self.LOSS,
            tf.keras.optimizers.legacy.Adam(0.05),
        )
        averaging = self.make()
        for trainer in (plain, averaging):
            for seed in range(3):
                trainer.train_step(make_batch(seed=seed))
            trainer.evaluate(*make_batch(), verbose=0)
        for mine, its in zip(
            plain.student.weights, averaging.student.weights, strict=True
        ):
            np.testing.assert_array_equal(mine, its)

    def test_is_what_is_evaluated(self):
        trainer = self.make()
        for seed in range(3):
            trainer.train_step(make_batch(seed=seed))
        features, labels = make_batch(9)
        found = trainer.evaluate(features, labels, verbose=0, return_dict=True)
        for network, same in (
            (trainer.average.network, True),
            (trainer.student, False),
        ):
            expected = np.mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels, network.infer(features, 2)[0]
                )
            )
            assert same == (
                found["cross_entropy_delta_2"]
                == pytest.approx(expected, rel=1e-5)
            )

    def test_its_norms_see_its_own_network(self):
        """After a pass over some batches: the mean of their statistics."""
        trainer = self.make()
        for seed in range(3):
            trainer.train_step(make_batch(seed=seed))
        batches = [make_batch(seed=seed) for seed in (7, 8, 9)]
        average = trainer.average.network
        expected = []
        for features, _ in batches:
            # The norms of the average keep what the last batch had.
            average.forward(features)
            expected.append([v.numpy() for v in average.non_trainable_weights])
        trained = [v.numpy() for v in trainer.student.non_trainable_weights]
        weights = [v.numpy() for v in average.trainable_weights]
        dataset = tf.data.Dataset.from_tensor_slices(
            tuple(tf.stack(part) for part in zip(*batches, strict=True))
        )
        for _ in range(2):
            trainer.estimate_statistics(dataset)
            for variable, *values in zip(
                average.non_trainable_weights, *expected, strict=True
            ):
                np.testing.assert_allclose(
                    variable, np.mean(values, axis=0), rtol=1e-4, atol=1e-5
                )
        for variable, value in zip(
            trainer.student.non_trainable_weights, trained, strict=True
        ):
            np.testing.assert_array_equal(variable, value)
        for variable, value in zip(
            average.trainable_weights, weights, strict=True
        ):
            np.testing.assert_array_equal(variable, value)

    def test_without_one_there_are_no_statistics(self):
        trainer = make_trainer(make_student(), None, self.LOSS)
        assert trainer.evaluated is trainer.student
        with pytest.raises(ValueError, match="weight_average"):
            trainer.estimate_statistics(None)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"weight_average": 1.0}, r"in \[0, 1\), not 1.0"),
            ({"weight_average": -0.1}, "weight_average"),
            ({"mixup": -1.0}, "mixup must not be negative"),
        ],
    )
    def test_settings_are_checked(self, settings, message):
        with pytest.raises(ValueError, match=message):
            Trainer(make_student(), None, self.LOSS, **settings)
