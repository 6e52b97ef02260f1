"""What a network is, as one value that travels with every checkpoint."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

SITES = ("conv2", "projection", "memory", "expand", "shrink")
"""The layers that are one bit in a binary network."""

SCALED_SIGN = "bifsmn_scaled_sign"

FLOAT_WEIGHTS = "bifsmn_float"
"""The kernel quantizer that leaves the weights as they are."""


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The architecture of a D-FSMN or a BiFSMN.

    Attributes:
        classes: outputs of the classifier.
        frames: feature frames of one clip (time).
        mels: features of one frame (frequency).
        front_channels: outputs of the first convolution; the second one has
            twice as many by default. Both have stride 2 in time and frequency.
        front_kernel: width of both front-end kernels in time and frequency.
        memory_size: channels of the memory blocks.
        hidden_size: channels between a block's two pointwise layers.
        blocks: N of Eq. 11.
        deltas: the intervals δ of Eq. 12, ascending powers of two that divide
            ``blocks``.
        look_back: N1 of Eq. 3.
        look_ahead: N2 of Eq. 3.
        stride_back: s1 of Eq. 3, in frames of the memory.
        stride_ahead: s2 of Eq. 3, in frames of the memory.
        binary: one-bit weights and activations in everything but the first
            convolution (8 bit) and the classifier (float); ``False`` is the
            full-precision D-FSMN.
        activation_quantizer: name of the quantizer of binary activations.
        kernel_quantizer: name of the quantizer of binary weights;
            ``FLOAT_WEIGHTS`` is one-bit activations alone, the first of two
            stages of training.
        input_scale: multiply what a binary layer gives with XNOR-Net's K, the
            mean size of its inputs, which depends on the data.
        float_pointwise: weights of the blocks' pointwise layers are the latent
            ones, 32 bits: what the authors' code does by mistake, to compare.
        distribution_weight: of RAD's loss on what goes into each sign.
        thresholds: learn one activation threshold per channel and variant
            (RSign of ReActNet); ``False`` compares with 0 (Eq. 1).
        prelu: ``"channel"`` for a slope per channel, ``"shared"`` for one per
            layer.
        projection_norm: BatchNorm after the projection that ends the front
            end; the authors' code has none.
        residual_scale: BatchNorm's initial scale in the two stages of a block
            that add to the stream. 1 lets the stream grow to several times
            the width of the surrogate gradient's window; 0.3 keeps it inside.
        dropout: rate behind every pointwise layer of a block and before the
            classifier, in training.
        memory_stages: how often a block's memory is applied, one after the
            other, each time with a kernel, thresholds, norm and slopes of its
            own: another look at the stream, at other thresholds.
        front_branches: how many second convolutions read the first one, each
            with a projection of its own; the sum of these starts the stream.
        front_bases: 1, where all branches read the same signs of the first
            convolution; or ``front_branches``, where each one compares it with
            thresholds of its own.
        front_outputs: of each second convolution; 0 for twice
            ``front_channels``.
        front_skip: a skip around second convolution and projection: one more
            projection, of every second frame of the first convolution's signs,
            is added to the stream's start.
        float_sites: which of ``SITES`` keep weights and activations in full
            precision, in all blocks: to find out where one bit loses most.
            There is no conversion.
        int8_sites: which have 8 bits instead: a mixed-precision network. There
            is a conversion for conv2, with or without projection.
        learned_window: learn how wide the window is in which a gradient passes
            a sign, one width per layer for its weights and one per variant for
            its activations (the Learning Propagation Binarizer of BiFSMNv2).
            Outputs do not depend on it.
        dual_activations: activations of two bits in two scales (BiFSMNv2): a
            second sign of what the first one leaves. Every binary product is
            then computed twice. There is no conversion.
        clip_latents: keep the latent weights behind one-bit ones in [-1, 1].
    """

    classes: int
    frames: int = 32
    mels: int = 32
    front_channels: int = 16
    front_kernel: int = 5
    memory_size: int = 128
    hidden_size: int = 256
    blocks: int = 8
    deltas: tuple[int, ...] = (1,)
    look_back: int = 2
    look_ahead: int = 2
    stride_back: int = 1
    stride_ahead: int = 1
    binary: bool = False
    activation_quantizer: str = "bifsmn_sign"
    kernel_quantizer: str = SCALED_SIGN
    input_scale: bool = False
    float_pointwise: bool = False
    distribution_weight: float = 0.0
    thresholds: bool = False
    prelu: str = "shared"
    projection_norm: bool = False
    residual_scale: float = 1.0
    dropout: float = 0.0
    memory_stages: int = 1
    front_branches: int = 1
    front_bases: int = 1
    front_outputs: int = 0
    front_skip: bool = False
    float_sites: tuple[str, ...] = ()
    int8_sites: tuple[str, ...] = ()
    learned_window: bool = False
    dual_activations: bool = False
    clip_latents: bool = True

    def __post_init__(self):
        for name in _SEQUENCES:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in (
            "classes",
            "frames",
            "mels",
            "front_channels",
            "front_kernel",
            "memory_size",
            "hidden_size",
            "blocks",
            "stride_back",
            "stride_ahead",
            "memory_stages",
            "front_branches",
            "front_bases",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.front_outputs < 0:
            raise ValueError("front_outputs must not be negative")
        if self.look_back < 0 or self.look_ahead < 0:
            raise ValueError("look_back and look_ahead must not be negative")
        if self.prelu not in ("channel", "shared"):
            raise ValueError(
                f"prelu must be 'channel' or 'shared', not {self.prelu!r}"
            )
        if self.learned_window and self.kernel_quantizer not in (
            SCALED_SIGN,
            FLOAT_WEIGHTS,
        ):
            raise ValueError(
                f"learned_window needs the kernel quantizer {SCALED_SIGN}, not "
                f"{self.kernel_quantizer}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError("dropout must be in [0, 1)")
        if self.front_bases not in (1, self.front_branches):
            raise ValueError(
                f"front_bases must be 1 or front_branches, "
                f"{self.front_branches}, not {self.front_bases}"
            )
        self._check_sites()
        if self.front_bases > 1 and not (
            self.bits("conv2") == 1 and self.thresholds
        ):
            raise ValueError(
                "front_bases differ by their learned thresholds: a one-bit "
                "conv2 with thresholds is needed for more than one"
            )
        if not self.distribution_weight >= 0:
            raise ValueError("distribution_weight must not be negative")
        for name in (
            "input_scale",
            "float_pointwise",
            "distribution_weight",
            "learned_window",
            "dual_activations",
        ):
            if getattr(self, name) and not self.binary:
                raise ValueError(f"{name} is a setting of binary networks")
        if self.input_scale and self.thresholds:
            raise ValueError(
                "input_scale is of activations that are compared with 0: set "
                "thresholds to False"
            )
        if not self.deltas or list(self.deltas) != sorted(set(self.deltas)):
            raise ValueError(
                f"deltas must ascend without repeats: {self.deltas}"
            )
        for delta in self.deltas:
            if delta < 1 or delta & (delta - 1) or self.blocks % delta:
                raise ValueError(
                    f"delta {delta} must be a power of two that divides the "
                    f"{self.blocks} blocks (Eq. 12)"
                )

    def _check_sites(self):
        sites = (*self.float_sites, *self.int8_sites)
        for site in sites:
            if site not in SITES:
                raise ValueError(
                    f"float_sites and int8_sites have no {site!r}: some of "
                    f"{', '.join(SITES)}"
                )
            if sites.count(site) > 1:
                raise ValueError(
                    f"{site} is named twice in float_sites and int8_sites"
                )
        if sites and not self.binary:
            raise ValueError(
                "float_sites and int8_sites are those of a binary network: "
                "this one has full precision everywhere"
            )

    def bits(self, site: str) -> int:
        """Of the weights and activations of one of ``SITES``: 1, 8 or 32."""
        if not self.binary or site in self.float_sites:
            return 32
        return 8 if site in self.int8_sites else 1

    def weight_bits(self, site: str) -> int:
        """Of the weights alone: 1, 8 or 32."""
        latent = self.float_pointwise and site in ("expand", "shrink")
        bits = self.bits(site)
        if bits == 1 and (latent or not self.one_bit_weights):
            return 32
        return bits

    @property
    def one_bit_weights(self) -> bool:
        """Whether a binary network's weights are one bit, too."""
        return self.binary and self.kernel_quantizer != FLOAT_WEIGHTS

    @property
    def memory_frames(self) -> int:
        """Frames that the memory blocks see: two convolutions of stride 2."""
        return math.ceil(math.ceil(self.frames / 2) / 2)

    @property
    def front_bands(self) -> int:
        """Frequency bands that the projection sees."""
        return math.ceil(math.ceil(self.mels / 2) / 2)

    @property
    def half_bands(self) -> int:
        """Frequency bands that the second convolution sees."""
        return math.ceil(self.mels / 2)

    @property
    def second_channels(self) -> int:
        """Outputs of the second convolution."""
        return self.front_outputs or 2 * self.front_channels

    @property
    def taps(self) -> int:
        """Taps of one memory filter: look-back, the present, look-ahead."""
        return self.look_back + 1 + self.look_ahead

    @property
    def options(self) -> list[str]:
        """Names of the options that are on: what the paper has none of."""
        return [
            field.name
            for field in dataclasses.fields(self)
            if field.name in _OPTIONS
            and getattr(self, field.name) != field.default
        ]

    def variants(self, block: int) -> tuple[int, ...]:
        """Which δ run through a block, as indices into ``deltas`` (Eq. 13).

        The deltas are powers of two, so these are always the first ones.

        Args:
            block: the block's number, from 1.
        """
        return tuple(
            i for i, delta in enumerate(self.deltas) if block % delta == 0
        )

    def to_dict(self) -> dict:
        """As plain values for JSON.

        Options that are off are left out: runs and files from before there
        were any stay what they are.
        """
        values = dataclasses.asdict(self)
        for name in _SEQUENCES:
            values[name] = list(values[name])
        for name in _OPTIONS:
            if name not in self.options:
                del values[name]
        return values

    @classmethod
    def from_dict(cls, values: dict) -> "NetworkConfig":
        """The inverse of :meth:`to_dict`; unknown keys are refused."""
        unknown = set(values) - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(
                f"unknown network settings: {', '.join(sorted(unknown))}"
            )
        return cls(**values)


_SEQUENCES = ("deltas", "float_sites", "int8_sites")

_OPTIONS = (
    "memory_stages",
    "front_branches",
    "front_bases",
    "front_outputs",
    "front_skip",
    "float_sites",
    "int8_sites",
    "input_scale",
    "float_pointwise",
    "distribution_weight",
    "learned_window",
    "dual_activations",
    "clip_latents",
)


def dfsmn(classes: int, **changes) -> NetworkConfig:
    """The full-precision D-FSMN of the paper: the teacher."""
    return NetworkConfig(classes=classes, **{"dropout": 0.2, **changes})


def bifsmn(classes: int, **changes) -> NetworkConfig:
    """BiFSMN, N = 8, δ = 1, 2, 4, with what training 1-bit weights needs.

    ``thresholds=False, prelu="shared", projection_norm=False,
    activation_quantizer="bifsmn_sign"`` is the paper's plain form.
    """
    defaults = {
        "binary": True,
        "deltas": (1, 2, 4),
        "activation_quantizer": "bifsmn_approx_sign",
        "thresholds": True,
        "prelu": "channel",
        "projection_norm": True,
        "residual_scale": 0.3,
    }
    return NetworkConfig(classes=classes, **{**defaults, **changes})


_BNN = {
    "activation_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "thresholds": False,
}

BINARIZERS: Mapping[str, Mapping[str, Any]] = {
    "bnn": _BNN,
    "dorefa": {
        "activation_quantizer": "bifsmn_dorefa_activation",
        "kernel_quantizer": "bifsmn_dorefa_kernel",
        "thresholds": False,
    },
    # The weight is that of its authors' command.
    "rad": {**_BNN, "distribution_weight": 2.0},
    "xnor": {
        "activation_quantizer": "ste_sign",
        "kernel_quantizer": "bifsmn_xnor_kernel",
        "input_scale": True,
        "thresholds": False,
    },
    "bireal": {
        "activation_quantizer": "bifsmn_approx_sign",
        "kernel_quantizer": "bifsmn_scaled_sign",
        "thresholds": False,
    },
    "irnet": {
        "activation_quantizer": "bifsmn_ede_sign",
        "kernel_quantizer": "bifsmn_libra",
        "thresholds": False,
    },
    "w32a1": {
        "activation_quantizer": "bifsmn_sign",
        "kernel_quantizer": "bifsmn_scaled_sign",
        "float_pointwise": True,
        "thresholds": False,
    },
}
"""Settings that compare a binarizer with BiFSMN (Table 2), by its name.

What each one is: :mod:`bifsmn_tf.network.quantizers`. None of them learns
thresholds.
"""

UNSCALED_KERNELS = frozenset(
    {
        "bifsmn_sign",
        "bifsmn_approx_sign",
        "bifsmn_ede_sign",
        "bifsmn_latent",
        "ste_sign",
        "approx_sign",
        "swish_sign",
    }
)
"""Quantizers that give weights no scale beside their signs."""

_SMALL = {"memory_size": 32, "hidden_size": 64, "front_kernel": 3}


def dfsmn_s(classes: int, **changes) -> NetworkConfig:
    """Full precision in the sizes of BiFSMN_S."""
    return dfsmn(classes, **{**_SMALL, **changes})


def bifsmn_s(classes: int, **changes) -> NetworkConfig:
    """BiFSMN_S: memory 32, hidden 64, front-end kernels of 3."""
    return bifsmn(classes, **{**_SMALL, **changes})


def bifsmn_wide(classes: int, **changes) -> NetworkConfig:
    """BiFSMN that loses less in front: all of it one bit, as the rest.

    48 instead of 32 channels behind the second convolution, and a projection
    of the first one beside it.
    """
    return bifsmn(
        classes, **{"front_outputs": 48, "front_skip": True, **changes}
    )


def bifsmn_mixed(classes: int, **changes) -> NetworkConfig:
    """Mixed precision: the same with 8 bits where one bit costs most."""
    return bifsmn_wide(
        classes, **{"int8_sites": ("conv2", "projection"), **changes}
    )


ARCHITECTURES = {
    "dfsmn": dfsmn,
    "dfsmn_s": dfsmn_s,
    "bifsmn": bifsmn,
    "bifsmn_s": bifsmn_s,
    "bifsmn_wide": bifsmn_wide,
    "bifsmn_mixed": bifsmn_mixed,
}
