"""The training step: all depths, one update (Algorithm 1)."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.mixup import mix
from bifsmn_tf.network import fused
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.layers import VariantNorm


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What is minimised.

    Attributes:
        distillation: ``"hed"`` (Eq. 8-10), ``"fid"`` (Eq. 10 for the high and
            the low band apart, BiFSMNv2), ``"plain"`` (Eq. 10 with the
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
            raise ValueError(
                f"label_smoothing must be in [0, 1), not {self.label_smoothing}"
            )
        if not 0 < self.temperature < math.inf:
            raise ValueError(
                f"temperature must be positive, not {self.temperature}"
            )
        for name in ("gamma", "logit_weight", "weight_decay"):
            _check_amount(name, getattr(self, name))
        for weight in self.delta_weights:
            _check_amount("delta_weights", weight)

    def weights_by_depth(self, deltas: Sequence[int]) -> list[float]:
        """The weight of each depth in the total loss.

        Args:
            deltas: of a network.

        Raises:
            ValueError: there are not as many weights as depths.
        """
        weights = self.delta_weights or losses.delta_weights(deltas)
        if len(weights) != len(deltas):
            raise ValueError(
                f"{len(weights)} loss weights for {len(deltas)} depths"
            )
        return [float(weight) for weight in weights]


def _check_amount(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must not be negative or infinite: {value}")


def check_step(mixup: float, weight_average: float) -> None:
    """Checks what a :class:`Trainer` takes beside its losses.

    Raises:
        ValueError: one of these is out of its range.
    """
    _check_amount("mixup", mixup)
    if not 0 <= weight_average < 1:
        raise ValueError(
            f"weight_average must be in [0, 1), not {weight_average}"
        )


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
        seed: of dropout and mixup.
        mixup: α of the Beta distribution that clips are mixed by, normalised
            features and labels, for the teacher too; 0 mixes none.
        weight_average: decay of an exponential moving average of the weights,
            in [0, 1); 0 keeps none.

    Attributes:
        average: a network with the averaged weights, or ``None``.
            :meth:`estimate_statistics` gives it those of its norms.
    """

    def __init__(
        self,
        student: FSMN,
        teacher: FSMN | None,
        loss: LossConfig,
        seed: int = 0,
        mixup: float = 0.0,
        weight_average: float = 0.0,
        **kwargs,
    ):
        check_step(mixup, weight_average)
        super().__init__(**kwargs)
        self.student = student
        self.teacher = teacher
        self.loss_config = loss
        self.seed = seed
        self.mixup = mixup
        self.weight_average = weight_average
        self.average: FSMN | None = None
        if weight_average:
            self.average = average = _averaging_copy(student)
            self._observe = tf.function(
                lambda features: self.distribute_strategy.run(
                    average.forward, args=(features,)
                )
            )
        deltas = student.config.deltas
        self.weights_by_depth = loss.weights_by_depth(deltas)
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
    def evaluated(self) -> FSMN:
        """The network to evaluate and to keep: the average if there is one."""
        return self.average or self.student

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
        kind = self.loss_config.distillation
        if fused.enabled() or kind == "fid":
            maps = {
                number: losses.band_attention(state)
                if kind == "fid"
                else losses.teacher_attention(state, kind == "hed")
                for number, state in states.items()
            }
        else:
            # Small operations cost less on all blocks at once.
            stacked = tf.stack(list(states.values()))
            by_block = losses.teacher_attention(stacked, kind == "hed")
            maps = dict(zip(states, tf.unstack(by_block), strict=True))
        return {n: tf.stop_gradient(m) for n, m in maps.items()}

    def _example_losses(self, features, target):
        """Cross-entropy, distillation and logits for each depth: (batch,)."""
        settings = self.loss_config
        config = self.student.config
        maps, teacher_logits = {}, None
        if self.teacher is not None and (
            self._distils_states or settings.logit_weight
        ):
            with fused.frozen():
                teacher_logits, states = self.teacher.infer(features, 1)
            teacher_logits = tf.stop_gradient(teacher_logits)
            if self._distils_states:
                maps = self._teacher_maps(states)
        logits, states = self.student.forward(
            features, self._step_seed() if config.dropout else None
        )
        smoothing = settings.label_smoothing
        target = target * (1.0 - smoothing) + smoothing / config.classes
        cross_entropies = [
            tf.nn.softmax_cross_entropy_with_logits(target, logit)
            for logit in logits
        ]
        distances = [tf.zeros_like(cross_entropies[0]) for _ in logits]
        distance_of = (
            losses.band_distance
            if settings.distillation == "fid"
            else losses.attention_distance
        )
        for number, teacher_map in maps.items():
            variants = config.variants(number)
            if not variants:
                continue
            distance = distance_of(states[number], teacher_map)
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

    def _step_seed(self):
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
        target = tf.one_hot(labels, self.student.config.classes)
        if self.mixup:
            features, target = mix(
                features, target, self.mixup, self._step_seed()
            )
            # Counted as hits are those of the clip with the larger share.
            labels = tf.argmax(target, axis=1, output_type=labels.dtype)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            total, cross_entropies, distances, logits = self._example_losses(
                features, target
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
        if self.average is not None:
            tf.distribute.get_replica_context().merge_call(self._update_average)
        values = tf.stack([total, *cross_entropies, *distances], axis=1)
        self._train_averages.update_state(
            tf.concat(
                [tf.reduce_sum(values, axis=0), _hits(labels, logits)], axis=0
            ),
            tf.shape(labels)[0],
        )
        return self._train_averages.result()

    def _update_average(self, strategy):
        """Moves the average towards the weights after an update.

        The first steps move it faster: of few steps, the last ones count.
        """
        assert self.average is not None
        step = tf.cast(self.optimizer.iterations, tf.float32)
        decay = tf.minimum(self.weight_average, step / (9.0 + step))
        for mine, its in zip(
            self.average.trainable_variables,
            self.student.trainable_variables,
            strict=True,
        ):
            strategy.extended.update(
                mine,
                lambda average, weight: average.assign_sub(
                    (average - weight) * (1.0 - decay)
                ),
                args=(its,),
            )

    def estimate_statistics(self, batches: tf.data.Dataset) -> None:
        """Measures what the norms of the averaged network get to see.

        An average of one-bit networks' weights is another network, whose signs
        are nobody's: moving statistics of the ones that were trained are not
        its own. These are means over whole batches of those of each batch,
        without dropout and mixup.

        Args:
            batches: pairs of features and labels.

        Raises:
            ValueError: no average is kept.
        """
        if self.average is None:
            raise ValueError("there is no average: give a weight_average")
        statistics = [
            variable
            for norm in _norms(self.average)
            for variable in (norm.moving_mean, norm.moving_variance)
        ]
        sums = [np.zeros(v.shape, np.float64) for v in statistics]
        count = 0
        strategy = self.distribute_strategy
        for features, _ in strategy.experimental_distribute_dataset(batches):
            self._observe(features)
            for total, variable in zip(sums, statistics, strict=True):
                total += variable.numpy()
            count += 1
        for total, variable in zip(sums, statistics, strict=True):
            variable.assign((total / count).astype(np.float32))

    def test_step(self, data):
        """Counts over (features, labels) in inference mode."""
        features, labels = data
        logits = [
            self.evaluated.infer(features, delta)[0]
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


def _norms(network: FSMN) -> list[VariantNorm]:
    return [m for m in network.submodules if isinstance(m, VariantNorm)]


def _averaging_copy(network: FSMN) -> FSMN:
    """A network with the same weights, which no optimizer sees."""
    copy = FSMN(network.config)
    for mine, its in zip(copy.weights, network.weights, strict=True):
        mine.assign(its)
    for norm in _norms(copy):
        # What a batch has, not a moving average.
        norm.momentum = 0.0
    return copy


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
