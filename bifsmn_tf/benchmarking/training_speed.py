"""How fast the distillation step trains, beside two plainer ways to write it.

One update of a BiFSMN with a teacher and HED at all its depths, in clips/s::

    python -m bifsmn_tf.benchmarking.training_speed --batch_size=96

Three ways take turns in one run, on the same weights and batches:

``project``
    :class:`~bifsmn_tf.distillation.trainer.Trainer`: the front end once, each
    block once for all the depths that run through it, and what lies between
    two linear layers, and Adam, as operations of our own
    (:mod:`~bifsmn_tf.network.fused`).
``plain``
    Stock Larq and Keras layers, one pass over the whole network for each δ,
    and the losses as their equations are written.
``separate``
    The project's layers and losses, one pass over the whole network for each
    δ.

They compute the same loss, which is checked before anything is timed.
"""

import dataclasses
import itertools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf._keras import lq
from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.distillation import haar
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.trainer import LossConfig
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.network import layers
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.training.schedule import Adam

LEARNING_RATE = 2e-3

_TEACHERS = {"bifsmn": "dfsmn", "bifsmn_s": "dfsmn_s"}


class _Threshold(tf.keras.layers.Layer):
    """Subtracts a learned threshold per channel (RSign)."""

    def build(self, input_shape):
        self.threshold = self.add_weight(
            "threshold", (input_shape[-1],), initializer="zeros"
        )
        super().build(input_shape)

    def call(self, inputs):
        return inputs - self.threshold


class _DepthwiseScale(tf.keras.layers.Layer):
    """A kernel quantizer's scale per channel of a depthwise kernel."""

    def __init__(self, quantizer: str, **kwargs):
        super().__init__(**kwargs)
        self.quantizer = lq.quantizers.get(quantizer)

    def call(self, kernel):
        taps, _, channels, _ = kernel.shape
        quantized = self.quantizer(tf.reshape(kernel, (taps, channels)))
        return tf.reshape(quantized, kernel.shape)


