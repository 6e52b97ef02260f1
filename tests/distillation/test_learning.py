import dataclasses

import numpy as np
import pytest
from trainer_cases import SIZES
from trainer_cases import assert_unchanged
from trainer_cases import make_batch
from trainer_cases import make_student
from trainer_cases import make_teacher
from trainer_cases import make_trainer
from trainer_cases import snapshot

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.network.architectures import BINARIZERS
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.network.fsmn import FSMN


def toy_problem(n):
    """Three spectral shapes in noise: features and labels."""
    generator = np.random.default_rng(3)
    shapes = generator.normal(size=(3, 9, 8))
    labels = np.arange(n) % 3
    features = shapes[labels] + 0.3 * generator.normal(size=(n, 9, 8))
    return features.astype(np.float32), labels.astype(np.int32)


def fitted(loss, epochs, seed=0, **changes):
    """A graph-mode training on the toy problem: the student and its history."""
    student = make_student(**changes)
    teacher = make_teacher() if loss.distillation != "none" else None
    trainer = Trainer(student, teacher, loss, seed)
    trainer.compile(tf.keras.optimizers.legacy.Adam(5e-3))
    features, labels = toy_problem(48)
    history = trainer.fit(
        features, labels, batch_size=16, epochs=epochs, shuffle=False, verbose=0
    )
    return student, history.history


class TestTraining:
    def test_learns_a_toy_problem_at_every_depth(self):
        # With seeds 0 to 3 a loss of 0.03 to 0.05 of the first is left, and
        # every clip is right: far from what another rounding may change.
        _, history = fitted(LossConfig(), epochs=24)
        assert history["loss"][-1] < 0.3 * history["loss"][0]
        for delta in (1, 2, 4):
            assert history[f"accuracy_delta_{delta}"][-1] > 0.9
        distances = [
            sum(history[f"distillation_delta_{d}"][i] for d in (1, 2, 4))
            for i in (0, -1)
        ]
        assert np.all(np.isfinite(distances))

    @pytest.mark.parametrize("binarizer", list(BINARIZERS))
    def test_learns_a_toy_problem_with_every_binarizer(self, binarizer):
        student = make_student(deltas=(1,), **BINARIZERS[binarizer])
        trainer = Trainer(student, None, LossConfig(distillation="none"))
        trainer.compile(tf.keras.optimizers.legacy.Adam(5e-3))
        features, labels = toy_problem(48)
        history = trainer.fit(
            features, labels, batch_size=16, epochs=24, shuffle=False, verbose=0
        ).history
        assert np.all(np.isfinite(history["loss"]))
        # With three seeds 0.002 to 0.18 of it is left.
        assert history["loss"][-1] < 0.5 * history["loss"][0]

    def test_distillation_alone_comes_nearer_to_the_teacher(self):
        _, history = fitted(LossConfig(gamma=10.0), epochs=24)
        for delta in (1, 2, 4):
            values = history[f"distillation_delta_{delta}"]
            # With four seeds 0.53 to 0.72 of it is left.
            assert values[-1] < 0.95 * values[0]

    def test_the_same_seed_gives_the_same_bits(self):
        def trained(seed):
            loss = LossConfig(distillation="none")
            changes = {"dropout": 0.3, "blocks": 2, "deltas": (1, 2)}
            return fitted(loss, 2, seed, **changes)[0].get_weights()

        weights = [trained(0), trained(0)]
        for a, b in zip(*weights, strict=True):
            np.testing.assert_array_equal(a, b)
        other = trained(1)
        assert any(
            np.any(a != b) for a, b in zip(weights[0], other, strict=True)
        )

    def test_evaluation_counts_exactly(self):
        student = make_student()
        trainer = make_trainer(student, None, LossConfig(distillation="none"))
        features, labels = make_batch(11)
        results = trainer.evaluate(
            features, labels, batch_size=4, verbose=0, return_dict=True
        )
        for delta in (1, 2, 4):
            logits, _ = student.infer(features, delta)
            hits = np.sum(np.argmax(logits, axis=1) == labels)
            assert results[f"accuracy_delta_{delta}"] == pytest.approx(
                hits / 11
            )
            expected = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels, logits
            )
            assert results[f"cross_entropy_delta_{delta}"] == pytest.approx(
                np.mean(expected), rel=1e-5
            )

    def test_evaluation_changes_nothing(self):
        student = make_student()
        trainer = make_trainer(student, None, LossConfig(distillation="none"))
        before = snapshot(student)
        trainer.evaluate(*make_batch(), verbose=0)
        assert_unchanged(student, before)

    def test_a_plain_network_trains_too(self):
        """The teacher's own training: full precision, one depth, dropout."""
        network = FSMN(dataclasses.replace(dfsmn(**SIZES), dropout=0.2))
        trainer = make_trainer(
            network,
            None,
            LossConfig(distillation="none"),
            tf.keras.optimizers.legacy.Adam(1e-2),
        )
        batch = make_batch(12)
        first = float(trainer.train_step(batch)["loss"])
        for _ in range(12):
            trainer.reset_metrics()
            last = float(trainer.train_step(batch)["loss"])
        # With five seeds 0.04 to 0.17 of it is left.
        assert last < 0.7 * first
