import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.benchmarking.training_steps import depths_apart
from bifsmn_tf.distillation import haar
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.energies import wavelet_energies
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.mixup import mix
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.network.architectures import BINARIZERS
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.network.fsmn import FSMN

SIZES = {
    "classes": 3,
    "frames": 9,
    "mels": 8,
    "front_channels": 4,
    "front_kernel": 3,
    "memory_size": 12,
    "hidden_size": 16,
    "blocks": 4,
}


def shaken(network, seed):
    """Weights away from where they start, the same for the same seed."""
    generator = np.random.default_rng(seed)
    for variable in network.weights:
        if "variance" not in variable.name:
            values = generator.normal(0, 0.2, variable.shape)
            variable.assign_add(values.astype(np.float32))
    return network


def make_student(seed=0, **changes):
    set_random_seed(seed)
    return shaken(FSMN(bifsmn(**{**SIZES, **changes})), seed)


def make_teacher(seed=5, **changes):
    set_random_seed(seed)
    return shaken(FSMN(dfsmn(**{**SIZES, **changes})), seed)


def make_trainer(student, teacher, loss=None, optimizer=None, seed=0):
    trainer = Trainer(student, teacher, loss or LossConfig(), seed)
    trainer.compile(
        optimizer or tf.keras.optimizers.legacy.SGD(1.0), run_eagerly=True
    )
    return trainer


def make_batch(n=6, seed=1):
    generator = np.random.default_rng(seed)
    return (
        tf.constant(generator.normal(size=(n, 9, 8)), tf.float32),
        tf.constant(generator.integers(0, 3, n), tf.int32),
    )


def snapshot(network):
    return {v.ref(): v.numpy() for v in network.weights}


def assert_unchanged(network, before):
    for ref, value in before.items():
        np.testing.assert_array_equal(ref.deref(), value)


class Recorder(tf.keras.optimizers.legacy.SGD):
    """Keeps gradients by variable and applies none."""

    def apply_gradients(self, grads_and_vars, **_):
        self.gradients = {
            v.ref(): tf.convert_to_tensor(g).numpy() for g, v in grads_and_vars
        }


def gradients_of(student, teacher, loss, batch):
    """What a training step hands to its optimizer, by variable."""
    optimizer = Recorder(1.0)
    make_trainer(student, teacher, loss, optimizer).train_step(batch)
    return optimizer.gradients


def literal_distance(student, teacher_map):
    squares = student**2
    norm = tf.norm(squares, axis=(1, 2), keepdims=True)
    return tf.norm(squares / norm - teacher_map, axis=(1, 2))


def literal_bands(states):
    approximation, details = haar.dwt2(states)
    zeros = tf.zeros_like(approximation)
    return [
        haar.idwt2(low, rest)[:, : states.shape[1], : states.shape[2]]
        for low, rest in ((zeros, details), (approximation, (zeros,) * 3))
    ]


def literal_losses(single, teacher, features, labels, method="hed"):
    """Cross-entropy and Eq. 14 of a network of one depth."""
    (logits,), states = single.forward(features)
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels, logits
    )
    _, teacher_states = teacher.infer(features, 1)
    distances = []
    for number, state in states.items():
        target = teacher_states[number]
        if method == "fid":
            for mine, its in zip(
                literal_bands(state[:, :, 0]),
                literal_bands(target),
                strict=True,
            ):
                its = its**2 / tf.norm(its**2, axis=(1, 2), keepdims=True)
                distances.append(literal_distance(mine, its))
            continue
        if method == "hed":
            approximation, details = haar.dwt2(target)
            high = haar.idwt2(tf.zeros_like(approximation), details)
            high = high[:, : target.shape[1], : target.shape[2]]
            target = sum(
                x / tf.math.reduce_std(x, (1, 2), keepdims=True)
                for x in (high, target)
            )
        target = target**2
        target /= tf.norm(target, axis=(1, 2), keepdims=True)
        distances.append(literal_distance(state[:, :, 0], target))
    return cross_entropy, tf.add_n(distances), logits


