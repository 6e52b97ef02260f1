"""A stage: a linear layer with what surrounds it."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from bifsmn_tf._keras import tf
from bifsmn_tf.network import backend
from bifsmn_tf.network import fused
from bifsmn_tf.network import layers
from bifsmn_tf.network import quantizers
from bifsmn_tf.network.config import SCALED_SIGN
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.export import Epilogue
from bifsmn_tf.network.export import ExportedStage
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import Node
from bifsmn_tf.network.topology import readers


class Stage(tf.keras.layers.Layer):
    """A node of the network: quantizer, linear layer, BatchNorm and PReLU.

    It computes PReLU(BN(linear(quantize(x)))), with parameters of the norm,
    the PReLU and the sign for each depth. How it is trained the
    :mod:`~bifsmn_tf.network.backend` decides; inference is here.

    Args:
        config: The network's settings.
        node: Its place in the topology.
        shares: The stage of ``node.shares_input``.
    """

    def __init__(
        self, config: NetworkConfig, node: Node, shares: "Stage | None" = None
    ):
        super().__init__(name=node.name.split("/")[-1])
        self.node = node
        self.linear = _linear(config, node)
        self.int8_activation: quantizers.Int8Activation | None = None
        self.sign: layers.AnySign | None = None
        if shares:
            self.int8_activation = shares.int8_activation
            self.sign = shares.sign
        elif node.bits == 8 and node.kind is not Kind.FIRST_CONVOLUTION:
            self.int8_activation = quantizers.Int8Activation()
        elif node.bits <= 2:
            self.sign = _sign_type(config, node)(
                config.activation_quantizer,
                node.variants,
                learned=config.thresholds,
                regularized=config.distribution_weight > 0,
                learned_window=config.learned_window,
            )
        few = node.streaming and node.kind is Kind.MEMORY and node.bits <= 2
        self.norm = (
            layers.VariantNorm(
                node.variants,
                epsilon=layers.MEMORY_EPSILON if few else layers.EPSILON,
                initial_scale=node.initial_scale,
            )
            if node.norm
            else None
        )
        self.prelu = layers.VariantPReLU(
            node.variants,
            per_channel=config.prelu == "channel",
            bounded=config.binary,
        )

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        """Builds the layers inside, by default for the node's own shapes."""
        frames, bands, channels = self.node.input_shape
        frames += self.node.history or 0
        positions = bands if self.node.variants == 1 else self.node.variants
        shape: tuple[int | None, ...] = (None, frames, positions, channels)
        window = self.node.kernel_size[1] > 1 and not self.node.joins_bands
        if self.node.streaming and window:
            # Padding, which may be most of it, is put in later.
            shape = (None, None, None, channels)
        for quantizer in (self.sign, self.int8_activation):
            if quantizer and not quantizer.built:
                quantizer.build(shape)
        if self.node.joins_bands:
            shape = (None, frames, 1, bands * channels)
        self.linear.build(shape)
        for layer in (self.norm, self.prelu):
            if layer:
                layer.build((*shape[:-1], self.node.outputs))
        super().build(input_shape)

    @property
    def surrogate(self) -> str | None:
        """The surrogate gradient where Eq. 1 is all that is in front."""
        return self.sign.surrogate if self.sign else None

    @property
    def level_step(self) -> float | None:
        """The step of two bits; 0 where Eq. 1 is all in front; else None."""
        if self.surrogate:
            return 0.0
        two = isinstance(self.sign, layers.TwoBitSign) and self.sign.gives_signs
        return layers.TWO_BIT_STEP if two else None

    @property
    def in_integers(self) -> bool:
        """Whether inference multiplies integers."""
        return self.node.bits < 32

    def select(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the frames of another stage's result that this one reads."""
        stride = self.node.strides[0]
        if not self.node.joins_bands or stride == 1:
            return x
        # A step of a stream brings as many frames as the stride, and the first
        # of them is read.
        first = x.shape[1] % stride if self.node.streaming else 0
        return layers.frames_from(x, first, stride)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps (..., variants, in) to (..., variants, out), in training."""
        value, _ = self.epilogue(self.apply_linear(self.read(inputs)))
        return value

    def read(self, x: tf.Tensor) -> Any:
        """Returns what :meth:`apply_linear` takes of ``x``, in training."""
        return backend.current().read(self, x)

    def apply_linear(self, inputs: Any) -> tf.Tensor:
        """Returns the linear layer's outputs for what :meth:`read` gave."""
        return backend.current().linear(self, self.join(inputs))

    def epilogue(
        self,
        z: tf.Tensor,
        residual: tf.Tensor | None = None,
        follower: "Stage | None" = None,
        regularize: backend.Regularizer | None = None,
        keep: bool = True,
    ) -> tuple[tf.Tensor | None, Any]:
        """Does as :meth:`~bifsmn_tf.network.backend.PlainBackend.epilogue`."""
        return backend.current().epilogue(
            self, z, residual, follower, regularize, keep
        )

    def affine(self, variant: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns scale and offset from the bare product to PReLU's input.

        Args:
            variant: Which of the norms.

        Returns:
            float32 (out,) each.
        """
        scale = (
            self.linear.weight_scale()
            if self.in_integers
            else tf.ones(self.node.outputs)
        )
        if self.int8_activation:
            scale *= self.int8_activation.step
        if self.node.bits == 2:
            scale *= layers.TWO_BIT_STEP
        bias = self.linear.bias if self.linear.use_bias else 0.0
        if self.norm:
            return self.norm.fold(scale, bias, variant)
        return scale, tf.zeros_like(scale) + bias

    def infer(
        self, x: tf.Tensor, variant: int, residual: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Computes the stage in inference, at one depth.

        Args:
            x: (..., in).
            variant: Which of the norms, slopes and thresholds.
            residual: What is added to the result, (..., out).

        Returns:
            (..., out).
        """
        scale, offset = self.affine(variant)
        if self.in_integers:
            z = self.integer_dot(x, variant) * scale
        else:
            kernel = self.linear.kernel
            if self.linear.kernel_quantizer:
                kernel = self.linear.kernel_quantizer(kernel)
            z = self.linear.dot(self.join(x), kernel * scale)
            if fused.serves_frozen():
                z, residual = aligned(z, residual)
                return fused.affine_prelu(
                    z, offset, self.prelu.slope[variant], residual
                )
        y, residual = aligned(self.prelu.apply(z + offset, variant), residual)
        return y if residual is None else residual + y

    def integer_dot(self, x: tf.Tensor, variant: int) -> tf.Tensor:
        """Returns the product of quantized inputs with integer weights.

        Args:
            x: What is in front of the quantizer, (..., in).
            variant: Which of the thresholds.

        Returns:
            float32 that holds integers, (..., out).
        """
        if self.sign:
            x = self.sign.apply(x, variant)
        if self.int8_activation:
            x = self.int8_activation.integers(x)
        return self.linear.integer_dot(self.join(x))

    def join(self, x: tf.Tensor) -> tf.Tensor:
        """Returns (batch, time, 1, bands x channels) where bands are joined."""
        if not self.node.joins_bands:
            return x
        _, time, bands, channels = x.shape
        if time is None:
            time = tf.shape(x)[1]
        return tf.reshape(x, (-1, time, 1, bands * channels))

    def export(self, variant: int) -> ExportedStage:
        """Returns what the stage has learned, at one depth.

        Args:
            variant: Which of the norms, slopes and thresholds.

        Raises:
            UserError: A value is not finite.
        """
        scale, offset = (x.numpy() for x in self.affine(variant))
        slope = np.broadcast_to(self.prelu.slope[variant].numpy(), scale.shape)
        integers, weight_scale = None, np.ones_like(scale)
        if self.in_integers:
            integers = self.linear.integers().numpy().astype(np.int8)
            weight_scale = self.linear.weight_scale().numpy()
        threshold = step = inverse = statistics = None
        if self.sign and not isinstance(self.sign, layers.DualSign):
            threshold = self.sign.exported(variant)
        if self.int8_activation:
            step = self.int8_activation.step.numpy()
            inverse = float(self.int8_activation.inverse_step.numpy())
        if self.norm:
            statistics = (
                self.norm.moving_mean[variant].numpy(),
                self.norm.moving_variance[variant].numpy(),
            )
        return ExportedStage(
            self.node,
            self.linear.kernel.numpy(),
            integers,
            weight_scale,
            Epilogue(scale, offset, np.ascontiguousarray(slope)),
            threshold,
            step,
            inverse,
            statistics,
        )

    def start_from(self, other: "Stage") -> None:
        """Takes over what both stages have: kernel, norm, slopes, signs.

        Raises:
            ValueError: The stages have other sizes.
        """
        pairs: list[tuple[Any, Any, tuple[str, ...]]] = [
            (self.linear, other.linear, ("kernel",)),
            (self.prelu, other.prelu, ("slope",)),
        ]
        if self.norm and other.norm:
            parts = ("gamma", "beta", "moving_mean", "moving_variance")
            pairs.append((self.norm, other.norm, parts))
        for mine, its, names in pairs:
            for name in names:
                old, new = getattr(mine, name), getattr(its, name)
                if new.shape != old.shape:
                    raise ValueError(
                        f"a stage with a {name} of shape {tuple(new.shape)} "
                        f"cannot start one with {tuple(old.shape)}"
                    )
                old.assign(new)
        if self.sign and other.sign:
            self.sign.start_from(other.sign)


class InputScaledStage(Stage):
    """A stage whose outputs are multiplied with XNOR-Net's K."""

    surrogate = None
    """No plain sign: what is in front of it is wanted, too."""

    level_step = None
    """What :meth:`read` gives is not the linear layer's inputs alone."""

    def read(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the signs of ``x``, and K."""
        return super().read(x), self._input_scale(x)

    def apply_linear(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Returns the linear layer's outputs for the signs, times K."""
        signs, scale = inputs
        return super().apply_linear(signs) * scale

    def integer_dot(self, x: tf.Tensor, variant: int) -> tf.Tensor:
        """Returns the product, times K: no integers any more."""
        return super().integer_dot(x, variant) * self._input_scale(x)

    def _input_scale(self, x: tf.Tensor) -> tf.Tensor:
        return quantizers.input_scale(self.linear, self.join(x))


def newest(x: tf.Tensor, frames: int) -> tf.Tensor:
    """Returns the last frames of (batch, time, ...)."""
    return layers.frames_from(x, x.shape[1] - frames)


def aligned(
    x: tf.Tensor, residual: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Returns a result and what it is added to, the newest frames of both.

    In a stream a layer's result has as many frames fewer than its input as
    the layer has history.
    """
    if residual is None:
        return x, None
    frames = min(x.shape[1], residual.shape[1])
    return newest(x, frames), newest(residual, frames)


def make_stages(
    config: NetworkConfig, ordered: Sequence[Node]
) -> dict[str, Stage]:
    """Makes the stages of some nodes, by the nodes' names in their order.

    Args:
        config: The network's settings.
        ordered: Nodes with all that they share inputs with.
    """
    stages: dict[str, Stage] = {}
    for node in ordered:
        scaled = config.input_scale and node.bits == 1
        make = InputScaledStage if scaled else Stage
        shares = stages[node.shares_input] if node.shares_input else None
        stages[node.name] = make(config, node, shares)
    return stages


def train(
    ordered: Sequence[Node],
    stages: Mapping[str, Stage],
    values: Mapping[str, tf.Tensor],
    regularizers: Mapping[str, backend.Regularizer] | None = None,
) -> tf.Tensor:
    """Computes some nodes in training, one after the other.

    Args:
        ordered: The nodes.
        stages: The stage of each node by name.
        values: What they read and add to, by the name of the node it is of.
        regularizers: Applied to results before residuals, by the node's name.

    Returns:
        The result of the last node.
    """
    results: dict[str, tf.Tensor] = dict(values)
    ready: dict[str, Any] = {}
    for place, node in enumerate(ordered):
        stage, later = stages[node.name], ordered[place + 1 :]
        if node.name in ready:
            inputs = ready.pop(node.name)
        else:
            inputs = stage.read(stage.select(results[node.reads]))
        behind = readers(later, node)
        follower = stages[behind[0].name] if behind else None
        sums, residual = aligned(
            stage.apply_linear(inputs),
            results[node.adds_to] if node.adds_to else None,
        )
        result, inputs = stage.epilogue(
            sums,
            residual=residual,
            follower=follower,
            regularize=(regularizers or {}).get(node.name),
            keep=len(behind) != 1
            or any(other.adds_to == node.name for other in later),
        )
        results[node.name] = result
        if behind:
            ready[behind[0].name] = inputs
    return results[ordered[-1].name]


def _sign_type(config: NetworkConfig, node: Node) -> type[layers.AnySign]:
    if node.bits == 2:
        return layers.TwoBitSign
    return layers.DualSign if config.dual_activations else layers.VariantSign


def _linear(config: NetworkConfig, node: Node) -> Any:
    """Makes the layer with the node's weights."""
    window: dict[str, Any] = {
        "kernel_size": node.kernel_size[0],
        "strides": node.strides[0],
        "streaming": node.streaming,
    }
    if node.kind is Kind.FIRST_CONVOLUTION and config.binary:
        return layers.FirstConv2D(node.outputs, **window)
    weights = _weights(config, node)
    if node.kind in (Kind.FIRST_CONVOLUTION, Kind.CONVOLUTION):
        return layers.BinaryConv2D(node.outputs, **window, **weights)
    if node.kind is Kind.MEMORY:
        return layers.MemoryFilter(
            config.look_back,
            config.look_ahead,
            config.stride_back,
            config.stride_ahead,
            streaming=node.streaming,
            **weights,
        )
    return layers.BinaryDense(node.outputs, **weights)


def _weights(config: NetworkConfig, node: Node) -> dict[str, Any]:
    """Returns the arguments of a layer that say what its weights are."""
    quantizer: Any = quantizers.ChannelInt8() if node.bits == 8 else None
    constraint: Any = None
    if node.bits <= 2:
        quantizer = config.kernel_quantizer
        if config.float_pointwise and node.kind is Kind.POINTWISE:
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