class PlainStage(tf.keras.layers.Layer):
    """A Larq layer, and its surroundings once for each variant.

    Args:
        linear: the layer.
        config: the network's settings.
        variants: how many depths run through the stage.
        binarize: a threshold in front of the layer's input quantizer.
        norm: with BatchNorm.
        joins_bands: the layer reads all frequency bands of a frame at once.
    """

    def __init__(
        self,
        linear,
        config: NetworkConfig,
        variants: int = 1,
        binarize: bool = True,
        norm: bool = True,
        joins_bands: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.linear = linear
        self.joins_bands = joins_bands
        binarize = binarize and config.binary and config.thresholds
        self.thresholds = [
            _Threshold() for _ in range(variants if binarize else 0)
        ]
        self.norms = [
            tf.keras.layers.BatchNormalization(
                momentum=0.9, epsilon=layers.EPSILON
            )
            for _ in range(variants if norm else 0)
        ]
        axes = [1, 2] if config.prelu == "channel" else [1, 2, 3]
        self.prelus = [
            tf.keras.layers.PReLU(
                alpha_initializer=tf.keras.initializers.Constant(0.25),
                alpha_constraint=(
                    layers.SlopeBounds() if config.binary else None
                ),
                shared_axes=axes,
            )
            for _ in range(variants)
        ]

    def call(self, inputs, variant=0, training=False):
        """(batch, time, bands or 1, in) to (batch, ..., out)."""
        x = inputs
        if self.thresholds:
            x = self.thresholds[variant](x)
        if self.joins_bands:
            _, time_, bands, channels = x.shape
            x = tf.reshape(x, (-1, time_, 1, bands * channels))
        x = self.linear(x)
        if self.norms:
            x = self.norms[variant](x, training=training)
        return self.prelus[variant](x)

    def copy_from(self, stage) -> None:
        """Takes over the weights of the project's stage."""
        kernel = self.linear.weights[0]
        kernel.assign(tf.reshape(stage.linear.kernel, kernel.shape))
        if self.linear.use_bias:
            self.linear.bias.assign(stage.linear.bias)
        for i, threshold in enumerate(self.thresholds):
            threshold.threshold.assign(stage.sign.thresholds[i])
        for i, norm in enumerate(self.norms):
            norm.gamma.assign(stage.norm.gamma[i])
            norm.beta.assign(stage.norm.beta[i])
            norm.moving_mean.assign(stage.norm.moving_mean[i])
            norm.moving_variance.assign(stage.norm.moving_variance[i])
        for i, prelu in enumerate(self.prelus):
            prelu.alpha.assign(
                tf.reshape(stage.prelu.slope[i], prelu.alpha.shape)
            )


class PlainFSMN(tf.keras.Model):
    """D-FSMN or BiFSMN in stock Larq and Keras layers, one δ a pass.

    Args:
        config: the network's settings; the memory's strides have to be 1 and
            its look-back and look-ahead equal, and dropout is left out.
    """

    def __init__(self, config: NetworkConfig, **kwargs):
        super().__init__(**kwargs)
        if (
            config.stride_back != 1
            or config.stride_ahead != 1
            or config.look_back != config.look_ahead
        ):
            raise ValueError("a plain depthwise layer has no other memory")
        if _options(config):
            raise ValueError(
                f"the plain network has no {', '.join(_options(config))}"
            )
        self.config = config
        binary = config.binary
        inputs = config.activation_quantizer if binary else None
        weights = config.kernel_quantizer if binary else None
        common = {"padding": "same", "use_bias": not binary}
        front = {"strides": 2, "kernel_size": config.front_kernel, **common}
        quantized = {
            "input_quantizer": inputs,
            "kernel_quantizer": weights,
            "kernel_constraint": "weight_clip" if binary else None,
        }
        c = config.front_channels
        self.conv1 = PlainStage(
            lq.layers.QuantConv2D(
                c,
                kernel_quantizer="bifsmn_int8" if binary else None,
                **front,
            ),
            config,
            binarize=False,
        )
        self.conv2 = PlainStage(
            lq.layers.QuantConv2D(2 * c, **front, **quantized),
            config,
        )
        self.projection = PlainStage(
            lq.layers.QuantConv2D(config.memory_size, 1, **common, **quantized),
            config,
            norm=config.projection_norm,
            joins_bands=True,
        )
        self.blocks = []
        for number in range(1, config.blocks + 1):
            variants = len(config.variants(number))
            memory = lq.layers.QuantDepthwiseConv2D(
                (config.taps, 1),
                input_quantizer=inputs,
                depthwise_quantizer=_DepthwiseScale(weights)
                if weights
                else None,
                depthwise_constraint="weight_clip" if binary else None,
                **common,
            )
            expand, shrink = (
                lq.layers.QuantConv2D(size, 1, **common, **quantized)
                for size in (config.hidden_size, config.memory_size)
            )
            self.blocks.append(
                [
                    PlainStage(memory, config, variants),
                    PlainStage(expand, config, variants),
                    PlainStage(shrink, config, variants),
                ]
            )
        self.classifier = tf.keras.layers.Dense(config.classes)
        for delta in config.deltas:
            self(tf.zeros((1, config.frames, config.mels)), delta)

    def call(self, features, delta=1, training=False):
        """Logits (batch, classes), and each running block's output."""
        config = self.config
        variant = config.deltas.index(delta)
        x = features[..., tf.newaxis]
        if config.binary:
            x = layers.FirstConv2D.integer_features(x) / layers.FEATURE_SCALE
        x = self.conv1(x, training=training)
        x = self.conv2(x, training=training)
        x = self.projection(x, training=training)
        states = {}
        for number, block in enumerate(self.blocks, 1):
            if number % delta:
                continue
            memory, expand, shrink = block
            y = x + memory(x, variant, training=training)
            h = expand(y, variant, training=training)
            x = y + shrink(h, variant, training=training)
            states[number] = x[:, :, 0]
        return self.classifier(tf.keras.layers.Flatten()(x)), states

    def copy_from(self, network: FSMN) -> None:
        """Takes over the weights of the project's network."""
        for name in ("conv1", "conv2", "projection"):
            getattr(self, name).copy_from(network.stages[name])
        for block in network.blocks:
            mine = self.blocks[block.number - 1]
            for stage, source in zip(mine, block.stages.values(), strict=True):
                stage.copy_from(source)
        self.classifier.kernel.assign(network.classifier.kernel)
        self.classifier.bias.assign(network.classifier.bias)


def depths_apart(network: FSMN) -> dict[int, FSMN]:
    """One network a δ, which share everything but the blocks' variants.

    Args:
        network: a network of several depths.

    Returns:
        Networks of one depth by δ. Kernels, front end and classifier are
        those of ``network``; norms, slopes and thresholds are copies.
    """
    apart = {}
    for index, delta in enumerate(network.config.deltas):
        config = dataclasses.replace(network.config, deltas=(delta,))
        single = FSMN(config)
        single.front = list(network.front)
        single.classifier = network.classifier
        for name, stage in single.stages.items():
            shared = network.stages[name]
            stage.linear = shared.linear
            if not stage.node.block:
                continue
            for part in ("sign", "norm", "prelu"):
                copies = getattr(stage, part)
                if copies:
                    for mine, theirs in zip(
                        copies.weights,
                        getattr(shared, part).weights,
                        strict=True,
                    ):
                        mine.assign(theirs[index : index + 1])
        apart[delta] = single
    return apart


def _literal_map(states: tf.Tensor) -> tf.Tensor:
    """The teacher's half of Eq. 10, by Eq. 8 and 9 as they are written."""
    rows, columns = states.shape[-2:]
    approximation, details = haar.dwt2(states)
    high = haar.idwt2(tf.zeros_like(approximation), details)
    high = high[:, :rows, :columns]
    emphasised = high / _deviation(high) + states / _deviation(states)
    return _normalised_squares(emphasised)


def _deviation(states):
    return tf.math.reduce_std(states, axis=(1, 2), keepdims=True)


def _normalised_squares(states):
    squares = tf.square(states)
    return squares / tf.norm(squares, axis=(1, 2), keepdims=True)


def _literal_distance(states: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """A term of Eq. 14 as it is written: (batch,)."""
    return tf.norm(_normalised_squares(states) - target, axis=(1, 2))


def _project_map(states: tf.Tensor) -> tf.Tensor:
    return losses.attention(losses.emphasise(states))


def _project_distance(states: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return losses.attention_distance(states[:, :, tf.newaxis], target)[:, 0]


def _total_loss(
    logits: dict[int, tf.Tensor],
    states: dict[int, dict[int, tf.Tensor]],
    maps: dict[int, tf.Tensor],
    distance: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    labels: tf.Tensor,
    gamma: float,
) -> tf.Tensor:
    """Eq. 15 as it is written: a sum over δ of a sum over blocks.

    Args:
        logits: by δ, (batch, classes).
        states: by δ and block number, (batch, time, channels).
        maps: the teacher's, by block number.
        distance: between a state and a map: (batch,).
        labels: (batch,).
        gamma: γ.

    Returns:
        The mean over the batch.
    """
    total = 0.0
    for delta, weight in zip(
        logits, losses.delta_weights(list(logits)), strict=True
    ):
        cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, logits[delta]
        )
        apart = tf.add_n(
            [distance(state, maps[n]) for n, state in states[delta].items()]
        )
        total += weight * tf.reduce_mean(cross_entropy + gamma * apart)
    return total


Step = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def _update(loss_of, variables: list[tf.Variable]) -> Step:
    """One gradient update of variables with Adam, as one graph."""
    optimizer = tf.keras.optimizers.legacy.Adam(LEARNING_RATE)

    @tf.function
    def step(features, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(features, labels)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return step


def project_step(student: FSMN, teacher: FSMN, gamma: float) -> Step:
    """The project's training step; gives the loss before the update."""
    trainer = Trainer(student, teacher, LossConfig(gamma=gamma))
    trainer.compile(Adam(LEARNING_RATE))

    @tf.function
    def step(features, labels):
        trainer.reset_metrics()
        return trainer.train_step((features, labels))["loss"]

    return step


def plain_step(student: FSMN, teacher: FSMN, gamma: float) -> Step:
    """The same with stock layers and a pass for each δ."""
    plain = PlainFSMN(student.config)
    plain.copy_from(student)
    plain_teacher = PlainFSMN(teacher.config)
    plain_teacher.copy_from(teacher)

    def loss_of(features, labels):
        _, teacher_states = plain_teacher(features, 1)
        maps = {n: _literal_map(s) for n, s in teacher_states.items()}
        logits, states = {}, {}
        for delta in student.config.deltas:
            logits[delta], states[delta] = plain(features, delta, training=True)
        return _total_loss(
            logits, states, maps, _literal_distance, labels, gamma
        )

    return _update(loss_of, plain.trainable_variables)


def separate_step(student: FSMN, teacher: FSMN, gamma: float) -> Step:
    """The same with the project's layers and a pass for each δ."""
    apart = depths_apart(student)
    variables = {
        id(variable): variable
        for single in apart.values()
        for variable in single.trainable_variables
    }

    def loss_of(features, labels):
        _, teacher_states = teacher.infer(features, 1)
        maps = {n: _project_map(s) for n, s in teacher_states.items()}
        logits, states = {}, {}
        for delta, single in apart.items():
            (logits[delta],), found = single.forward(features)
            states[delta] = {n: s[:, :, 0] for n, s in found.items()}
        return _total_loss(
            logits, states, maps, _project_distance, labels, gamma
        )

    return _update(loss_of, list(variables.values()))


WAYS = {
    "project": project_step,
    "plain": plain_step,
    "separate": separate_step,
}


def networks(
    architecture: str, classes: int, seed: int = 0
) -> tuple[FSMN, FSMN]:
    """An untrained student and teacher to measure with."""
    if architecture not in _TEACHERS:
        raise ValueError(
            f"no distillation to {architecture!r}: one of {list(_TEACHERS)}"
        )
    set_random_seed(seed)
    student = FSMN(ARCHITECTURES[architecture](classes))
    teacher = FSMN(ARCHITECTURES[_TEACHERS[architecture]](classes))
    teacher.trainable = False
    return student, teacher


def measure(
    architecture: str = "bifsmn",
    batch_size: int = 96,
    steps: int = 20,
    rounds: int = 5,
    classes: int = 12,
    gamma: float = 0.01,
) -> dict:
    """Times the three ways in turns.

    Args:
        architecture: of the student.
        batch_size: clips in a step.
        steps: that a way makes in its turn.
        rounds: turns of each way.
        classes: of the classifier.
        gamma: γ of Eq. 15.

    Returns:
        Plain values: the settings, ``clips_per_second`` of the median turn by
        way, and ``ratios`` of the project's way to the others.
    """
    config = ARCHITECTURES[architecture](classes)
    generator = np.random.default_rng(0)
    shape = (batch_size, config.frames, config.mels)
    batches = [
        (
            tf.constant(generator.normal(size=shape), tf.float32),
            tf.constant(generator.integers(0, classes, batch_size), tf.int32),
        )
        for _ in range(4)
    ]
    made = {
        way: make(*networks(architecture, classes), gamma)
        for way, make in WAYS.items()
    }
    first = {way: float(step(*batches[0])) for way, step in made.items()}
    if not np.allclose(list(first.values()), first["plain"], rtol=1e-3):
        raise RuntimeError(f"the ways do not compute the same loss: {first}")
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, step in made.items():
            start = time.perf_counter()
            for batch in itertools.islice(itertools.cycle(batches), steps):
                loss = step(*batch)
            loss.numpy()
            seconds[way].append(time.perf_counter() - start)
    speed = {
        way: batch_size * steps / statistics.median(turns)
        for way, turns in seconds.items()
    }
    return {
        "architecture": architecture,
        "batch_size": batch_size,
        "steps": steps,
        "rounds": rounds,
        "clips_per_second": {w: round(s, 1) for w, s in speed.items()},
        "ratios": {
            f"project / {way}": round(speed["project"] / speed[way], 3)
            for way in ("plain", "separate")
        },
    }


def table(results: dict) -> str:
    """The results of :func:`measure` as text."""
    speeds, ratios = results["clips_per_second"], results["ratios"]
    lines = [
        f"{results['architecture']}, batch {results['batch_size']}, "
        f"{results['rounds']} rounds of {results['steps']} steps",
        *(f"{way:9} {speed:8.1f} clips/s" for way, speed in speeds.items()),
        *(f"{name}: {ratio:.2f}" for name, ratio in ratios.items()),
    ]
    return "\n".join(lines)


def _define_flags() -> None:
    flags.DEFINE_enum(
        "architecture", "bifsmn", list(_TEACHERS), "The student's."
    )
    flags.DEFINE_integer("batch_size", 96, "Clips in a step.", lower_bound=1)
    flags.DEFINE_integer(
        "steps", 20, "Steps that a way makes in its turn.", lower_bound=1
    )
    flags.DEFINE_integer("rounds", 5, "Turns of each way.", lower_bound=1)
    flags.DEFINE_integer(
        "threads", 0, "Of TensorFlow; 0 for one a processor.", lower_bound=0
    )
    flags.DEFINE_string("json", None, "Write the results here, too.")


def main() -> None:
    """Measures what the flags say."""
    settings = flags.FLAGS
    if settings.threads:
        threading = tf.config.threading
        threading.set_intra_op_parallelism_threads(settings.threads)
        threading.set_inter_op_parallelism_threads(settings.threads)
    results = measure(
        settings.architecture,
        settings.batch_size,
        settings.steps,
        settings.rounds,
    )
    print(table(results))
    if settings.json:
        Path(settings.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    _define_flags()
    cli.run(main)


def _options(config: NetworkConfig) -> list[str]:
    """Names of the options that are on and that the plain network lacks."""
    return [
        name
        for name in (
            "front_outputs",
            "front_skip",
            "float_sites",
            "int8_sites",
            "input_scale",
            "float_pointwise",
            "distribution_weight",
            "learned_window",
            "dual_activations",
        )
        if getattr(config, name)
    ]