class TestStep:
    def test_gradients_of_all_depths_are_summed(self):
        """Algorithm 1 and Eq. 15: one update from the weighted sum."""
        student, teacher = make_student(), make_teacher()
        features, labels = make_batch()
        loss = LossConfig(gamma=0.3)
        apart = depths_apart(student)
        weights = {1: 1.0, 2: 1 / 2, 4: 1 / 8}
        shared, own = {}, {}
        for delta, single in apart.items():
            variables = single.trainable_variables
            with tf.GradientTape() as tape:
                cross_entropy, distance, _ = literal_losses(
                    single, teacher, features, labels
                )
                total = tf.reduce_mean(cross_entropy + 0.3 * distance)
            for variable, gradient in zip(
                variables, tape.gradient(total, variables), strict=True
            ):
                ref = variable.ref()
                gradient = weights[delta] * tf.convert_to_tensor(gradient)
                shared[ref] = shared.get(ref, 0.0) + gradient.numpy()
                own[ref] = gradient.numpy()
        found = gradients_of(student, teacher, loss, (features, labels))
        assert set(found) == {v.ref() for v in student.trainable_variables}
        for ref, gradient in found.items():
            if ref in shared:
                np.testing.assert_allclose(
                    gradient, shared[ref], rtol=1e-3, atol=1e-5
                )
        assert sum(ref in shared for ref in found) > 20
        # Norms, slopes and thresholds of a block belong to a depth each.
        for index, delta in enumerate((1, 2, 4)):
            for name, its in apart[delta].stages.items():
                if not its.node.block:
                    continue
                mine = student.stages[name]
                for part in ("sign", "norm", "prelu"):
                    for a, b in zip(
                        getattr(mine, part).trainable_variables,
                        getattr(its, part).trainable_variables,
                        strict=True,
                    ):
                        np.testing.assert_allclose(
                            found[a.ref()][index],
                            own[b.ref()][0],
                            rtol=1e-3,
                            atol=1e-5,
                        )

    @pytest.mark.parametrize("method", ["hed", "fid", "plain"])
    def test_what_it_reports(self, method):
        student, teacher = make_student(), make_teacher()
        features, labels = make_batch()
        loss = LossConfig(
            distillation=method,
            gamma=0.7,
            delta_weights=(1.0, 3.0, 0.5),
            logit_weight=0.4,
            temperature=3.0,
        )
        apart = depths_apart(student)
        teacher_logits, _ = teacher.infer(features, 1)
        total, expected = 0.0, {}
        for (delta, single), weight in zip(
            apart.items(), (1.0, 3.0, 0.5), strict=True
        ):
            cross_entropy, distance, logits = literal_losses(
                single, teacher, features, labels, method
            )
            soft = losses.soft_cross_entropy(logits, teacher_logits, 3.0)
            total += weight * tf.reduce_mean(
                cross_entropy + 0.7 * distance + 0.4 * soft
            )
            for name, values in (
                ("cross_entropy", cross_entropy),
                ("distillation", distance),
                (
                    "accuracy",
                    tf.argmax(logits, 1, tf.int32) == labels,
                ),
            ):
                expected[f"{name}_delta_{delta}"] = np.mean(values)
        averages = make_trainer(student, teacher, loss).train_step(
            (features, labels)
        )
        expected["loss"] = total.numpy()
        assert {k: float(v) for k, v in averages.items()} == pytest.approx(
            expected, rel=1e-4
        )

    def test_layers_are_mapped_uniformly(self, monkeypatch):
        """Block i·δ is compared with block i·δ of the teacher."""
        student, teacher = make_student(), make_teacher()
        features, labels = make_batch()
        _, states = teacher.infer(features, 1)
        compared = []
        original = losses.attention_distance

        def recorded(state, teacher_map):
            compared.append((state.shape[2], teacher_map))
            return original(state, teacher_map)

        monkeypatch.setattr(losses, "attention_distance", recorded)
        make_trainer(student, teacher).train_step((features, labels))
        assert [variants for variants, _ in compared] == [1, 2, 1, 3]
        for number, (_, teacher_map) in enumerate(compared, 1):
            np.testing.assert_allclose(
                teacher_map,
                losses.attention(losses.emphasise(states[number])),
                rtol=1e-5,
                atol=1e-7,
            )

    def test_label_smoothing(self):
        student = make_student()
        features, labels = make_batch()
        logits = student.forward(features)[0]
        loss = LossConfig(distillation="none", label_smoothing=0.3)
        averages = make_trainer(student, None, loss).train_step(
            (features, labels)
        )
        target = 0.7 * np.eye(3)[labels] + 0.1
        for delta, values in zip((1, 2, 4), logits, strict=True):
            expected = -(target * tf.nn.log_softmax(values)).numpy().sum(1)
            np.testing.assert_allclose(
                averages[f"cross_entropy_delta_{delta}"],
                expected.mean(),
                rtol=1e-5,
            )

    def test_mixup_mixes_for_student_and_teacher(self, monkeypatch):
        """The step is one without mixup on what mix gives."""
        features, labels = make_batch()
        loss = LossConfig(logit_weight=0.5)
        trainer = Trainer(make_student(), make_teacher(), loss, 3, mixup=0.4)
        trainer.compile(tf.keras.optimizers.legacy.SGD(0.0), run_eagerly=True)
        seen = []
        infer = trainer.teacher.infer
        monkeypatch.setattr(
            trainer.teacher,
            "infer",
            lambda x, delta: seen.append(x) or infer(x, delta),
        )
        shares = set()
        for step in range(3):
            trainer.reset_metrics()
            mixed, target = mix(
                features,
                tf.one_hot(labels, 3),
                0.4,
                tf.constant([64 * step, 3], tf.int32),
            )
            total, *_ = trainer.objective(mixed, target)
            averages = trainer.train_step((features, labels))
            np.testing.assert_array_equal(seen[-1], mixed)
            assert float(averages["loss"]) == pytest.approx(
                float(tf.reduce_mean(total)), rel=1e-5
            )
            shares.add(float(averages["loss"]))
        assert len(shares) == 3

    def test_weight_decay_spares_one_bit_weights(self):
        batch = make_batch()
        found = {}
        for decay in (0.0, 0.25):
            loss = LossConfig(distillation="none", weight_decay=decay)
            gradients = gradients_of(make_student(), None, loss, batch)
            found[decay] = list(gradients.values())
        start = make_student()
        decayed_kernels = [
            start.stages["conv1"].linear.kernel.ref(),
            start.classifier.kernel.ref(),
        ]
        seen = 0
        for variable, plain, decayed in zip(
            start.trainable_variables, found[0.0], found[0.25], strict=True
        ):
            expected = 0.0
            if variable.ref() in decayed_kernels:
                expected = 0.25 * variable.numpy()
                seen += 1
            np.testing.assert_allclose(decayed - plain, expected, atol=1e-5)
        assert seen == 2

    def test_distribution_loss_is_added(self):
        batch = make_batch()
        loss = LossConfig(distillation="none")
        changes = {**BINARIZERS["rad"], "deltas": (1,)}
        student = make_student(**changes)
        variables = student.trainable_variables
        with tf.GradientTape() as tape:
            student.forward(batch[0])
            distribution = student.distribution_loss()
        expected = tape.gradient(
            distribution,
            variables,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        without = {**changes, "distribution_weight": 0.0}
        plain = gradients_of(make_student(**without), None, loss, batch)
        found = gradients_of(make_student(**changes), None, loss, batch)
        seen = 0.0
        for a, b, gradient in zip(
            found.values(), plain.values(), expected, strict=True
        ):
            np.testing.assert_allclose(a - b, gradient, rtol=1e-3, atol=2e-3)
            seen += np.abs(gradient).max()
        assert seen > 0.1

    def test_latent_weights_stay_clipped(self):
        student = make_student()
        optimizer = tf.keras.optimizers.legacy.SGD(1e4)
        trainer = make_trainer(
            student, None, LossConfig(distillation="none"), optimizer
        )
        trainer.train_step(make_batch())
        for name in ("conv2", "block1/memory"):
            stage = student.stages[name]
            assert np.abs(stage.linear.kernel).max() <= 1
        assert student.stages["block1/expand"].prelu.slope.numpy().min() >= 0


class TestTeacher:
    def test_is_fixed_and_in_inference_mode(self, monkeypatch):
        student, teacher = make_student(), make_teacher()
        before = snapshot(teacher)

        def training_mode(*_):
            raise AssertionError("the teacher ran in training mode")

        monkeypatch.setattr(teacher, "forward", training_mode)
        trainer = make_trainer(student, teacher, LossConfig(logit_weight=1.0))
        student_before = snapshot(student)
        for seed in range(2):
            trainer.train_step(make_batch(seed=seed))
        assert_unchanged(teacher, before)
        assert any(
            np.any(ref.deref() != value)
            for ref, value in student_before.items()
        )
        assert teacher.trainable_variables == []
        ours = {v.ref() for v in student.trainable_variables}
        assert {v.ref() for v in trainer.trainable_variables} == ours

    def test_gets_no_gradient(self):
        student, teacher = make_student(), make_teacher()
        trainer = make_trainer(student, teacher, LossConfig(logit_weight=1.0))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(teacher.weights)
            features, labels = make_batch()
            total, *_ = trainer.objective(features, tf.one_hot(labels, 3))
        assert tape.gradient(total, teacher.weights) == [None] * len(
            teacher.weights
        )

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"blocks": 8}, "4 blocks .* this one has 8"),
            ({"memory_size": 16}, "memory size 12; this one has .* 16"),
            ({"classes": 5}, "classes=5"),
            ({"frames": 12}, "frames=12"),
            ({"mels": 12}, "mels=12"),
        ],
    )
    def test_that_does_not_fit_is_refused(self, changes, message):
        with pytest.raises(ValueError, match=message):
            Trainer(make_student(), make_teacher(**changes), LossConfig())

    def test_of_another_width_may_teach_by_its_logits(self):
        trainer = make_trainer(
            make_student(),
            make_teacher(memory_size=16, blocks=2),
            LossConfig(distillation="none", logit_weight=1.0),
        )
        averages = trainer.train_step(make_batch())
        assert np.isfinite(averages["loss"])
        assert averages["distillation_delta_1"] == 0

    @pytest.mark.parametrize(
        "loss",
        [LossConfig(), LossConfig(distillation="none", logit_weight=0.1)],
    )
    def test_is_needed_for_distillation(self, loss):
        with pytest.raises(ValueError, match="needs a teacher"):
            Trainer(make_student(), None, loss)

    def test_is_not_run_without_distillation(self, monkeypatch):
        teacher = make_teacher()
        monkeypatch.setattr(teacher, "infer", None)
        loss = LossConfig(distillation="none")
        make_trainer(make_student(), teacher, loss).train_step(make_batch())


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


