"""D-FSMN and BiFSMN as one would write them in stock Larq and Keras layers.

A pass computes one depth, each layer is an operation of its own, and inference
multiplies floats. The benchmarks compare with it: it is what TensorFlow's
converter turns into the full-precision network's file, and what the throughput
of training is measured against. Only the topology is the project's own.
"""

from typing import Any

from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.network import layers
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.stage import Stage
from bifsmn_tf.network.topology import FEATURES
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import Node
from bifsmn_tf.network.topology import nodes

_MISSING = (
    "front_skip",
    "float_sites",
    "int8_sites",
    "two_bit_sites",
    "input_scale",
    "float_pointwise",
    "distribution_weight",
    "learned_window",
    "dual_activations",
)
"""Options of :class:`NetworkConfig` that the plain network does not have."""


class _Threshold(tf.keras.layers.Layer):
    """Subtracts a learned threshold per channel (RSign)."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.threshold = self.add_weight(
            "threshold", (input_shape[-1],), initializer="zeros"
        )
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs - self.threshold


class _DepthwiseScale(tf.keras.layers.Layer):
    """Quantizes a depthwise kernel with a scale for each of its channels."""

    def __init__(self, quantizer: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.quantizer = lq.quantizers.get(quantizer)

    def call(self, kernel: tf.Tensor) -> tf.Tensor:
        taps, _, channels, _ = kernel.shape
        quantized = self.quantizer(tf.reshape(kernel, (taps, channels)))
        return tf.reshape(quantized, kernel.shape)


class PlainStage(tf.keras.layers.Layer):
    """A Larq layer, and its surroundings once for each variant.

    Args:
        config: The network's settings.
        node: Its place in the topology.
    """

    def __init__(self, config: NetworkConfig, node: Node, **kwargs: Any):
        super().__init__(**kwargs)
        self.node = node
        self.linear = _linear(config, node)
        signs = node.bits == 1 and config.thresholds
        self.thresholds = [
            _Threshold() for _ in range(node.variants if signs else 0)
        ]
        self.norms = [
            tf.keras.layers.BatchNormalization(
                momentum=0.9, epsilon=layers.EPSILON
            )
            for _ in range(node.variants if node.norm else 0)
        ]
        bounds = layers.SlopeBounds() if config.binary else None
        self.prelus = [
            tf.keras.layers.PReLU(
                alpha_initializer=tf.keras.initializers.Constant(
                    layers.INITIAL_SLOPE
                ),
                alpha_constraint=bounds,
                shared_axes=[1, 2] if config.prelu == "channel" else [1, 2, 3],
            )
            for _ in range(node.variants)
        ]

    def call(
        self, inputs: tf.Tensor, variant: int = 0, training: bool = False
    ) -> tf.Tensor:
        """Maps (batch, time, bands or 1, in) to (batch, ..., out)."""
        x = inputs
        if self.thresholds:
            x = self.thresholds[variant](x)
        if self.node.joins_bands:
            _, time, bands, channels = x.shape
            x = tf.reshape(x, (-1, time, 1, bands * channels))
        x = self.linear(x)
        if self.norms:
            x = self.norms[variant](x, training=training)
        return self.prelus[variant](x)

    def copy_from(self, stage: Stage) -> None:
        """Takes over the weights of the project's stage of the same node."""
        kernel = self.linear.weights[0]
        kernel.assign(tf.reshape(stage.linear.kernel, kernel.shape))
        if self.linear.use_bias:
            self.linear.bias.assign(stage.linear.bias)
        for i, threshold in enumerate(self.thresholds):
            assert stage.sign is not None
            threshold.threshold.assign(stage.sign.thresholds[i])
        for i, norm in enumerate(self.norms):
            source = stage.norm
            assert source is not None
            norm.gamma.assign(source.gamma[i])
            norm.beta.assign(source.beta[i])
            norm.moving_mean.assign(source.moving_mean[i])
            norm.moving_variance.assign(source.moving_variance[i])
        for i, prelu in enumerate(self.prelus):
            prelu.alpha.assign(
                tf.reshape(stage.prelu.slope[i], prelu.alpha.shape)
            )


