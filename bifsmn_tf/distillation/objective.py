"""The losses of one batch: Eq. 14 and 15, and what the recipe adds."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.hints import Hints
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.student import Student
from bifsmn_tf.errors import UserError
from bifsmn_tf.network import fused


class BatchLosses(NamedTuple):
    """What a batch costs.

    Attributes:
        total: The weighted sum over all depths and losses, (batch,).
        cross_entropies: One (batch,) for each depth.
        distances: The distillation's distance summed over the blocks, one
            (batch,) for each depth.
        logits: The student's, one (batch, classes) for each depth.
    """

    total: tf.Tensor
    cross_entropies: list[tf.Tensor]
    distances: list[tf.Tensor]
    logits: list[tf.Tensor]


class Objective:
    """Compares a student at all its depths with labels and a teacher.

    The teacher runs once, in inference mode and without a gradient; block
    i·δ of a depth is compared with the teacher's block of the same number
    (Eq. 14).

    Args:
        student: The network to train.
        teacher: A trained full-precision network, or ``None``. With a
            distillation of hidden states it has as many blocks as the student
            and the same memory size.
        loss: The losses and their weights.
        class_costs: What an error on each class costs; 1 if empty.
        more_teachers: Further networks of whose logits, with the teacher's,
            the softened mean is distilled.

    Attributes:
        hints: What tells embeddings from the student's last states, or None
            where that has no weight.

    Raises:
        UserError: The teacher is missing or does not fit.
    """

    def __init__(
        self,
        student: Student,
        teacher: Student | None,
        loss: LossConfig,
        class_costs: Sequence[float] = (),
        more_teachers: Sequence[Student] = (),
    ) -> None:
        self.student = student
        self.teacher = teacher
        self.more_teachers = tuple(more_teachers)
        self.loss = loss
        self.class_costs = tuple(class_costs)
        self.hints: Hints | None = None
        if loss.embedding_hint:
            sizes: Any = student.config
            self.hints = Hints(sizes)
        self.weights_by_depth = loss.weights_by_depth(student.config.deltas)
        if teacher is not None:
            self._check_teacher(teacher, loss.distils_states)
            for another in self.more_teachers:
                self._check_teacher(another, False)
        elif loss.needs_teacher:
            raise UserError(
                "distillation needs a teacher: give one, or choose "
                "distillation 'none' and no logit_weight"
            )
        if self.more_teachers and not loss.logit_weight:
            raise UserError(
                "more_teachers teach logits alone: give a logit_weight"
            )

    def _check_teacher(self, teacher: Student, of_states: bool) -> None:
        ours, its = self.student.config, teacher.config
        for name in ("classes", "frames", "mels"):
            if getattr(ours, name) != getattr(its, name):
                raise UserError(
                    f"the teacher has {name}={getattr(its, name)}, "
                    f"the student {name}={getattr(ours, name)}"
                )
        if of_states and (
            its.blocks != ours.blocks or its.memory_size != ours.memory_size
        ):
            raise UserError(
                "the uniform layer mapping (Eq. 14) needs a teacher of "
                f"{ours.blocks} blocks and memory size {ours.memory_size}; "
                f"this one has {its.blocks} and {its.memory_size}"
            )

    def __call__(
        self,
        features: tf.Tensor,
        target: tf.Tensor,
        dropout_seed: tf.Tensor | None = None,
        heard: tf.Tensor | None = None,
        hints: tf.Tensor | None = None,
    ) -> BatchLosses:
        """Returns the losses of every example of a batch.

        Args:
            features: normalised log-mel, (batch, time, mels).
            target: class probabilities, (batch, classes).
            dropout_seed: int32 (2,), new for each step; ``None`` drops
                nothing.
            heard: the logits of who hears speech embeddings, (batch, classes),
                or ``None``.
            hints: what it hears, (batch, size); needed where hints have a
                weight.
        """
        loss, config = self.loss, self.student.config
        maps, teacher_logits = self._taught(features)
        logits, states = self.student.forward(features, dropout_seed)
        smoothing = loss.label_smoothing
        costs = self._costs(target)
        target = target * (1.0 - smoothing) + smoothing / config.classes
        cross_entropies = [
            tf.nn.softmax_cross_entropy_with_logits(target, logit)
            for logit in logits
        ]
        distances = self._distances(maps, states, cross_entropies[0])
        if self.hints is not None:
            assert hints is not None
            errors = self.hints.errors(states, hints)
        totals = []
        for depth, logit in enumerate(logits):
            total = costs * cross_entropies[depth]
            total += loss.gamma * distances[depth]
            if loss.logit_weight:
                total += loss.logit_weight * losses.soft_cross_entropy(
                    logit, teacher_logits, loss.temperature
                )
            if heard is not None:
                total += loss.embedding_weight * losses.soft_cross_entropy(
                    logit, heard, loss.temperature
                )
            if self.hints is not None:
                total += loss.embedding_hint * errors[depth]
            totals.append(self.weights_by_depth[depth] * total)
        return BatchLosses(tf.add_n(totals), cross_entropies, distances, logits)

    def _costs(self, target: tf.Tensor) -> tf.Tensor | float:
        """Returns what an error on each example costs, (batch,)."""
        if not self.class_costs:
            return 1.0
        return tf.linalg.matvec(target, tf.constant(self.class_costs))

    def _taught(
        self, features: tf.Tensor
    ) -> tuple[dict[int, tf.Tensor], tf.Tensor | None]:
        """Returns the teacher's attention maps by block, and the logits."""
        if self.teacher is None or not self.loss.needs_teacher:
            return {}, None
        with fused.frozen():
            logits, states = self.teacher.infer(features, 1)
            if self.loss.logit_weight:
                others = (
                    another.infer(features, 1)[0]
                    for another in self.more_teachers
                )
                logits = losses.mean_logits(
                    [logits, *others], self.loss.temperature
                )
        maps = self._maps(states) if self.loss.distils_states else {}
        return maps, tf.stop_gradient(logits)

    def _maps(self, states: dict[int, tf.Tensor]) -> dict[int, tf.Tensor]:
        kind = self.loss.distillation
        alike = len({state.shape for state in states.values()}) == 1
        if fused.enabled() or kind == "fid" or not alike:
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

    def _distances(
        self,
        maps: dict[int, tf.Tensor],
        states: dict[int, tf.Tensor],
        example: tf.Tensor,
    ) -> list[tf.Tensor]:
        """Returns Eq. 14 for each depth, (batch,) as ``example`` is."""
        config = self.student.config
        distances = [tf.zeros_like(example) for _ in config.deltas]
        distance_of = (
            losses.band_distance
            if self.loss.distillation == "fid"
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
        return distances
