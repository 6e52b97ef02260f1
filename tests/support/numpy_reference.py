"""BiFSMN in NumPy, from the paper's equations and the modules' docstrings.

Written as sums over positions, in float64 and without TensorFlow, so that it
shares nothing with what it is compared with. Weights come as plain arrays, see
``Stage`` and ``Weights``; ``weights_of`` takes them out of a network.
"""

import dataclasses
import math

import numpy as np

EPSILON = 1e-5
FEATURE_STEPS = 32


def sign(x):
    """Eq. 1: +1 for x >= 0, else -1."""
    return np.where(np.asarray(x) >= 0, 1.0, -1.0)


def alpha(kernel):
    """Eq. 2: mean of |w| for each output channel, the last axis."""
    channels = kernel.shape[-1]
    return np.array(
        [np.abs(kernel[..., c]).mean(dtype=np.float64) for c in range(channels)]
    )


def memory_filter(p, kernel, look_back, look_ahead, stride_back, stride_ahead):
    """The sums of Eq. 3 for p (batch, time, channels).

    Tap a_i, i = 0 .. N1, is row ``look_back - i`` of the kernel, c_j row
    ``look_back + j``. Frames outside the clip contribute nothing.
    """
    batch, time, channels = p.shape
    outputs = np.zeros(p.shape)
    for t in range(time):
        for i in range(look_back + 1):
            if t - i * stride_back >= 0:
                outputs[:, t] += (
                    kernel[look_back - i] * p[:, t - i * stride_back]
                )
        for j in range(1, look_ahead + 1):
            if t + j * stride_ahead < time:
                outputs[:, t] += (
                    kernel[look_back + j] * p[:, t + j * stride_ahead]
                )
    return outputs


