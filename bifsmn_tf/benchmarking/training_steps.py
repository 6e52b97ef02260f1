"""Three ways to write one update of a thinnable student with HED.

They compute the same loss from the same weights: see
:mod:`~bifsmn_tf.benchmarking.training_speed`, which names and times them.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping

from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.plain import PlainFSMN
from bifsmn_tf.distillation import haar
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.training.schedule import Adam

LEARNING_RATE = 2e-3

Step = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""Updates the student with features (batch, time, mels) and labels (batch,).

It returns the loss before the update, a scalar.
"""


def project_step(student: FSMN, teacher: FSMN, gamma: float) -> Step:
    """Makes the project's training step.

    Args:
        student: A network of several depths.
        teacher: A network of one depth.
        gamma: γ of Eq. 15.

    Returns:
        A step that updates ``student``.
    """
    trainer = Trainer(student, teacher, LossConfig(gamma=gamma))
    trainer.compile(Adam(LEARNING_RATE))

    @tf.function
    def step(features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        trainer.reset_metrics()
        return trainer.train_step((features, labels))["loss"]

    return step


def plain_step(student: FSMN, teacher: FSMN, gamma: float) -> Step:
    """Makes the same step with stock layers and a pass for each δ.

    Args:
        student: As for :func:`project_step`.
        teacher: As for :func:`project_step`.
        gamma: γ of Eq. 15.

    Returns:
        A step that updates a copy of ``student``.
    """
    plain = PlainFSMN(student.config)
    plain.copy_from(student)
    plain_teacher = PlainFSMN(teacher.config)
    plain_teacher.copy_from(teacher)

    def loss_of(features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        _, teacher_states = plain_teacher(features, 1)
        maps = {n: _literal_map(s) for n, s in teacher_states.items()}
        logits, states = {}, {}
        for delta in student.config.deltas:
            logits[delta], states[delta] = plain(features, delta, training=True)
        return _total_loss(
            logits, states, maps, _literal_distance, labels, gamma
        )

    return _update(loss_of, plain.trainable_variables)


def separate_step(student: FSMN, teacher: FSMN, gamma: float) -> Step:
    """Makes the same step with the project's layers and a pass for each δ.

    Args:
        student: As for :func:`project_step`.
        teacher: As for :func:`project_step`.
        gamma: γ of Eq. 15.

    Returns:
        A step that updates ``student``, but for what depths do not share.
    """
    apart = depths_apart(student)
    variables = {
        id(variable): variable
        for single in apart.values()
        for variable in single.trainable_variables
    }

    def loss_of(features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        _, teacher_states = teacher.infer(features, 1)
        maps = {n: _project_map(s) for n, s in teacher_states.items()}
        logits, states = {}, {}
        for delta, single in apart.items():
            (logits[delta],), found = single.forward(features)
            states[delta] = {n: s[:, :, 0] for n, s in found.items()}
        return _total_loss(
            logits, states, maps, _project_distance, labels, gamma
        )

    return _update(loss_of, list(variables.values()))


WAYS = {
    "project": project_step,
    "plain": plain_step,
    "separate": separate_step,
}


def depths_apart(network: FSMN) -> dict[int, FSMN]:
    """Makes a network for each δ that shares all but the blocks' variants.

    Args:
        network: A network of several depths.

    Returns:
        Networks of one depth by δ. Kernels, front end and classifier are
        those of ``network``; norms, slopes and thresholds are copies.
    """
    apart = {}
    for index, delta in enumerate(network.config.deltas):
        config = dataclasses.replace(network.config, deltas=(delta,))
        single = FSMN(config)
        single.front = list(network.front)
        single.classifier = network.classifier
        for name, stage in single.stages.items():
            shared = network.stages[name]
            stage.linear = shared.linear
            if not stage.node.block:
                continue
            for part in ("sign", "norm", "prelu"):
                copies = getattr(stage, part)
                if copies:
                    for mine, theirs in zip(
                        copies.weights,
                        getattr(shared, part).weights,
                        strict=True,
                    ):
                        mine.assign(theirs[index : index + 1])
        apart[delta] = single
    return apart


def _literal_map(states: tf.Tensor) -> tf.Tensor:
    """Returns the teacher's half of Eq. 10, by Eq. 8 and 9 as written."""
    rows, columns = states.shape[-2:]
    approximation, details = haar.dwt2(states)
    high = haar.idwt2(tf.zeros_like(approximation), details)
    high = high[:, :rows, :columns]
    emphasised = high / _deviation(high) + states / _deviation(states)
    return _normalised_squares(emphasised)


def _deviation(states: tf.Tensor) -> tf.Tensor:
    return tf.math.reduce_std(states, axis=(1, 2), keepdims=True)


def _normalised_squares(states: tf.Tensor) -> tf.Tensor:
    squares = tf.square(states)
    return squares / tf.norm(squares, axis=(1, 2), keepdims=True)


def _literal_distance(states: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns a term of Eq. 14 as it is written: (batch,)."""
    return tf.norm(_normalised_squares(states) - target, axis=(1, 2))


def _project_map(states: tf.Tensor) -> tf.Tensor:
    return losses.attention(losses.emphasise(states))


def _project_distance(states: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return losses.attention_distance(states[:, :, tf.newaxis], target)[:, 0]


def _total_loss(
    logits: Mapping[int, tf.Tensor],
    states: Mapping[int, Mapping[int, tf.Tensor]],
    maps: Mapping[int, tf.Tensor],
    distance: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    labels: tf.Tensor,
    gamma: float,
) -> tf.Tensor:
    """Computes Eq. 15 as it is written: a sum over δ of a sum over blocks.

    Args:
        logits: By δ, (batch, classes).
        states: By δ and block number, (batch, time, channels).
        maps: The teacher's, by block number.
        distance: Returns the distance of a state from a map, (batch,).
        labels: The labels, (batch,).
        gamma: γ of Eq. 15.

    Returns:
        The mean over the batch.
    """
    total = 0.0
    for delta, weight in zip(
        logits, losses.delta_weights(list(logits)), strict=True
    ):
        cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, logits[delta]
        )
        apart = tf.add_n(
            [distance(state, maps[n]) for n, state in states[delta].items()]
        )
        total += weight * tf.reduce_mean(cross_entropy + gamma * apart)
    return total


def _update(loss_of: Step, variables: list[tf.Variable]) -> Step:
    """Makes a gradient update of variables with Adam, as one graph."""
    optimizer = tf.keras.optimizers.legacy.Adam(LEARNING_RATE)

    @tf.function
    def step(features: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(features, labels)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return step