class PlainFSMN(tf.keras.Model):
    """D-FSMN or BiFSMN in stock Larq and Keras layers, one δ a pass.

    Args:
        config: The network's settings. The memory's strides have to be 1 and
            its look-back and look-ahead equal; dropout is left out.

    Raises:
        ValueError: The settings ask for what stock layers do not have.
    """

    def __init__(self, config: NetworkConfig, **kwargs: Any):
        super().__init__(**kwargs)
        if (
            config.stride_back != 1
            or config.stride_ahead != 1
            or config.look_back != config.look_ahead
        ):
            raise ValueError("a plain depthwise layer has no other memory")
        missing = [name for name in _MISSING if getattr(config, name)]
        if missing:
            raise ValueError(f"the plain network has no {', '.join(missing)}")
        self.config = config
        self.stages = {
            node.name: PlainStage(config, node)
            for node in nodes(config)
            if node.kind is not Kind.CLASSIFIER
        }
        self.classifier = tf.keras.layers.Dense(config.classes)
        for delta in config.deltas:
            self(tf.zeros((1, config.frames, config.mels)), delta)

    def call(
        self, features: tf.Tensor, delta: int = 1, training: bool = False
    ) -> tuple[tf.Tensor, dict[int, tf.Tensor]]:
        """Computes one depth.

        Args:
            features: Normalised log-mel, (batch, time, mels).
            delta: One of the configuration's δ.
            training: Whether the norms take the batch's statistics.

        Returns:
            Logits (batch, classes), and each running block's output by its
            number from 1, (batch, time, channels).
        """
        x = features[..., tf.newaxis]
        if self.config.binary:
            x = layers.FirstConv2D.integer_features(x) / layers.FEATURE_SCALE
        results = {FEATURES: x}
        states = {}
        for node in nodes(self.config, delta):
            x = results[node.reads]
            if node.kind is Kind.CLASSIFIER:
                break
            stage = self.stages[node.name]
            y = stage(x, node.variant(delta), training=training)
            if node.adds_to:
                y = results[node.adds_to] + y
            results[node.name] = y
            if node.block:
                # The last one of a block stays.
                states[node.block] = y[:, :, 0]
        return self.classifier(tf.keras.layers.Flatten()(x)), states

    def copy_from(self, network: FSMN) -> None:
        """Takes over the weights of the project's network."""
        for name, stage in self.stages.items():
            stage.copy_from(network.stages[name])
        self.classifier.kernel.assign(network.classifier.kernel)
        self.classifier.bias.assign(network.classifier.bias)


def _linear(config: NetworkConfig, node: Node) -> tf.keras.layers.Layer:
    common = {"padding": "same", "use_bias": not config.binary}
    inputs = config.activation_quantizer if config.binary else None
    weights = config.kernel_quantizer if config.binary else None
    constraint = "weight_clip" if config.binary else None
    if node.kind is Kind.FIRST_CONVOLUTION:
        return lq.layers.QuantConv2D(
            node.outputs,
            node.kernel_size,
            node.strides,
            kernel_quantizer="bifsmn_int8" if config.binary else None,
            **common,
        )
    if node.kind is Kind.MEMORY:
        return lq.layers.QuantDepthwiseConv2D(
            node.kernel_size,
            input_quantizer=inputs,
            depthwise_quantizer=_DepthwiseScale(weights) if weights else None,
            depthwise_constraint=constraint,
            **common,
        )
    return lq.layers.QuantConv2D(
        node.outputs,
        1 if node.joins_bands else node.kernel_size,
        node.strides,
        input_quantizer=inputs,
        kernel_quantizer=weights,
        kernel_constraint=constraint,
        **common,
    )
