"""D-FSMN and the thinnable BiFSMN (Eq. 3, 4, 11-13).

One network class serves both: full precision is the binary network without
quantizers. The front end reads log-mel features (batch, time, mels) through
two convolutions of stride 2 and a projection; N blocks follow, each a memory
block and two pointwise layers, both with a skip connection; a dense classifier
ends it::

    features - conv - conv - projection -+-> block 1 -> ... -> block N - dense
                                         (δ: only every δ-th block, Eq. 13)

A block, with x = H(p̃) + p of Eq. 3::

    y = x + PReLU(BN(memory(sign(x))))           Eq. 3
    h = PReLU(BN(U sign(y)))                     Eq. 4
    z = y + PReLU(BN(V sign(h)))                 p of the next block, plus H(p̃)

The bias b of Eq. 3 and 4 is the BatchNorm's shift. The memory filter reads the
sum of p and the skip, and the two extra BatchNorm-PReLU pairs stand where the
authors' code has them.
"""

from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers
from bifsmn_tf.network import quantizers
from bifsmn_tf.network.config import NetworkConfig


class Stage(tf.keras.layers.Layer):
    """A linear layer with what surrounds it: sign in front, BN and PReLU.

    Args:
        config: the network's settings.
        linear: a layer with a kernel.
        variants: how many depths run through the stage.
        binarize: binarize the input.
        norm: with BatchNorm.
        initial_scale: of BatchNorm.
        joins_bands: the linear layer reads all frequency bands of a frame at
            once: (batch, time, bands, channels) in, no bands out.
    """

    def __init__(
        self,
        config: NetworkConfig,
        linear,
        variants: int = 1,
        binarize: bool = True,
        norm: bool = True,
        initial_scale: float = 1.0,
        joins_bands: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.linear = linear
        self.joins_bands = joins_bands
        self.binary = config.binary
        self.sign = (
            layers.VariantSign(
                config.activation_quantizer,
                variants,
                config.thresholds,
                regularized=config.distribution_weight > 0,
            )
            if config.binary and binarize
            else None
        )
        self.scales_inputs = config.input_scale and self.sign is not None
        self.norm = (
            layers.VariantNorm(variants, initial_scale=initial_scale)
            if norm
            else None
        )
        self.prelu = layers.VariantPReLU(
            variants,
            per_channel=config.prelu == "channel",
            bounded=config.binary,
        )

    def build(self, input_shape):
        """Builds the layers inside for (..., variants, channels)."""
        if self.sign:
            self.sign.build(input_shape)
        if self.joins_bands:
            batch, time, bands, channels = input_shape
            input_shape = (batch, time, 1, bands * channels)
        self.linear.build(input_shape)
        channels = self.linear.kernel.shape[-1]
        for layer in (self.norm, self.prelu):
            if layer:
                layer.build((*input_shape[:-1], channels))
        super().build(input_shape)

    def call(self, inputs):
        """Training: (..., variants, in) to (..., variants, out)."""
        x = self.sign(inputs) if self.sign else inputs
        if self.joins_bands:
            x = _joined(x)[:, :, tf.newaxis]
        x = self.linear(x)
        if self.scales_inputs:
            scale = self.input_scale(inputs)
            x *= scale[:, :, tf.newaxis] if self.joins_bands else scale
        if self.norm:
            x = self.norm(x)
        return self.prelu(x)

    def affine(self, variant: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Scale and offset that turn the integer dot into PReLU's input."""
        scale = (
            layers.layer_scale(self.linear)
            if self.binary
            else tf.ones(self.linear.kernel.shape[-1])
        )
        bias = self.linear.bias if self.linear.use_bias else 0.0
        if self.norm:
            return self.norm.fold(scale, bias, variant)
        return scale, tf.zeros_like(scale) + bias

    def start_from(self, other: "Stage") -> None:
        """Takes over kernel, BatchNorm and slopes of another stage."""
        _assign(self.linear, other.linear, ("kernel",))
        if self.norm and other.norm:
            names = ("gamma", "beta", "moving_mean", "moving_variance")
            _assign(self.norm, other.norm, names)
        _assign(self.prelu, other.prelu, ("slope",))

    def infer(self, inputs, variant: int):
        """Inference: (..., in) to (..., out), one variant."""
        x = self.sign.apply(inputs, variant) if self.sign else inputs
        if self.joins_bands:
            x = _joined(x)
        scale = self.input_scale(inputs) if self.scales_inputs else None
        return self.infer_signs(x, variant, scale)

    def input_scale(self, inputs):
        """K of XNOR-Net, of what the sign in front gets; without gradient."""
        magnitudes = tf.abs(tf.stop_gradient(inputs))
        if self.joins_bands:
            magnitudes = _joined(magnitudes)
        return self.linear.input_scale(magnitudes)

    def infer_signs(self, x, variant: int, input_scale=None):
        """As :meth:`infer`, of what the sign in front gave."""
        scale, offset = self.affine(variant)
        if self.binary:
            x = self.linear.integer_dot(x)
            if input_scale is not None:
                x *= input_scale
            x *= scale
        else:
            x = self.linear.dot(x, self.linear.kernel * scale)
        return self.prelu.apply(x + offset, variant)


class Block(tf.keras.layers.Layer):
    """One D-FSMN block: a memory block and two pointwise layers.

    Args:
        config: the network's settings.
        variants: how many depths run through the block.
    """

    def __init__(self, config: NetworkConfig, variants: int, **kwargs):
        super().__init__(**kwargs)
        kernel_quantizer = config.kernel_quantizer if config.binary else None
        dense: dict[str, Any] = {
            "kernel_quantizer": "bifsmn_latent"
            if config.float_pointwise
            else kernel_quantizer,
            "use_bias": not config.binary,
        }
        self.memory = Stage(
            config,
            layers.MemoryFilter(
                config.look_back,
                config.look_ahead,
                config.stride_back,
                config.stride_ahead,
                kernel_quantizer=kernel_quantizer,
                use_bias=not config.binary,
            ),
            variants,
            initial_scale=config.residual_scale,
            name="memory",
        )
        self.expand = Stage(
            config,
            layers.BinaryDense(config.hidden_size, **dense),
            variants,
            name="expand",
        )
        self.shrink = Stage(
            config,
            layers.BinaryDense(config.memory_size, **dense),
            variants,
            initial_scale=config.residual_scale,
            name="shrink",
        )
        self.dropout = config.dropout

    def build(self, input_shape):
        """Builds the stages for (batch, time, variants, memory channels)."""
        hidden = (*input_shape[:-1], self.expand.linear.units)
        self.memory.build(input_shape)
        self.expand.build(input_shape)
        self.shrink.build(hidden)
        super().build(input_shape)

    def call(self, inputs, dropout_seed=None):
        """Training: (batch, time, variants, channels) to the same shape."""
        y = inputs + self.memory(inputs)
        h = dropout(self.expand(y), self.dropout, dropout_seed, 0)
        return y + dropout(self.shrink(h), self.dropout, dropout_seed, 1)

    def infer(self, inputs, variant: int):
        """Inference: (batch, time, channels) to the same shape."""
        memory = self.memory.infer(inputs[:, :, tf.newaxis], variant)
        y = inputs + memory[:, :, 0]
        h = self.expand.infer(y, variant)
        return y + self.shrink.infer(h, variant)


class FSMN(tf.keras.Model):
    """D-FSMN or BiFSMN, at all its depths.

    Args:
        config: see :class:`~bifsmn_tf.network.config.NetworkConfig`.
    """

    def __init__(self, config: NetworkConfig, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        c = config.front_channels
        bias = {"use_bias": not config.binary}
        kernel_quantizer = config.kernel_quantizer if config.binary else None
        front: dict[str, Any] = {
            "strides": 2,
            "kernel_size": config.front_kernel,
        }
        self.conv1 = Stage(
            config,
            layers.FirstConv2D(c, **front)
            if config.binary
            else layers.BinaryConv2D(c, kernel_quantizer=None, **front, **bias),
            binarize=False,
            name="conv1",
        )
        self.conv2 = Stage(
            config,
            layers.BinaryConv2D(
                2 * c, kernel_quantizer=kernel_quantizer, **front, **bias
            ),
            name="conv2",
        )
        self.projection = Stage(
            config,
            layers.BinaryDense(
                config.memory_size, kernel_quantizer=kernel_quantizer, **bias
            ),
            norm=config.projection_norm,
            joins_bands=True,
            name="projection",
        )
        self.blocks = [
            Block(config, len(config.variants(i)), name=f"block{i}")
            if config.variants(i)
            else None
            for i in range(1, config.blocks + 1)
        ]
        # From zero, as the width of a binary network's stream would make its
        # first logits large and wrong.
        self.classifier = tf.keras.layers.Dense(
            config.classes, kernel_initializer="zeros", name="classifier"
        )
        self._build()

    def _build(self):
        config = self.config
        c = config.front_channels
        # The front end's single variant is the axis before the channels, so
        # that its normalisation and thresholds need no case of their own.
        self.conv1.build((None, config.frames, config.mels, 1))
        self.conv2.build((None, None, None, c))
        self.projection.build((None, None, config.front_bands, 2 * c))
        for number, block in enumerate(self.blocks, 1):
            if block:
                variants = len(config.variants(number))
                block.build(
                    (
                        None,
                        config.memory_frames,
                        variants,
                        config.memory_size,
                    )
                )
        self.classifier.build((None, config.memory_frames * config.memory_size))
        self.built = True

    def forward(
        self, features: tf.Tensor, dropout_seed: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], dict[int, tf.Tensor]]:
        """All depths at once, in training mode (Eq. 12 for each δ).

        The front end, which does not depend on δ, is computed once; a block
        is computed once for all the depths that run through it.

        Args:
            features: normalised log-mel, (batch, time, mels).
            dropout_seed: int32 (2,), new for each step; ``None`` is no
                dropout.

        Returns:
            The logits for each δ, (batch, classes) each; and the output of
            each block that runs, by its number from 1:
            (batch, time, variants, channels).
        """
        config = self.config
        x = self.conv1(features[..., tf.newaxis])
        x = self.conv2(x)
        x = self.projection(x)[:, :, 0]
        paths = [x] * len(config.deltas)
        states = {}
        for number, block in self.running_blocks(min(config.deltas)):
            variants = config.variants(number)
            stacked = tf.stack([paths[i] for i in variants], axis=2)
            seed = None if dropout_seed is None else dropout_seed + number
            stacked = block(stacked, dropout_seed=seed)
            states[number] = stacked
            for i, path in zip(
                variants, tf.unstack(stacked, axis=2), strict=True
            ):
                paths[i] = path
        seed = None if dropout_seed is None else dropout_seed - 1
        return [
            self.classifier(dropout(self._flat(path), config.dropout, seed, i))
            for i, path in enumerate(paths)
        ], states

    def running_blocks(self, delta: int) -> list[tuple[int, Block]]:
        """The blocks of one depth with their numbers from 1 (Eq. 13)."""
        return [
            (number, block)
            for number, block in enumerate(self.blocks, 1)
            if block is not None and number % delta == 0
        ]

    def set_progress(self, fraction: float) -> None:
        """Says which fraction of the training is over, in [0, 1].

        Surrogate gradients that sharpen as it goes on follow it.
        """
        for module in self.submodules:
            if isinstance(module, quantizers.ErrorDecay):
                module.set_progress(fraction)

    def distribution_loss(self) -> tf.Tensor:
        """RAD's loss of the batch that :meth:`forward` saw, with its weight.

        A scalar: the mean over all signs; depths are not told apart.
        """
        losses = self.losses
        return self.config.distribution_weight * tf.add_n(losses) / len(losses)

    def start_from(self, other: "FSMN") -> None:
        """Takes over the weights of another network of the same sizes.

        What only one of the two has, such as thresholds and biases, stays as
        it is; what the other has once is taken for every variant.

        Raises:
            ValueError: the other network has other sizes.
        """
        pairs = zip(self._stages(), other._stages(), strict=True)
        for mine, theirs in pairs:
            mine.start_from(theirs)
        _assign(self.classifier, other.classifier, ("kernel", "bias"))

    def _stages(self) -> list[Stage]:
        stages = [self.conv1, self.conv2, self.projection]
        for _, block in self.running_blocks(1):
            stages += [block.memory, block.expand, block.shrink]
        return stages

    def _flat(self, x):
        config = self.config
        return tf.reshape(x, (-1, config.memory_frames * config.memory_size))

    def infer(
        self, features: tf.Tensor, delta: int
    ) -> tuple[tf.Tensor, dict[int, tf.Tensor]]:
        """One depth in inference mode: M(x; δ) of Eq. 12.

        Args:
            features: normalised log-mel, (batch, time, mels).
            delta: one of the configuration's δ.

        Returns:
            Logits (batch, classes), and each running block's output by its
            number from 1, (batch, time, channels).
        """
        if delta not in self.config.deltas:
            raise ValueError(
                f"this network has no delta {delta}: "
                f"one of {list(self.config.deltas)}"
            )
        x = self.conv1.infer(features[..., tf.newaxis], 0)
        x = self.conv2.infer(x, 0)
        x = self.projection.infer(x, 0)
        states = {}
        variant = self.config.deltas.index(delta)
        for number, block in self.running_blocks(delta):
            x = block.infer(x, variant)
            states[number] = x
        return self.classifier(self._flat(x)), states

    def call(self, inputs, training=False):
        """Logits of every δ: (batch, δ, classes)."""
        if training:
            logits, _ = self.forward(inputs)
        else:
            logits = [self.infer(inputs, d)[0] for d in self.config.deltas]
        return tf.stack(logits, axis=1)


def _assign(target, source, names) -> None:
    """Copies variables by name; a single variant fills all of them."""
    for name in names:
        new, old = getattr(source, name), getattr(target, name)
        try:
            old.assign(tf.broadcast_to(new, old.shape))
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"a network with a {name} of shape {tuple(new.shape)} cannot "
                f"start one with {tuple(old.shape)}"
            ) from error


def _joined(x):
    """(batch, time, bands, channels) to (batch, time, bands x channels)."""
    _, time, bands, channels = x.shape
    if time is None:
        time = tf.shape(x)[1]
    return tf.reshape(x, (-1, time, bands * channels))


def dropout(x, rate: float, seed, salt: int):
    """Inverted dropout that depends on nothing but its seed."""
    if seed is None or not rate:
        return x
    return tf.nn.experimental.stateless_dropout(
        x, rate, seed=seed + [0, 1000 * (salt + 1)]
    )
