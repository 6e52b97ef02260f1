"""The training step: all depths, one update (Algorithm 1)."""

import math
from collections.abc import Sequence
from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.distillation.averages import Averages
from bifsmn_tf.distillation.energies import wavelet_energies
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.mixup import mix
from bifsmn_tf.distillation.objective import Objective
from bifsmn_tf.distillation.student import Student
from bifsmn_tf.distillation.weight_average import WeightAverage
from bifsmn_tf.errors import UserError


def check_step(mixup: float, weight_average: float) -> None:
    """Checks what a :class:`Trainer` takes beside its losses.

    Args:
        mixup: α of the Beta distribution that clips are mixed by.
        weight_average: The decay of the weights' moving average.

    Raises:
        UserError: One of them is out of its range.
    """
    if not 0 <= mixup < math.inf:
        raise UserError(f"mixup must not be negative or infinite: {mixup}")
    if not 0 <= weight_average < 1:
        raise UserError(
            f"weight_average must be in [0, 1), not {weight_average}"
        )


ENERGY = "p_H/"
"""What the names of wavelet energies begin with in an evaluation."""


class Trainer(tf.keras.Model):
    """Trains a network at all its depths, with a teacher or without.

    A step computes the teacher and the student's front end once, and each
    block once for all depths; the gradients of all depths are one sum
    (Algorithm 1). The teacher is frozen and in inference mode.

    Args:
        student: The network to train.
        teacher: A trained full-precision network with as many blocks and the
            same memory size, or ``None``.
        loss: The losses and their weights.
        seed: The seed of dropout and mixup.
        mixup: α of the Beta distribution that clips are mixed by, normalised
            features and labels, for the teacher too; 0 mixes none.
        weight_average: The decay of an exponential moving average of the
            weights, in [0, 1); 0 keeps none.
        class_costs: What an error on each class costs; 1 if empty.
        more_teachers: Further networks of whose logits, with the teacher's,
            the softened mean is distilled.

    Attributes:
        objective: The losses of a batch.
        average: The moving average of the weights, or ``None``.

    Raises:
        UserError: A setting is impossible, or the teacher does not fit.
    """

    def __init__(
        self,
        student: Student,
        teacher: Student | None,
        loss: LossConfig,
        seed: int = 0,
        mixup: float = 0.0,
        weight_average: float = 0.0,
        class_costs: Sequence[float] = (),
        more_teachers: Sequence[Student] = (),
        **kwargs: Any,
    ) -> None:
        check_step(mixup, weight_average)
        super().__init__(**kwargs)
        # Means are those of all replicas already; by default Keras adds them
        # up once more where workers are processes of their own.
        self.distribute_reduction_method = "first"
        self.student = student
        self.teacher = teacher
        teachers = [t for t in (teacher, *more_teachers) if t is not None]
        for one in teachers:
            one.trainable = False
        self.objective = Objective(
            student, teacher, loss, class_costs, more_teachers
        )
        self.seed = seed
        self.mixup = mixup
        self.average: WeightAverage | None = None
        if weight_average:
            self.average = WeightAverage(student, weight_average)
        deltas = student.config.deltas
        per_depth = [epoch_accuracy.training(d) for d in deltas]
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
            [
                *[f"cross_entropy_delta_{d}" for d in deltas],
                *per_depth,
                *[
                    f"{ENERGY}delta_{delta}/{block}"
                    for i, delta in enumerate(deltas)
                    for block in range(1, student.config.blocks + 1)
                    if i in student.config.variants(block)
                ],
            ],
            name="test",
        )

    @property
    def evaluated(self) -> Student:
        """The network to evaluate and to keep: the average if there is one."""
        return self.average.network if self.average else self.student

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """No metrics: Keras would mix training's into an evaluation."""
        return []

    def reset_metrics(self) -> None:
        """Starts over; Keras calls this before an epoch or an evaluation."""
        self._train_averages.reset_state()
        self._test_averages.reset_state()

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the student's logits of every δ: (batch, δ, classes)."""
        student: Any = self.student
        return student(inputs, training=training)

    def _step_seed(self) -> tf.Tensor:
        step = tf.cast(self.optimizer.iterations, tf.int32)
        return tf.stack([step * 64, tf.constant(self.seed, tf.int32)])

    def _decayed_kernels(self) -> list[tf.Variable]:
        """Returns the kernels that stay in more than a bit: L2's."""
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

    def train_step(self, data: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """Makes one update: the body of Algorithm 1's loop.

        Args:
            data: features, (batch, time, mels), and labels, (batch,); logits,
                (batch, classes), if an embedding's teacher teaches, and hints,
                (batch, size), if those have a weight.

        Returns:
            The epoch's means so far by name.
        """
        features, labels, *heard = data
        config = self.student.config
        target = tf.one_hot(labels, config.classes)
        if self.mixup:
            features, target = mix(
                features, target, self.mixup, self._step_seed()
            )
            # Counted as hits are those of the clip with the larger share.
            labels = tf.argmax(target, axis=1, output_type=labels.dtype)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        decay = self.objective.loss.weight_decay
        with tf.GradientTape() as tape:
            batch = self.objective(
                features,
                target,
                self._step_seed() if config.dropout else None,
                *heard,
            )
            # Keras sums the replicas' gradients.
            loss = tf.reduce_mean(batch.total) / replicas
            if decay:
                decayed = tf.add_n(
                    [tf.nn.l2_loss(v) for v in self._decayed_kernels()]
                )
                loss += decay * decayed / replicas
            if config.distribution_weight:
                loss += self.student.distribution_loss() / replicas
        variables = self.student.trainable_variables
        if self.objective.hints is not None:
            variables = [*variables, *self.objective.hints.trainable_variables]
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, variables), variables, strict=True)
        )
        if self.average is not None:
            self.average.update(self.optimizer.iterations)
        values = tf.stack(
            [batch.total, *batch.cross_entropies, *batch.distances], axis=1
        )
        self._train_averages.update_state(
            tf.concat(
                [tf.reduce_sum(values, axis=0), _hits(labels, batch.logits)],
                axis=0,
            ),
            tf.shape(labels)[0],
        )
        return self._train_averages.result()

    def estimate_statistics(self, batches: tf.data.Dataset) -> None:
        """Measures what the norms of the averaged network get to see.

        Args:
            batches: pairs of features and labels; see
                :meth:`WeightAverage.estimate_statistics`.

        Raises:
            ValueError: No average is kept.
        """
        if self.average is None:
            raise ValueError("there is no average: give a weight_average")
        self.average.estimate_statistics(batches, self.distribute_strategy)

    def test_step(
        self, data: tuple[tf.Tensor, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Counts in inference mode.

        Args:
            data: features, (batch, time, mels), and labels, (batch,).

        Returns:
            The means so far by name; those that begin with :data:`ENERGY` are
            of p_H (Eq. 7), by depth and block.
        """
        features, labels = data
        examples = tf.shape(labels)[0]
        logits, energies = [], []
        for delta in self.student.config.deltas:
            logit, states = self.evaluated.infer(features, delta)
            logits.append(logit)
            energies += [
                tf.cast(examples, tf.float32) * share
                for _, share in sorted(wavelet_energies(states).items())
            ]
        cross_entropies = [
            tf.reduce_sum(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logit)
            )
            for logit in logits
        ]
        self._test_averages.update_state(
            tf.concat(
                [cross_entropies, _hits(labels, logits), energies], axis=0
            ),
            examples,
        )
        return self._test_averages.result()


def _hits(labels: tf.Tensor, logits: list[tf.Tensor]) -> tf.Tensor:
    """Returns how many of a batch each depth gets right: (depths,)."""
    predicted = tf.argmax(tf.stack(logits), axis=-1, output_type=labels.dtype)
    return tf.reduce_sum(tf.cast(predicted == labels, tf.float32), axis=1)
