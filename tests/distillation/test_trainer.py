import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from trainer_cases import assert_unchanged
from trainer_cases import gradients_of
from trainer_cases import literal_losses
from trainer_cases import make_batch
from trainer_cases import make_student
from trainer_cases import make_teacher
from trainer_cases import make_trainer
from trainer_cases import snapshot

from bifsmn_tf._keras import tf
from bifsmn_tf.benchmarking.training_steps import depths_apart
from bifsmn_tf.distillation import haar
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.energies import wavelet_energies
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.mixup import mix
from bifsmn_tf.distillation.trainer import ENERGY
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.network.architectures import BINARIZERS


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

    def test_several_teach_the_logits_together(self):
        """The first one alone teaches states, so that others may be narrow."""
        student, first = make_student(), make_teacher()
        another = make_teacher(7, memory_size=16, blocks=2)
        features, labels = make_batch()
        target = tf.one_hot(labels, 3)
        loss = LossConfig(gamma=0.3, logit_weight=0.5, temperature=3.0)
        trainer = Trainer(student, first, loss, more_teachers=[another])
        assert another.trainable_variables == []
        alone = LossConfig(gamma=0.3)
        expected = Trainer(student, first, alone).objective(features, target)
        found = trainer.objective(features, target)
        np.testing.assert_array_equal(found.distances, expected.distances)
        outputs = [
            tf.nn.softmax(one.infer(features, 1)[0] / 3.0)
            for one in (first, another)
        ]
        softened = tf.add_n(outputs) / 2
        taught = tf.add_n(
            weight
            * tf.reduce_sum(
                softened
                * (tf.math.log(softened) - tf.nn.log_softmax(logits / 3.0)),
                axis=1,
            )
            for weight, logits in zip(
                losses.delta_weights((1, 2, 4)), found.logits, strict=True
            )
        )
        np.testing.assert_allclose(
            found.total, expected.total + 0.5 * 9.0 * taught, rtol=1e-4
        )

    def test_one_who_hears_embeddings_teaches_with_its_own_weight(self):
        student, teacher = make_student(), make_teacher()
        features, labels = make_batch()
        target = tf.one_hot(labels, 3)
        heard = tf.random.stateless_normal((len(labels), 3), (1, 2))
        settings = {"gamma": 0.3, "logit_weight": 0.5, "temperature": 3.0}
        without = Trainer(student, teacher, LossConfig(**settings))
        expected = without.objective(features, target)
        loss = LossConfig(**settings, embedding_weight=0.7)
        trainer = Trainer(student, teacher, loss)
        found = trainer.objective(features, target, None, heard)
        taught = tf.add_n(
            weight * losses.soft_cross_entropy(logits, heard, 3.0)
            for weight, logits in zip(
                losses.delta_weights((1, 2, 4)), found.logits, strict=True
            )
        )
        assert float(tf.reduce_min(taught)) > 0
        np.testing.assert_allclose(
            found.total, expected.total + 0.7 * taught, rtol=1e-4
        )
        # It teaches the teacher, too, who has nobody else.
        alone = loss.alone()
        assert alone.embedding_weight == 0.7 and alone.temperature == 3.0
        assert not alone.needs_teacher
        trainer.compile(optimizer=tf.keras.optimizers.legacy.SGD(0.1))
        before = snapshot(student)
        trainer.train_step((features, labels, heard))
        with pytest.raises(AssertionError):
            assert_unchanged(student, before)

    def test_hints_are_told_from_each_depths_last_states(self):
        student = make_student()
        features, labels = make_batch()
        target = tf.one_hot(labels, 3)
        hints = np.random.default_rng(0).normal(size=(len(labels), 128))
        hints = np.float32(hints)
        without = Trainer(student, None, LossConfig("none"))
        expected = without.objective(features, target)
        loss = LossConfig("none", embedding_hint=0.3)
        assert loss.alone().embedding_hint == 0.3 and loss.hears_embeddings
        trainer = Trainer(student, None, loss)
        heard = tf.zeros((len(labels), 3))
        found = trainer.objective(features, target, None, heard, hints)
        layer = trainer.objective.hints
        kernel, bias = (v.numpy() for v in layer.trainable_variables)
        _, states = student.forward(features)
        errors = np.zeros(len(labels))
        for i, weight in enumerate(losses.delta_weights((1, 2, 4))):
            last = states[max(states)].numpy()[:, :, i].reshape(len(labels), -1)
            error = np.square(last @ kernel + bias - hints).mean(axis=1)
            errors += weight * error
            if not i:
                first = error
        assert (errors > 0).all()
        np.testing.assert_allclose(
            found.total, expected.total + 0.3 * errors, rtol=1e-4
        )
        # Network and layer learn to tell them.
        trainer.compile(optimizer=tf.keras.optimizers.legacy.Adam(0.01))
        before = snapshot(student)
        for _ in range(5):
            trainer.train_step((features, labels, heard, hints))
        _, states = student.forward(features)
        after = trainer.objective.hints.errors(states, hints)[0]
        assert np.mean(after) < np.mean(first)
        with pytest.raises(AssertionError):
            assert_unchanged(student, before)

    def test_several_teach_nothing_but_logits(self):
        teachers = [make_teacher(seed) for seed in (5, 6)]
        with pytest.raises(ValueError, match="give a logit_weight"):
            Trainer(
                make_student(),
                teachers[0],
                LossConfig(),
                more_teachers=teachers[1:],
            )

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
            assert np.all(one <= two * (1 + 1e-5)), name
            np.testing.assert_allclose(one, two, rtol=0.05)


def test_wavelet_energies_of_each_block():
    student = make_student()
    features, _ = make_batch()
    for delta, blocks in ((1, [1, 2, 3, 4]), (2, [2, 4]), (4, [4])):
        _, states = student.infer(features, delta)
        energies = wavelet_energies(states)
        assert list(energies) == blocks
        for number, share in energies.items():
            high, low = haar.relative_energy(states[number])
            assert float(share) == pytest.approx(float(high))
            assert 0 < share < 1
            assert float(high + low) == pytest.approx(1)


def test_an_evaluation_measures_energies():
    student = make_student()
    trainer = Trainer(student, None, LossConfig(distillation="none"))
    trainer.compile()
    features, labels = make_batch()
    data = tf.data.Dataset.from_tensors((features, labels))
    found = trainer.evaluate(data, verbose=0, return_dict=True)
    for delta in student.config.deltas:
        _, states = student.infer(features, delta)
        shares = wavelet_energies(states)
        names = [f"{ENERGY}delta_{delta}/{block}" for block in shares]
        assert [float(found[name]) for name in names] == pytest.approx(
            [float(share) for share in shares.values()], rel=1e-5
        )
    assert sum(name.startswith(ENERGY) for name in found) == 7
