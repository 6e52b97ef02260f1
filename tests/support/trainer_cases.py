"""Small networks to train, and the losses literally as the paper has them."""

import numpy as np
from networks import SIZES

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.network.architectures import bifsmn
from bifsmn_tf.network.architectures import dfsmn
from bifsmn_tf.network.fsmn import FSMN


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
