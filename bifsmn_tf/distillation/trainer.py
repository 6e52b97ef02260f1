"""The training step: all depths, one update (Algorithm 1)."""

import dataclasses

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar
from bifsmn_tf.distillation import losses
from bifsmn_tf.network.fsmn import FSMN


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What is minimised.

    Attributes:
        distillation: ``"hed"`` (Eq. 8-10), ``"plain"`` (Eq. 10 with the
            teacher's states as they are) or ``"none"``.
        gamma: γ of Eq. 15, the weight of the distillation loss.
        delta_weights: one weight a depth; empty is Eq. 15's 1/2^(δ-1).
        logit_weight: weight of the distillation of the logits beside Eq. 15.
        temperature: of the distillation of the logits.
        label_smoothing: of the cross-entropy, in [0, 1).
        weight_decay: L2 on every kernel that is not one bit.
    """

    distillation: str = "hed"
    gamma: float = 0.01
    delta_weights: tuple[float, ...] = ()
    logit_weight: float = 0.0
    temperature: float = 2.0
    label_smoothing: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self):
        if self.distillation not in losses.METHODS:
            raise ValueError(
                f"unknown distillation {self.distillation!r}: "
                f"one of {losses.METHODS}"
            )
        if not 0 <= self.label_smoothing < 1:
            raise ValueError("label_smoothing must be in [0, 1)")
        if self.temperature <= 0:
            raise ValueError("temperature must be positive")


class Averages(tf.keras.metrics.Metric):
    """Means of several values over an epoch, in one variable.

    Dozens of separate Keras metrics cost more than the network's own
    operations in a step this small.

    Args:
        names: of the values, in the order ``update_state`` gets them.
    """

    def __init__(self, names: list[str], **kwargs):
        super().__init__(**kwargs)
        self.names = names
        self.sums = self.add_weight("sums", (len(names),), initializer="zeros")
        self.count = self.add_weight("count", (), initializer="zeros")

    def update_state(self, values, examples):
        """Adds sums over ``examples`` examples: a vector in names' order."""
        self.sums.assign_add(values)
        self.count.assign_add(tf.cast(examples, tf.float32))

    def reset_state(self):
        """Starts over."""
        self.sums.assign(tf.zeros_like(self.sums))
        self.count.assign(0.0)

    def result(self):
        """The means as a dictionary by name."""
        means = tf.math.divide_no_nan(self.sums, self.count)
        return dict(zip(self.names, tf.unstack(means), strict=True))


class Trainer(tf.keras.Model):
    """Trains an FSMN at all its depths, with a teacher or without.

    A step computes the teacher and the student's front end once, and each
    block once for all depths; the gradients of all depths are one sum
    (Algorithm 1). The teacher is frozen and in inference mode.

    Args:
        student: the network to train.
        teacher: a trained full-precision network with as many blocks and the
            same memory size, or ``None``.
        loss: what is minimised.
        seed: of dropout.
    """

    def __init__(
        self,
        student: FSMN,
        teacher: FSMN | None,
        loss: LossConfig,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.student = student
        self.teacher = teacher
        self.loss_config = loss
        self.seed = seed
        deltas = student.config.deltas
        weights = loss.delta_weights or losses.delta_weights(deltas)
        if len(weights) != len(deltas):
            raise ValueError(
                f"{len(weights)} loss weights for {len(deltas)} depths"
            )
        self.weights_by_depth = [float(w) for w in weights]
        self._check_teacher()
        per_depth = [f"accuracy_delta_{d}" for d in deltas]
        self._train_averages = Averages(
            [
                "loss",
                *[f"cross_entropy_delta_{d}" for d in deltas],
                *[f"distillation_delta_{d}" for d in deltas],
                *per_depth,
            ],
            name="train",
        )
        self._test_averages = Averages(
            [*[f"cross_entropy_delta_{d}" for d in deltas], *per_depth],
            name="test",
        )

    def _check_teacher(self):
        needs = self._distils_states or self.loss_config.logit_weight
        if self.teacher is None:
            if needs:
                raise ValueError(
                    "distillation needs a teacher: give one, or choose "
                    "distillation 'none' and no logit_weight"
                )
            return
        self.teacher.trainable = False
        ours, its = self.student.config, self.teacher.config
        for name in ("classes", "frames", "mels"):
            if getattr(ours, name) != getattr(its, name):
                raise ValueError(
                    f"the teacher has {name}={getattr(its, name)}, "
                    f"the student {name}={getattr(ours, name)}"
                )
        if self._distils_states and (
            its.blocks != ours.blocks or its.memory_size != ours.memory_size
        ):
            raise ValueError(
                "the uniform layer mapping (Eq. 14) needs a teacher of "
                f"{ours.blocks} blocks and memory size {ours.memory_size}; "
                f"this one has {its.blocks} and {its.memory_size}"
            )

    @property
    def _distils_states(self) -> bool:
        return self.loss_config.distillation != "none"

    @property
    def metrics(self):
        """None: Keras would mix those of training into an evaluation."""
        return []

    def reset_metrics(self):
        """Keras calls this before an epoch and before an evaluation."""
        self._train_averages.reset_state()
        self._test_averages.reset_state()

    def call(self, inputs, training=False):
        """The student's logits of every δ: (batch, δ, classes)."""
        return self.student(inputs, training=training)

    def _teacher_maps(self, states):
        """Attention maps of the teacher's blocks, by block number."""
        numbers = sorted(states)
        stacked = tf.stack([states[n] for n in numbers])
        if self.loss_config.distillation == "hed":
            stacked = losses.emphasise(stacked)
        maps = tf.stop_gradient(losses.attention(stacked))
        return dict(zip(numbers, tf.unstack(maps), strict=True))

    def _example_losses(self, features, labels):
        """Cross-entropy, distillation and logits for each depth: (batch,)."""
        settings = self.loss_config
        config = self.student.config
        maps, teacher_logits = {}, None
        if self.teacher is not None and (
            self._distils_states or settings.logit_weight
        ):
            teacher_logits, states = self.teacher.infer(features, 1)
            teacher_logits = tf.stop_gradient(teacher_logits)
            if self._distils_states:
                maps = self._teacher_maps(states)
        logits, states = self.student.forward(
            features, self._dropout_seed() if config.dropout else None
        )
        target = tf.one_hot(labels, config.classes)
        smoothing = settings.label_smoothing
        target = target * (1.0 - smoothing) + smoothing / config.classes
        cross_entropies = [
            tf.nn.softmax_cross_entropy_with_logits(target, logit)
            for logit in logits
        ]
        distances = [tf.zeros_like(cross_entropies[0]) for _ in logits]
        for number, teacher_map in maps.items():
            variants = config.variants(number)
            if not variants:
                continue
            distance = losses.attention_distance(states[number], teacher_map)
            for i, d in zip(
                variants, tf.unstack(distance, axis=1), strict=True
            ):
                distances[i] = distances[i] + d
        totals = []
        for depth, logit in enumerate(logits):
            total = cross_entropies[depth] + settings.gamma * distances[depth]
            if settings.logit_weight:
                total += settings.logit_weight * losses.soft_cross_entropy(
                    logit, teacher_logits, settings.temperature
                )
            totals.append(self.weights_by_depth[depth] * total)
        return tf.add_n(totals), cross_entropies, distances, logits

    def _dropout_seed(self):
        step = tf.cast(self.optimizer.iterations, tf.int32)
        return tf.stack([step * 64, tf.constant(self.seed, tf.int32)])

    def _decayed_kernels(self):
        """Kernels that L2 applies to: those that stay in more than a bit."""
        binary = {
            id(layer.kernel)
            for layer in self.student.submodules
            if getattr(layer, "kernel_quantizer", None) is not None
            and layer.kernel_quantizer.precision == 1
        }
        return [
            v
            for v in self.student.trainable_variables
            if "kernel" in v.name and id(v) not in binary
        ]

    def train_step(self, data):
        """One update from (features, labels): Algorithm 1's loop body."""
        features, labels = data
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            total, cross_entropies, distances, logits = self._example_losses(
                features, labels
            )
            # Keras sums the replicas' gradients.
            loss = tf.reduce_mean(total) / replicas
            if self.loss_config.weight_decay:
                decayed = tf.add_n(
                    [tf.nn.l2_loss(v) for v in self._decayed_kernels()]
                )
                loss += self.loss_config.weight_decay * decayed / replicas
            if self.student.config.distribution_weight:
                loss += self.student.distribution_loss() / replicas
        variables = self.student.trainable_variables
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        values = tf.stack([total, *cross_entropies, *distances], axis=1)
        self._train_averages.update_state(
            tf.concat(
                [tf.reduce_sum(values, axis=0), _hits(labels, logits)], axis=0
            ),
            tf.shape(labels)[0],
        )
        return self._train_averages.result()

    def test_step(self, data):
        """Counts over (features, labels) in inference mode."""
        features, labels = data
        logits = [
            self.student.infer(features, delta)[0]
            for delta in self.student.config.deltas
        ]
        cross_entropies = [
            tf.reduce_sum(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logit)
            )
            for logit in logits
        ]
        self._test_averages.update_state(
            tf.concat([cross_entropies, _hits(labels, logits)], axis=0),
            tf.shape(labels)[0],
        )
        return self._test_averages.result()


def _hits(labels, logits):
    """How many of a batch each depth gets right: (depths,)."""
    predicted = tf.argmax(tf.stack(logits), axis=-1, output_type=labels.dtype)
    return tf.reduce_sum(tf.cast(predicted == labels, tf.float32), axis=1)


def wavelet_energies(
    network: FSMN, delta: int, features: tf.Tensor
) -> dict[int, float]:
    """p_H of each block's output over a batch (Eq. 6, 7; Figure 2).

    Args:
        network: teacher or student.
        delta: one of the network's depths.
        features: normalised log-mel, (batch, time, mels).

    Returns:
        p_H by block number; p_L is 1 - p_H.
    """
    _, states = network.infer(features, delta)
    return {
        number: float(haar.relative_energy(state)[0])
        for number, state in states.items()
    }