def toy_problem(n):
    """Three spectral shapes in noise: features and labels."""
    generator = np.random.default_rng(3)
    shapes = generator.normal(size=(3, 9, 8))
    labels = np.arange(n) % 3
    features = shapes[labels] + 0.3 * generator.normal(size=(n, 9, 8))
    return features.astype(np.float32), labels.astype(np.int32)


def fitted(loss, epochs, dropout=0.0, seed=0):
    """A graph-mode training on the toy problem: the student and its history."""
    student = make_student(dropout=dropout)
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
        _, history = fitted(LossConfig(), epochs=8)
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
            features, labels, batch_size=16, epochs=12, shuffle=False, verbose=0
        ).history
        assert np.all(np.isfinite(history["loss"]))
        assert history["loss"][-1] < 0.5 * history["loss"][0]

    def test_distillation_alone_comes_nearer_to_the_teacher(self):
        _, history = fitted(LossConfig(gamma=10.0), epochs=6)
        for delta in (1, 2, 4):
            values = history[f"distillation_delta_{delta}"]
            assert values[-1] < 0.95 * values[0]

    def test_the_same_seed_gives_the_same_bits(self):
        loss = LossConfig(distillation="none")
        weights = [
            fitted(loss, epochs=2, dropout=0.3)[0].get_weights()
            for _ in range(2)
        ]
        for a, b in zip(*weights, strict=True):
            np.testing.assert_array_equal(a, b)
        other = fitted(loss, epochs=2, dropout=0.3, seed=1)[0].get_weights()
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
        for _ in range(8):
            trainer.reset_metrics()
            last = float(trainer.train_step(batch)["loss"])
        assert last < 0.7 * first


