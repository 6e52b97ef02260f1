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

Two options look more than once where most of the accuracy is lost. With
``memory_stages``, each stage reads the signs of what the last one left::

    y = x + f1(memory1(sign(x)));  y = y + f2(memory2(sign(y)));  ...

With ``front_branches``, several second convolutions read the first one, with
the same signs or (``front_bases``) each with its own::

    conv1 -+-> conv2 -> projection -+-> sum -> block 1 -> ...
           +-> conv2 -> projection -+
           +---> front_skip --------+

where the last, an option of its own, is a projection of every second frame:
the convolutions overlap, so that no feature is left out.
"""

import statistics
from collections.abc import Callable
from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.network import fused
from bifsmn_tf.network import layers
from bifsmn_tf.network import mixed
from bifsmn_tf.network import quantizers
from bifsmn_tf.network.config import SCALED_SIGN
from bifsmn_tf.network.config import NetworkConfig


class Stage(tf.keras.layers.Layer):
    """A linear layer with what surrounds it: sign in front, BN and PReLU.

    Args:
        config: the network's settings.
        linear: a layer with a kernel.
        variants: how many depths run through the stage.
        bits: of the weights, and of the inputs unless ``binarize`` is false:
            1, 8 or 32.
        binarize: quantize the input.
        norm: with BatchNorm.
        initial_scale: of BatchNorm.
        joins_bands: the linear layer reads all frequency bands of a frame at
            once: (batch, time, bands, channels) in, no bands out.
        reads: a stage whose sign or rounding this one takes over, instead of
            one of its own.
        threshold: initial one of its own sign.
    """

    def __init__(
        self,
        config: NetworkConfig,
        linear,
        variants: int = 1,
        bits: int = 32,
        binarize: bool = True,
        norm: bool = True,
        initial_scale: float = 1.0,
        joins_bands: bool = False,
        reads: "Stage | None" = None,
        threshold: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.linear = linear
        self.joins_bands = joins_bands
        # The first convolution's dot products are integers, too.
        self.binary = bits == 1
        self.rounding: mixed.Int8Activation | None = (
            reads.rounding if reads else None
        )
        self.sign: layers.VariantSign | layers.DualSign | None = (
            reads.sign if reads else None
        )
        if bits == 8 and self.rounding is None:
            self.rounding = mixed.Int8Activation()
        if self.binary and binarize and self.sign is None:
            make = (
                layers.DualSign
                if config.dual_activations
                else layers.VariantSign
            )
            self.sign = make(
                config.activation_quantizer,
                variants,
                config.thresholds,
                threshold,
                regularized=config.distribution_weight > 0,
                learned_window=config.learned_window,
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
        if self.sign and not self.sign.built:
            self.sign.build(input_shape)
        if self.rounding and not self.rounding.built:
            self.rounding.build(input_shape)
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
        return self.epilogue(self.apply_linear(self.input_of(inputs)))[0]

    def input_of(self, stream):
        """What :meth:`apply_linear` reads of a stream.

        Its signs, or where the stage is not binary itself, rounded or not;
        with XNOR-Net's scale K of the stream, both.
        """
        if self.rounding:
            return self.rounding(stream)
        if self.sign is None:
            return stream
        if fused.enabled() and self.surrogate:
            return fused.sign(stream, self.sign.thresholds, self.surrogate)
        signs = self.sign(stream)
        if self.scales_inputs:
            return signs, self.input_scale(stream)
        return signs

    @property
    def surrogate(self) -> str | None:
        """Surrogate gradient where Eq. 1 is all that is in front; else None."""
        if self.sign is None or self.scales_inputs:
            return None
        return self.sign.surrogate

    def apply_linear(self, inputs):
        """The linear layer of what :meth:`input_of` gives."""
        inputs, scale = inputs if self.scales_inputs else (inputs, None)
        if self.joins_bands:
            inputs = _joined(inputs)[:, :, tf.newaxis]
        signs = self.surrogate and isinstance(self.linear, layers.BinaryDense)
        z = (self.linear.of_signs if signs else self.linear)(inputs)
        if scale is not None:
            z *= scale[:, :, tf.newaxis] if self.joins_bands else scale
        return z

    def epilogue(
        self,
        z,
        residual=None,
        following: "Stage | None" = None,
        regularize: Callable[[tf.Tensor], tf.Tensor] | None = None,
        keep: bool = True,
    ):
        """What comes after the linear layer, and what the next one reads.

        Args:
            z: what the linear layer gives, (..., variants, out).
            residual: added to the result.
            following: the stage that reads the result.
            regularize: applied to the result before the residual (dropout).
            keep: whether the result itself is wanted, too.

        Returns:
            The result (..., variants, out), or None if it need not be kept;
            and what ``following`` reads of it: None without one.
        """
        sign = following.sign if following else None
        if self.norm and not regularize and fused.enabled():
            surrogate = following.surrogate if following else None
            result = fused.epilogue(
                z,
                self.norm.gamma,
                self.norm.beta,
                self.prelu.slope,
                epsilon=self.norm.epsilon,
                moving_mean=self.norm.moving_mean,
                moving_variance=self.norm.moving_variance,
                momentum=self.norm.momentum,
                residual=residual,
                threshold=sign.thresholds if sign and surrogate else None,
                surrogate=surrogate or "ste",
                stream=keep,
            )
            self.norm.moving_mean.assign(result.mean)
            self.norm.moving_variance.assign(result.variance)
            if result.signs is not None:
                return result.stream, result.signs
            x = result.stream
        else:
            x = self.prelu(self.norm(z) if self.norm else z)
            if regularize:
                x = regularize(x)
            if residual is not None:
                x = residual + x
        return x, following.input_of(x) if following else None

    def affine(self, variant: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Scale and offset that turn the integer dot into PReLU's input."""
        scale = (
            layers.layer_scale(self.linear)
            if self.in_integers
            else tf.ones(self.linear.kernel.shape[-1])
        )
        if self.rounding:
            scale *= self.rounding.step
        bias = self.linear.bias if self.linear.use_bias else 0.0
        if self.norm:
            return self.norm.fold(scale, bias, variant)
        return scale, tf.zeros_like(scale) + bias

    @property
    def in_integers(self) -> bool:
        """Whether inference multiplies integers."""
        return self.binary or self.rounding is not None

    def start_from(self, other: "Stage") -> None:
        """Takes over what both stages have: kernel, norm, slopes, signs."""
        _assign(self.linear, other.linear, ("kernel",))
        if self.norm and other.norm:
            names = ("gamma", "beta", "moving_mean", "moving_variance")
            _assign(self.norm, other.norm, names)
        _assign(self.prelu, other.prelu, ("slope",))
        if self.sign and other.sign:
            self.sign.start_from(other.sign)

    def infer(self, inputs, variant: int, residual=None):
        """Inference: (..., in) to (..., out), one variant.

        Args:
            inputs: (..., in).
            variant: of the depth.
            residual: added to the result, (..., out).
        """
        x = self.sign.apply(inputs, variant) if self.sign else inputs
        x = self.rounding.integers(x) if self.rounding else x
        if self.joins_bands:
            x = _joined(x)
        scale = self.input_scale(inputs) if self.scales_inputs else None
        return self.infer_signs(x, variant, scale, residual)

    def input_scale(self, inputs):
        """K of XNOR-Net, of what the sign in front gets; without gradient."""
        magnitudes = tf.abs(tf.stop_gradient(inputs))
        if self.joins_bands:
            magnitudes = _joined(magnitudes)
        return self.linear.input_scale(magnitudes)

    def infer_signs(self, x, variant: int, input_scale=None, residual=None):
        """As :meth:`infer`, of what the sign or rounding in front gave."""
        scale, offset = self.affine(variant)
        if self.in_integers:
            x = self.linear.integer_dot(x)
            if input_scale is not None:
                x *= input_scale
            x *= scale
        else:
            kernel = self.linear.kernel
            if self.linear.kernel_quantizer:
                kernel = self.linear.kernel_quantizer(kernel)
            x = self.linear.dot(x, kernel * scale)
            if fused.serves_frozen():
                return fused.affine_prelu(
                    x, offset, self.prelu.slope[variant], residual
                )
        x = self.prelu.apply(x + offset, variant)
        return x if residual is None else residual + x


