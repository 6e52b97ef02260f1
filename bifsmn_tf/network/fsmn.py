"""D-FSMN and the thinnable BiFSMN (Eq. 3, 4, 11-13).

One network class serves both: full precision is the binary network without
quantizers. What it consists of is decided in
:mod:`~bifsmn_tf.network.topology`. A block, with x = H(p̃) + p of Eq. 3::

    y = x + PReLU(BN(memory(sign(x))))           Eq. 3
    h = PReLU(BN(U sign(y)))                     Eq. 4
    z = y + PReLU(BN(V sign(h)))                 p of the next block, plus H(p̃)

The bias b of Eq. 3 and 4 is the BatchNorm's shift. The memory filter reads the
sum of p and the skip, and the two extra BatchNorm-PReLU pairs stand where the
authors' code has them.
"""

from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.network import quantizers
from bifsmn_tf.network.block import Block
from bifsmn_tf.network.block import dropout
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.export import ExportedNetwork
from bifsmn_tf.network.stage import Stage
from bifsmn_tf.network.stage import make_stages
from bifsmn_tf.network.stage import newest
from bifsmn_tf.network.stage import train
from bifsmn_tf.network.topology import FEATURES
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import nodes


class FSMN(tf.keras.Model):
    """D-FSMN or BiFSMN, at all its depths.

    Args:
        config: See :class:`~bifsmn_tf.network.config.NetworkConfig`.
    """

    def __init__(self, config: NetworkConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        ordered = nodes(config)
        self._front = tuple(
            n for n in ordered if not n.block and n.kind is not Kind.CLASSIFIER
        )
        self.front = list(make_stages(config, self._front).values())
        self.blocks = [
            Block(config, [n for n in ordered if n.block == number])
            for number in sorted({n.block for n in ordered} - {0})
        ]
        # From zero, as the width of a binary network's residual would make
        # its first logits large and wrong.
        self.classifier = tf.keras.layers.Dense(
            config.classes, kernel_initializer="zeros", name="classifier"
        )
        for stage in self.front:
            stage.build()
        for block in self.blocks:
            block.build()
        self.classifier.build((None, config.memory_frames * config.memory_size))
        self.built = True

    @property
    def stages(self) -> dict[str, Stage]:
        """All stages by their nodes' names, in order."""
        stages = {stage.node.name: stage for stage in self.front}
        for block in self.blocks:
            stages.update(block.stages)
        return stages

    def forward(
        self, features: tf.Tensor, dropout_seed: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], dict[int, tf.Tensor]]:
        """Computes all depths at once, in training (Eq. 12 for each δ).

        The front end, which does not depend on δ, is computed once; a block
        is computed once for all the depths that run through it.

        Args:
            features: Normalised log-mel, (batch, time, mels).
            dropout_seed: int32 (2,), new for each step; None is no dropout.

        Returns:
            The logits for each δ, (batch, classes) each; and the output of
            each block that runs, by its number from 1:
            (batch, time, variants, channels).
        """
        config = self.config
        start = train(
            self._front, self.stages, {FEATURES: features[..., tf.newaxis]}
        )
        paths = {delta: start[:, :, 0] for delta in config.deltas}
        states = {}
        for block in self.blocks:
            running = [paths[d] for d in block.depths]
            # In a stream the deeper paths have used up more of the past.
            frames = min(path.shape[1] for path in running)
            stacked = tf.stack([newest(x, frames) for x in running], axis=2)
            seed = None if dropout_seed is None else dropout_seed + block.number
            stacked = block(stacked, dropout_seed=seed)
            states[block.number] = stacked
            paths.update(
                zip(block.depths, tf.unstack(stacked, axis=2), strict=True)
            )
        seed = None if dropout_seed is None else dropout_seed - 1
        return [
            self.classifier(dropout(self._flat(path), config.dropout, seed, i))
            for i, path in enumerate(paths.values())
        ], states

    def infer(
        self, features: tf.Tensor, delta: int
    ) -> tuple[tf.Tensor, dict[int, tf.Tensor]]:
        """Computes one depth in inference: M(x; δ) of Eq. 12.

        Args:
            features: Normalised log-mel, (batch, time, mels).
            delta: One of the configuration's δ.

        Returns:
            Logits (batch, classes), of a streaming network those of the newest
            decision; and each running block's output by its number from 1,
            (batch, time, channels).

        Raises:
            ValueError: The network does not have this δ.
        """
        values, states = self._run(features, delta)
        return self.classifier(self._flat(values)), states

    def decisions(self, features: tf.Tensor, delta: int) -> tf.Tensor:
        """Computes every decision of a stretch of a stream in one pass.

        Args:
            features: Normalised log-mel, (batch, time, mels), of at least
                ``input_frames`` frames.
            delta: One of the configuration's δ.

        Returns:
            Logits (batch, decisions, classes): the last one at the last frame,
            the others ``step_frames`` apart.
        """
        values, _ = self._run(features, delta)
        frames = self.config.memory_frames
        count = values.shape[1] - frames + 1
        return tf.stack(
            [
                self.classifier(self._flat(values[:, : frames + i]))
                for i in range(count)
            ],
            axis=1,
        )

    def _run(
        self, features: tf.Tensor, delta: int
    ) -> tuple[tf.Tensor, dict[int, tf.Tensor]]:
        """Returns what the classifier reads, and the blocks' outputs."""
        stages = self.stages
        values = {FEATURES: features[..., tf.newaxis]}
        states = {}
        for node in nodes(self.config, delta):
            if node.kind is Kind.CLASSIFIER:
                break
            stage = stages[node.name]
            values[node.name] = stage.infer(
                stage.select(values[node.reads]),
                node.variant(delta),
                residual=values[node.adds_to] if node.adds_to else None,
            )
            if node.block:
                # The last one of a block's stays.
                states[node.block] = values[node.name]
        return values[node.reads], {i: x[:, :, 0] for i, x in states.items()}

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the logits of every δ: (batch, δ, classes)."""
        if training:
            logits, _ = self.forward(inputs)
        else:
            logits = [self.infer(inputs, d)[0] for d in self.config.deltas]
        return tf.stack(logits, axis=1)

    def set_progress(self, fraction: float) -> None:
        """Says which fraction of the training is over, in [0, 1].

        Surrogate gradients that sharpen as it goes on follow it.
        """
        for module in self.submodules:
            if isinstance(module, quantizers.ErrorDecayEstimator):
                module.set_progress(fraction)

    def distribution_loss(self) -> tf.Tensor:
        """Returns RAD's loss of the batch that :meth:`forward` saw, weighted.

        A scalar: the mean over all signs; depths are not told apart.
        """
        losses = self.losses
        return self.config.distribution_weight * tf.add_n(losses) / len(losses)

    def export(self) -> ExportedNetwork:
        """Returns what the network has learned, as NumPy values.

        Raises:
            UserError: A value is not finite.
        """
        return ExportedNetwork(
            self.config,
            {
                name: tuple(
                    stage.export(variant)
                    for variant in range(stage.node.variants)
                )
                for name, stage in self.stages.items()
            },
            self.classifier.kernel.numpy(),
            self.classifier.bias.numpy(),
        )

    def start_from(self, other: "FSMN") -> None:
        """Takes over the weights of another network of the same topology.

        What this one alone has, such as learned windows, stays as it is.

        Raises:
            ValueError: The other network has other stages or sizes.
        """
        theirs = other.stages
        if list(theirs) != list(self.stages):
            raise ValueError(
                f"a network of the stages {', '.join(theirs)} cannot start one "
                f"of {', '.join(self.stages)}"
            )
        for name, stage in self.stages.items():
            stage.start_from(theirs[name])
        self.classifier.set_weights(other.classifier.get_weights())

    def _flat(self, x: tf.Tensor) -> tf.Tensor:
        config = self.config
        if x.shape[1] < config.memory_frames:
            raise ValueError(
                f"a decision takes {config.input_frames} frames of features"
            )
        x = newest(x, config.memory_frames)
        return tf.reshape(x, (-1, config.memory_frames * config.memory_size))