def test_two_replicas_update_like_one(tmp_path):
    path = tmp_path / "results.npz"
    script = Path(__file__).with_name("replicas.py")
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, script, path], check=True, env=environment)
    with np.load(path) as results:
        assert results["one/replicas"] == 1
        assert results["two/replicas"] == 2
        names = [k.removeprefix("one/") for k in results if "one/" in k]
        for name in names:
            if name == "replicas":
                continue
            one, two = results[f"one/{name}"], results[f"two/{name}"]
            if np.allclose(one, two, rtol=1e-4, atol=1e-5):
                continue
            # The unbiased variance of half as many rows is a little larger.
            assert np.all(one > 0), name
            assert np.all(one <= two), name
            np.testing.assert_allclose(one, two, rtol=0.05)


def test_wavelet_energies_of_each_block():
    student = make_student()
    features, _ = make_batch()
    for delta, blocks in ((1, [1, 2, 3, 4]), (2, [2, 4]), (4, [4])):
        energies = wavelet_energies(student, delta, features)
        assert list(energies) == blocks
        _, states = student.infer(features, delta)
        for number, share in energies.items():
            high, low = haar.relative_energy(states[number])
            assert share == pytest.approx(float(high))
            assert 0 < share < 1
            assert float(high + low) == pytest.approx(1)