class Block(tf.keras.layers.Layer):
    """One D-FSMN block: a memory block and two pointwise layers.

    Args:
        config: the network's settings.
        variants: how many depths run through the block.
    """

    def __init__(self, config: NetworkConfig, variants: int, **kwargs):
        super().__init__(**kwargs)
        self.memory, *further = (
            Stage(
                config,
                layers.MemoryFilter(
                    config.look_back,
                    config.look_ahead,
                    config.stride_back,
                    config.stride_ahead,
                    **_weights(config, "memory"),
                ),
                variants,
                config.bits("memory"),
                initial_scale=config.residual_scale,
                name=_numbered("memory", number),
            )
            for number in range(1, 1 + 1)
        )
        self.further_memories = further
        self.expand = Stage(
            config,
            layers.BinaryDense(
                config.hidden_size, **_weights(config, "expand")
            ),
            variants,
            config.bits("expand"),
            name="expand",
        )
        self.shrink = Stage(
            config,
            layers.BinaryDense(
                config.memory_size, **_weights(config, "shrink")
            ),
            variants,
            config.bits("shrink"),
            initial_scale=config.residual_scale,
            name="shrink",
        )
        self.dropout = config.dropout

    @property
    def memories(self) -> list[Stage]:
        """The memory's stages, in order."""
        return [self.memory, *self.further_memories]

    @property
    def stages(self) -> dict[str, Stage]:
        """All stages by their name, in order."""
        memories = {stage.name: stage for stage in self.memories}
        return {**memories, "expand": self.expand, "shrink": self.shrink}

    def build(self, input_shape):
        """Builds the stages for (batch, time, variants, memory channels)."""
        hidden = (*input_shape[:-1], self.expand.linear.units)
        for memory in self.memories:
            memory.build(input_shape)
        self.expand.build(input_shape)
        self.shrink.build(hidden)
        super().build(input_shape)

    def call(self, inputs, dropout_seed=None):
        """Training: (batch, time, variants, channels) to the same shape."""
        expand, shrink = self.expand, self.shrink
        y, x = inputs, self.memory.input_of(inputs)
        following = [*self.further_memories, expand]
        for memory, reader in zip(self.memories, following, strict=True):
            y, x = memory.epilogue(
                memory.apply_linear(x), residual=y, following=reader
            )
        _, x = expand.epilogue(
            expand.apply_linear(x),
            following=shrink,
            regularize=self._dropout(dropout_seed, 0),
            keep=False,
        )
        result, _ = shrink.epilogue(
            shrink.apply_linear(x),
            residual=y,
            regularize=self._dropout(dropout_seed, 1),
        )
        return result

    def _dropout(self, seed, salt):
        if seed is None or not self.dropout:
            return None
        return lambda x: dropout(x, self.dropout, seed, salt)

    def infer(self, inputs, variant: int):
        """Inference: (batch, time, channels) to the same shape."""
        y = inputs
        for memory in self.memories:
            frames = y[:, :, tf.newaxis]
            y = memory.infer(frames, variant, residual=frames)[:, :, 0]
        h = self.expand.infer(y, variant)
        return self.shrink.infer(h, variant, residual=y)


