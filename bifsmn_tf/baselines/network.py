"""A baseline as training and evaluation see a network.

Nothing of the loop is written twice: a baseline is a network with one depth,
δ = 1, whose states are those that a distillation can compare, FSMN's.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.audio.waveforms import WaveformParameters
from bifsmn_tf.baselines.audiomer import audiomer
from bifsmn_tf.baselines.bc_resnet import bc_resnet
from bifsmn_tf.baselines.ds_cnn import ds_cnn
from bifsmn_tf.baselines.fsmn import LAYERS
from bifsmn_tf.baselines.fsmn import WIDTH
from bifsmn_tf.baselines.fsmn import fsmn
from bifsmn_tf.baselines.layers import BINARIZERS
from bifsmn_tf.baselines.layers import seeded
from bifsmn_tf.baselines.vgg19_bn import vgg19_bn
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.quantizers import ErrorDecayEstimator
from bifsmn_tf.training.protocol import register


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A network that one would run instead.

    Attributes:
        make: Makes a Keras model from classes, input shape and binarizer.
        features: What the network reads of a clip.
        blocks: The number of its layers ``state_i``.
        deployed: Whether it is converted to .tflite files, being one of those
            that one would deploy.
    """

    make: Callable[..., tf.keras.Model]
    features: Features = FeatureParameters()
    blocks: int = 0
    deployed: bool = False


_SOUND = WaveformParameters(rate=8192)
"""What Audiomer reads, as its authors have it."""

BASELINES = {
    "ds_cnn": Baseline(ds_cnn, deployed=True),
    "bc_resnet_1": Baseline(functools.partial(bc_resnet, tau=1), deployed=True),
    "bc_resnet_2": Baseline(functools.partial(bc_resnet, tau=2), deployed=True),
    "bc_resnet_8": Baseline(functools.partial(bc_resnet, tau=8)),
    "fsmn": Baseline(fsmn, blocks=LAYERS),
    "vgg19_bn": Baseline(vgg19_bn),
    "audiomer_s": Baseline(functools.partial(audiomer, size="s"), _SOUND),
    "audiomer_l": Baseline(functools.partial(audiomer, size="l"), _SOUND),
}


@dataclasses.dataclass(frozen=True)
class BaselineConfig:
    """Which baseline a run trains, as one value beside its checkpoints.

    Attributes:
        baseline: One of ``BASELINES``.
        classes: The number of classes.
        binarizer: One of ``BINARIZERS``.

    Raises:
        UserError: There is no such baseline or binarizer.
    """

    baseline: str
    classes: int
    binarizer: str = "none"

    def __post_init__(self) -> None:
        for value, name, known in (
            (self.baseline, "baseline", BASELINES),
            (self.binarizer, "binarizer", BINARIZERS),
        ):
            if value not in known:
                raise UserError(
                    f"there is no {name} {value!r}: one of {', '.join(known)}"
                )

    @property
    def deltas(self) -> tuple[int, ...]:
        """The depths: one."""
        return (1,)

    @property
    def binary(self) -> bool:
        """Whether weights and activations are one bit."""
        return BINARIZERS[self.binarizer].binary

    @property
    def dropout(self) -> bool:
        """Whether a step of the training needs a seed."""
        return True

    @property
    def distribution_weight(self) -> float:
        """The weight of RAD's loss, which baselines are trained without."""
        return 0.0

    @property
    def frames(self) -> int:
        """The frames, or samples, of one clip."""
        return BASELINES[self.baseline].features.shape[0]

    @property
    def mels(self) -> int:
        """The values of one frame."""
        return self.input_shape[1]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape that the Keras model reads, without the batch."""
        frames, *bands = BASELINES[self.baseline].features.shape
        return (frames, *(bands or [1]), 1)

    @property
    def blocks(self) -> int:
        """The number of states that a distillation can compare."""
        return BASELINES[self.baseline].blocks

    @property
    def memory_size(self) -> int:
        """The channels of these states."""
        return WIDTH

    def variants(self, block: int) -> tuple[int, ...]:
        """Returns the indices of a block's depths: that of the only one."""
        return (0,)

    def make(self) -> tf.keras.Model:
        """Makes the untrained Keras model."""
        return BASELINES[self.baseline].make(
            self.classes,
            input_shape=self.input_shape,
            binarizer=BINARIZERS[self.binarizer],
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "BaselineConfig":
        """Makes the configuration of which :meth:`to_dict` gave the values."""
        return cls(**values)


@register("baseline", BaselineConfig)
class BaselineNetwork(tf.keras.Model):
    """A baseline as a ``TrainableNetwork``.

    Args:
        config: Which baseline it is.
    """

    def __init__(self, config: BaselineConfig, **kwargs: Any):
        super().__init__(**kwargs)
        self.config = config
        model = config.make()
        outputs = {
            f"state_{i}": model.get_layer(f"state_{i}").output
            for i in range(1, config.blocks + 1)
        }
        self.model = tf.keras.Model(
            model.input, {"logits": model.output, **outputs}
        )
        self.built = True

    def forward(
        self, features: tf.Tensor, dropout_seed: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], dict[int, tf.Tensor]]:
        """Computes the network in training.

        Args:
            features: Normalised features (batch, time, mels), or waveforms
                (batch, samples).
            dropout_seed: int32 (2,), new for each step; None drops nothing.

        Returns:
            A list with the logits, (batch, classes); and the states by their
            number from 1, (batch, time, 1, channels).
        """
        with seeded(self.model, dropout_seed):
            logits, states = self._run(features, training=True)
        return [logits], states

    def infer(
        self, features: tf.Tensor, delta: int = 1
    ) -> tuple[tf.Tensor, dict[int, tf.Tensor]]:
        """Computes the network in inference.

        Args:
            features: As for :meth:`forward`.
            delta: 1, the only depth.

        Returns:
            The logits, (batch, classes); and the states by their number from
            1, (batch, time, channels).

        Raises:
            ValueError: There is no such depth.
        """
        if delta != 1:
            raise ValueError(f"a baseline has no delta {delta}, only 1")
        logits, states = self._run(features, training=False)
        return logits, {i: x[:, :, 0] for i, x in states.items()}

    @property
    def stages(self) -> dict[str, tf.keras.layers.Layer]:
        """The layers of the Keras model by name."""
        return {layer.name: layer for layer in self.model.layers}

    def start_from(self, other: "BaselineNetwork") -> None:
        """Takes over the weights of the same network."""
        self.set_weights(other.get_weights())

    def distribution_loss(self) -> tf.Tensor:
        """Returns 0: a baseline has no such loss."""
        return tf.zeros(())

    def set_progress(self, fraction: float) -> None:
        """Does as :meth:`bifsmn_tf.network.fsmn.FSMN.set_progress`."""
        for module in self.submodules:
            if isinstance(module, ErrorDecayEstimator):
                module.set_progress(fraction)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns logits, (batch, δ, classes) with one δ."""
        logits, _ = self._run(inputs, training)
        return logits[:, tf.newaxis]

    def _run(
        self, features: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, dict[int, tf.Tensor]]:
        shape = self.config.input_shape
        outputs = self.model(
            tf.reshape(features, (-1, *shape)), training=training
        )
        return outputs["logits"], {
            i: outputs[f"state_{i}"] for i in range(1, self.config.blocks + 1)
        }