def same_padding(size, kernel, stride):
    """TensorFlow's "same": positions before the input, and output size."""
    outputs = math.ceil(size / stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, outputs


def conv2d(x, kernel, stride):
    """X (batch, rows, columns, in); a padded position contributes nothing."""
    batch, rows, columns, _ = x.shape
    height, width, _, channels = kernel.shape
    top, out_rows = same_padding(rows, height, stride)
    left, out_columns = same_padding(columns, width, stride)
    outputs = np.zeros((batch, out_rows, out_columns, channels))
    for row in range(out_rows):
        for column in range(out_columns):
            for i in range(height):
                for j in range(width):
                    r = row * stride + i - top
                    c = column * stride + j - left
                    if 0 <= r < rows and 0 <= c < columns:
                        outputs[:, row, column] += x[:, r, c] @ kernel[i, j]
    return outputs


def quantized_kernel(kernel):
    """8-bit integers and the scale per output channel."""
    largest = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
    scale = (largest / np.float32(127)).astype(np.float32)
    terms = math.prod(kernel.shape[:-1])
    if terms <= 255:
        total = np.sum(np.abs(kernel), axis=(0, 1, 2), dtype=np.float32)
        scale = np.maximum(scale, total / np.float32(255 - terms / 2))
    return np.rint(kernel / scale), scale


def quantized_features(features):
    """Steps of 1/32 in [-128, 127]."""
    return np.clip(np.rint(features * FEATURE_STEPS), -128, 127)


@dataclasses.dataclass
class Stage:
    """The arrays of one stage at one depth; None where there are none."""

    kernel: np.ndarray
    bias: np.ndarray | None
    thresholds: np.ndarray | None
    gamma: np.ndarray | None
    beta: np.ndarray | None
    mean: np.ndarray | None
    variance: np.ndarray | None
    slope: np.ndarray
    range: float | None = None

    def activate(self, x):
        """Bias, BatchNorm with moving statistics, PReLU."""
        if self.bias is not None:
            x = x + self.bias
        if self.gamma is not None:
            deviation = np.sqrt(self.variance + EPSILON)
            x = (x - self.mean) / deviation * self.gamma + self.beta
        return np.where(x >= 0, x, self.slope * x)


@dataclasses.dataclass
class Weights:
    """The arrays of a network at one depth; blocks by their number.

    A block has a memory and two pointwise layers.
    """

    conv1: Stage
    conv2: Stage
    projection: Stage
    front_skip: Stage | None
    blocks: dict[int, tuple[Stage, Stage, Stage]]
    classifier: np.ndarray
    classifier_bias: np.ndarray


def weights_of(network, delta):
    """The arrays of an FSMN for one of its depths."""
    index = network.config.deltas.index(delta)

    def stage_of(stage, variant):
        def row(part, name):
            layer = getattr(stage, part)
            return (
                None
                if layer is None
                else getattr(layer, name)[variant].numpy().astype(np.float64)
            )

        linear = stage.linear
        return Stage(
            kernel=linear.kernel.numpy(),
            bias=linear.bias.numpy() if linear.use_bias else None,
            thresholds=row("sign", "thresholds"),
            gamma=row("norm", "gamma"),
            beta=row("norm", "beta"),
            mean=row("norm", "moving_mean"),
            variance=row("norm", "moving_variance"),
            slope=row("prelu", "slope"),
            range=float(stage.int8_activation.range)
            if stage.int8_activation
            else None,
        )

    stages = network.stages
    return Weights(
        conv1=stage_of(stages["conv1"], 0),
        conv2=stage_of(stages["conv2"], 0),
        projection=stage_of(stages["projection"], 0),
        front_skip=(
            stage_of(stages["front_skip"], 0)
            if "front_skip" in stages
            else None
        ),
        blocks={
            number: tuple(
                stage_of(stages[f"block{number}/{name}"], index)
                for name in ("memory", "expand", "shrink")
            )
            for number in range(delta, network.config.blocks + 1, delta)
        },
        classifier=network.classifier.kernel.numpy(),
        classifier_bias=network.classifier.bias.numpy(),
    )


class Reference:
    """M(x; δ) of Eq. 12 in inference.

    Attributes:
        margin: the smallest distance of an activation from its threshold that
            is not exactly 0. Where it is as small as float32's rounding,
            results may rightly differ.
    """

    def __init__(self, config, weights):
        self.config = config
        self.weights = weights
        self.margin = math.inf

    def __call__(self, features):
        """Logits (batch, classes) and the running blocks' outputs."""
        weights = self.weights
        x = self._first_convolution(features[..., np.newaxis])
        y = self._stage(weights.conv2, x, lambda signs, k: conv2d(signs, k, 2))
        y = self._projection(weights.projection, y)
        if weights.front_skip:
            y = y + self._projection(weights.front_skip, x[:, ::2])
        x = y
        states = {}
        for number, block in weights.blocks.items():
            x = states[number] = self._block(x, *block)
        flat = x.reshape(len(x), -1)
        return flat @ weights.classifier + weights.classifier_bias, states

    def _projection(self, stage, x):
        batch, time = x.shape[:2]
        return self._stage(
            stage, x, lambda signs, k: signs.reshape(batch, time, -1) @ k
        )

    def _block(self, x, memory, expand, shrink):
        config = self.config

        def taps(signs, kernel):
            return memory_filter(
                signs,
                kernel,
                config.look_back,
                config.look_ahead,
                config.stride_back,
                config.stride_ahead,
            )

        y = x + self._stage(memory, x, taps)
        h = self._stage(expand, y, np.matmul)
        return y + self._stage(shrink, h, np.matmul)

    def _rounded(self, steps):
        """To integers in [-128, 127]; a tie may go either way."""
        ties = np.abs(steps - np.floor(steps) - 0.5)
        self.margin = min(self.margin, ties.min())
        return np.clip(np.rint(steps), -128, 127)

    def _first_convolution(self, features):
        stage = self.weights.conv1
        if not self.config.binary:
            return stage.activate(conv2d(features, stage.kernel, 2))
        integers, scale = quantized_kernel(stage.kernel)
        sums = conv2d(quantized_features(features), integers, 2)
        return stage.activate(sums * (scale / FEATURE_STEPS))

    def _stage(self, stage, x, linear):
        kernel = stage.kernel.astype(np.float64)
        if stage.range is not None:
            x = self._rounded(x * (128 / stage.range)) * (stage.range / 128)
            step = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(0) / 127
            return stage.activate(linear(x, np.rint(kernel / step) * step))
        if stage.thresholds is None:
            return stage.activate(linear(x, kernel))
        distances = x - stage.thresholds
        self.margin = min(self.margin, np.abs(distances[distances != 0]).min())
        dots = linear(sign(distances), sign(kernel))
        return stage.activate(alpha(stage.kernel) * dots)