class FSMN(tf.keras.Model):
    """D-FSMN or BiFSMN, at all its depths.

    Args:
        config: see :class:`~bifsmn_tf.network.config.NetworkConfig`.
    """

    def __init__(self, config: NetworkConfig, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        c = config.front_channels
        front: dict[str, Any] = {
            "strides": 2,
            "kernel_size": config.front_kernel,
        }
        self.conv1 = Stage(
            config,
            layers.FirstConv2D(c, **front)
            if config.binary
            else layers.BinaryConv2D(
                c, kernel_quantizer=None, use_bias=True, **front
            ),
            bits=1 if config.binary else 32,
            binarize=False,
            name="conv1",
        )
        self.conv2, *convolutions = self._second_convolutions(
            {**front, **_weights(config, "conv2")}
        )
        self.projection, *projections = (
            self._projection(_numbered("projection", number))
            for number in range(1, 1 + 1)
        )
        self.further_branches = list(
            zip(convolutions, projections, strict=True)
        )
        self.front_skip = (
            self._projection(
                "front_skip",
                # What is there costs nothing.
                reads=self.conv2
                if config.bits("projection") == config.bits("conv2")
                else None,
            )
            if config.front_skip
            else None
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

    def _projection(self, name: str, **settings) -> Stage:
        config = self.config
        return Stage(
            config,
            layers.BinaryDense(
                config.memory_size, **_weights(config, "projection")
            ),
            bits=config.bits("projection"),
            norm=config.projection_norm,
            joins_bands=True,
            name=name,
            **settings,
        )

    def _second_convolutions(self, settings: dict[str, Any]):
        config = self.config
        bases = initial_thresholds(1)
        stage = None
        for number in range(1, 1 + 1):
            shared = number > 1
            stage = Stage(
                config,
                layers.BinaryConv2D(config.second_channels, **settings),
                bits=config.bits("conv2"),
                reads=stage if shared else None,
                threshold=0.0 if shared else bases[number - 1],
                name=_numbered("conv2", number),
            )
            yield stage

    @property
    def branches(self) -> list[tuple[Stage, Stage]]:
        """Second convolutions, each with its projection, in order."""
        return [(self.conv2, self.projection), *self.further_branches]

    @property
    def starts(self) -> list[Stage]:
        """The stages whose sum is the start of the stream, in order."""
        starts = [projection for _, projection in self.branches]
        return [*starts, self.front_skip] if self.front_skip else starts

    def _build(self):
        config = self.config
        c = config.front_channels
        # The front end's single variant is the axis before the channels, so
        # that its normalisation and thresholds need no case of their own.
        self.conv1.build((None, config.frames, config.mels, 1))
        for conv2, projection in self.branches:
            conv2.build((None, None, None, c))
            projection.build(
                (None, None, config.front_bands, config.second_channels)
            )
        if self.front_skip:
            self.front_skip.build((None, None, config.half_bands, c))
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
        x = self._front(features)
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

    def _front(self, features):
        """The front end in training: (batch, time, memory size)."""
        shared, skip = self.conv2, self.front_skip
        x = self.conv1.apply_linear(features[..., tf.newaxis])
        stream, x = self.conv1.epilogue(
            x, following=shared, keep=len(self.starts) > 1
        )
        total = None
        for conv2, projection in self.branches:
            if (conv2.sign, conv2.rounding) != (shared.sign, shared.rounding):
                shared, x = conv2, conv2.input_of(stream)
            _, y = conv2.epilogue(
                conv2.apply_linear(x), following=projection, keep=False
            )
            total, _ = projection.epilogue(
                projection.apply_linear(y), residual=total
            )
        if skip:
            y = skip.apply_linear(skip.input_of(stream[:, ::2]))
            total, _ = skip.epilogue(y, residual=total)
        assert total is not None
        return total[:, :, 0]

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

        What this one alone has, such as thresholds, biases and further
        stages, stays as it is; what the other has once is taken for every
        variant.

        Raises:
            ValueError: the other network has other sizes.
        """
        if other.config.blocks != self.config.blocks:
            raise ValueError(
                f"a network of {other.config.blocks} blocks cannot start one "
                f"of {self.config.blocks}"
            )
        theirs = other.stages
        for name, stage in self.stages.items():
            if name in theirs:
                stage.start_from(theirs[name])
        _assign(self.classifier, other.classifier, ("kernel", "bias"))

    @property
    def stages(self) -> dict[str, Stage]:
        """All stages by their name, ``"block3/expand"``, in order."""
        front = [
            self.conv1,
            *(stage for pair in self.branches for stage in pair),
            *([self.front_skip] if self.front_skip else []),
        ]
        stages = {stage.name: stage for stage in front}
        for number, block in self.running_blocks(1):
            for name, stage in block.stages.items():
                stages[f"block{number}/{name}"] = stage
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
        starts = [
            projection.infer(conv2.infer(x, 0), 0)
            for conv2, projection in self.branches
        ]
        if self.front_skip:
            starts.append(self.front_skip.infer(x[:, ::2], 0))
        x = _sum(starts)
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


def initial_thresholds(bases: int) -> list[float]:
    """Where several signs of one convolution start: so that all parts count.

    They split what a fresh BatchNorm and PReLU give of a normal distribution
    into ``bases + 1`` parts of the same probability; one sign starts at 0.

    Args:
        bases: how many signs.
    """
    normal = statistics.NormalDist()
    quantiles = [normal.inv_cdf(i / (bases + 1)) for i in range(1, bases + 1)]
    return [x if x >= 0 else layers.INITIAL_SLOPE * x for x in quantiles]


def _weights(config: NetworkConfig, site: str) -> dict[str, Any]:
    """Arguments of a Larq layer."""
    quantizer: Any = mixed.ChannelInt8() if config.bits(site) == 8 else None
    constraint: Any = None
    if config.bits(site) == 1:
        quantizer = config.kernel_quantizer
        if config.float_pointwise and site in ("expand", "shrink"):
            quantizer = "bifsmn_latent"
        elif config.learned_window and quantizer == SCALED_SIGN:
            quantizer = "bifsmn_windowed_scaled_sign"
        # A constraint that does nothing is a choice; Larq warns about none.
        constraint = (
            "weight_clip"
            if config.clip_latents
            else tf.keras.constraints.Constraint()
        )
    return {
        "kernel_quantizer": quantizer,
        "kernel_constraint": constraint,
        "use_bias": not config.binary,
    }


def _numbered(name: str, number: int) -> str:
    """The name of one of several stages: the first has none."""
    return name if number == 1 else f"{name}_{number}"


def _sum(values):
    """From the first to the last, in the order of the deployed operations."""
    total, *rest = values
    for value in rest:
        total = total + value
    return total


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
