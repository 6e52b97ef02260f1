"""What a network is, as one value that travels with every checkpoint."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from bifsmn_tf.errors import UserError
from bifsmn_tf.settings import known_fields
from bifsmn_tf.settings import setting

SITES = ("conv2", "projection", "memory", "expand", "shrink")
"""The layers that are one bit in a binary network."""

SCALED_SIGN = "bifsmn_scaled_sign"

FRONT_STRIDE = 2
"""Stride of both convolutions, in time and in frequency."""

FLOAT_WEIGHTS = "bifsmn_float"
"""The kernel quantizer that leaves the weights as they are."""


def tap_offsets(
    look_back: int, look_ahead: int, stride_back: int, stride_ahead: int
) -> tuple[int, ...]:
    """Returns the frame that each tap of Eq. 3 reads, from the present one.

    Args:
        look_back: The number of past taps, N1.
        look_ahead: The number of future taps, N2.
        stride_back: The distance of past taps in frames, s1.
        stride_ahead: The distance of future taps in frames, s2.
    """
    past = range(-look_back * stride_back, 0, stride_back)
    future = range(0, look_ahead * stride_ahead + 1, stride_ahead)
    return (*past, *future)


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The architecture of a D-FSMN or a BiFSMN.

    Beside ``classes``, the number of outputs, every field says in its metadata
    what it is: the flag of its name shows the same text.

    Raises:
        UserError: values that make no network; the message names the fields.
    """

    classes: int
    frames: int = setting(
        32,
        "The number of feature frames in one clip (time).",
    )
    mels: int = setting(32, "The number of features in one frame (frequency).")
    front_channels: int = setting(
        16,
        "The number of output channels of the first convolution. The second "
        "has twice as many by default; both have stride 2 in time and "
        "frequency.",
        research=True,
    )
    front_kernel: int = setting(
        5,
        "The width of both front-end kernels in time and in frequency.",
        research=True,
    )
    memory_size: int = setting(
        128,
        "The number of channels of the memory blocks.",
    )
    streaming: bool = setting(
        False,
        "A network for a stream of sound: each layer reads the present and the "
        "past alone, and keeps of the past what it needs, so that every moment "
        "is computed once. It decides once for each frame of the memory and "
        "reads the newest ones, as many as a clip has.",
    )
    hidden_size: int = setting(
        256,
        "The number of channels between a block's two pointwise layers.",
    )
    blocks: int = setting(8, "The number of blocks at full depth, N of Eq. 11.")
    deltas: tuple[int, ...] = setting(
        (1,),
        "The intervals δ of Eq. 12, such as 1,2,4: ascending powers of two "
        "that divide the number of blocks.",
    )
    look_back: int = setting(
        2,
        "The number of past frames that a memory reads, N1 of Eq. 3.",
        research=True,
    )
    look_ahead: int = setting(
        2,
        "The number of future frames that a memory reads, N2 of Eq. 3.",
        research=True,
    )
    stride_back: int = setting(
        1,
        "The distance of the past frames from each other, s1 of Eq. 3, in "
        "frames of the memory.",
        research=True,
    )
    stride_ahead: int = setting(
        1,
        "The distance of the future frames from each other, s2 of Eq. 3, in "
        "frames of the memory.",
        research=True,
    )
    binary: bool = setting(
        False,
        "One-bit weights and activations in everything but the first "
        "convolution (8 bits) and the classifier; otherwise the "
        "full-precision D-FSMN.",
    )
    activation_quantizer: str = setting(
        "bifsmn_sign",
        "The name of the quantizer of one-bit activations.",
        research=True,
    )
    kernel_quantizer: str = setting(
        SCALED_SIGN,
        "The name of the quantizer of one-bit weights; bifsmn_float leaves "
        "the weights as they are, for the first of two stages of training.",
        research=True,
    )
    input_scale: bool = setting(
        False,
        "Multiply the outputs of a one-bit layer with XNOR-Net's K, the mean "
        "size of its inputs. K depends on the data: there is no conversion.",
        research=True,
    )
    float_pointwise: bool = setting(
        False,
        "Leave the weights of the blocks' pointwise layers in 32 bits, as the "
        "authors' code does by mistake. There is no conversion.",
        research=True,
    )
    distribution_weight: float = setting(
        0.0,
        "The weight of RAD's loss on the distribution of what goes into a "
        "sign.",
        research=True,
    )
    thresholds: bool = setting(
        False,
        "Learn one activation threshold per channel and depth (RSign of "
        "ReActNet) instead of comparing with 0 (Eq. 1).",
        research=True,
    )
    prelu: str = setting(
        "shared",
        "Whether a PReLU has one slope per channel or one that is shared by "
        "all.",
        research=True,
        choices=("channel", "shared"),
    )
    projection_norm: bool = setting(
        False,
        "Put a BatchNorm behind the projection that ends the front end; the "
        "authors' code has none.",
        research=True,
    )
    residual_scale: float = setting(
        1.0,
        "The initial BatchNorm scale in the two stages of a block that add to "
        "the residual stream. 1 lets it grow to several times the width of "
        "the surrogate gradient's window; 0.3 keeps it inside.",
        research=True,
    )
    dropout: float = setting(
        0.0,
        "The dropout rate behind every pointwise layer of a block and in "
        "front of the classifier, in training.",
        research=True,
    )
    front_outputs: int = setting(
        0,
        "The number of output channels of the second convolution; 0 means "
        "twice front_channels.",
        research=True,
    )
    front_skip: bool = setting(
        False,
        "Add a skip around second convolution and projection: a projection of "
        "every second frame of the first convolution's signs.",
        research=True,
    )
    float_sites: tuple[str, ...] = setting(
        (),
        "The layers that keep weights and activations in full precision in all "
        f"blocks, some of {', '.join(SITES)}. There is no conversion.",
        research=True,
    )
    int8_sites: tuple[str, ...] = setting(
        (),
        "The layers that have 8 bits instead of one (mixed precision). conv2 "
        "and projection can be converted.",
        research=True,
    )
    two_bit_sites: tuple[str, ...] = setting(
        (),
        "The layers whose activations have two bits, four levels with learned "
        "thresholds between them; their weights have one.",
        research=True,
    )
    learned_window: bool = setting(
        False,
        "Learn the width of the window in which a gradient passes a sign, one "
        "per layer for its weights and one per depth for its activations "
        "(BiFSMNv2). Outputs do not depend on it.",
        research=True,
    )
    dual_activations: bool = setting(
        False,
        "Give activations two bits in two scales (BiFSMNv2), so that every "
        "binary product is computed twice. There is no conversion.",
        research=True,
    )
    clip_latents: bool = setting(
        True,
        "Keep the latent weights behind one-bit ones in [-1, 1].",
        research=True,
    )

    def __post_init__(self) -> None:
        for name in _SEQUENCES:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check(self)

    def bits(self, site: str) -> int:
        """Of the activations of one of ``SITES``: 1, 2, 8 or 32."""
        if not self.binary or site in self.float_sites:
            return 32
        if site in self.int8_sites:
            return 8
        return 2 if site in self.two_bit_sites else 1

    def weight_bits(self, site: str) -> int:
        """Of the weights of one of ``SITES``: 1, 8 or 32."""
        bits = self.bits(site)
        if bits > 2:
            return bits
        latent = self.float_pointwise and site in ("expand", "shrink")
        return 32 if latent or not self.one_bit_weights else 1

    @property
    def one_bit_weights(self) -> bool:
        """Whether a binary network's weights are one bit, too."""
        return self.binary and self.kernel_quantizer != FLOAT_WEIGHTS

    @property
    def memory_frames(self) -> int:
        """Frames that the memory blocks see: two convolutions of stride 2."""
        return math.ceil(math.ceil(self.frames / 2) / 2)

    @property
    def step_frames(self) -> int:
        """Feature frames from one decision of a stream to the next."""
        return FRONT_STRIDE**2

    @property
    def input_frames(self) -> int:
        """Feature frames that a decision depends on.

        Those of a clip; or of a streaming network the ones as far back as
        classifier, blocks and front end reach, without any padding.
        """
        if not self.streaming:
            return self.frames
        return self._reach(min(self.deltas))

    def _reach(self, delta: int) -> int:
        """Returns how many feature frames a decision of a depth looks back."""
        running = self.blocks // delta
        frames = self.memory_frames
        frames += running * self.look_back * self.stride_back
        for _ in range(2):
            frames = (frames - 1) * FRONT_STRIDE + max(
                self.front_kernel, FRONT_STRIDE
            )
        return frames

    def reach_steps(self, delta: int) -> int:
        """Returns after how many steps of a stream nothing before them counts.

        Sound that the first frame shares with the ones before is in one step
        more than the frames themselves.

        Args:
            delta: The depth.
        """
        return math.ceil(self._reach(delta) / self.step_frames) + 1

    @property
    def second_channels(self) -> int:
        """Outputs of the second convolution."""
        return self.front_outputs or 2 * self.front_channels

    @property
    def offsets(self) -> tuple[int, ...]:
        """The frame that each tap of a memory reads, from the present one."""
        return tap_offsets(
            self.look_back, self.look_ahead, self.stride_back, self.stride_ahead
        )

    @property
    def taps(self) -> int:
        """Taps of one memory filter: look-back, the present, look-ahead."""
        return len(self.offsets)

    def variants(self, block: int) -> tuple[int, ...]:
        """Which δ run through a block, as indices into ``deltas`` (Eq. 13).

        The deltas are powers of two, so these are always the first ones.

        Args:
            block: the block's number, from 1.
        """
        return tuple(
            i for i, delta in enumerate(self.deltas) if block % delta == 0
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        values = dataclasses.asdict(self)
        for name in _SEQUENCES:
            values[name] = list(values[name])
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "NetworkConfig":
        """The inverse of :meth:`to_dict`.

        Raises:
            UserError: A key is no setting, or a value none that it can have.
        """
        return cls(**known_fields(cls, values))


_SEQUENCES = ("deltas", "float_sites", "int8_sites", "two_bit_sites")


_LARGEST = 1 << 16
"""Of every size and reach: of a damaged file, all else would run on and on."""


def _check(config: NetworkConfig) -> None:
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
    ):
        if getattr(config, name) < 1:
            raise UserError(f"{name} must be at least 1")
        if getattr(config, name) > _LARGEST:
            raise UserError(f"{name} must be at most {_LARGEST}")
    if config.front_outputs < 0:
        raise UserError("front_outputs must not be negative")
    if config.look_back < 0 or config.look_ahead < 0:
        raise UserError("look_back and look_ahead must not be negative")
    for side in ("back", "ahead"):
        look = getattr(config, f"look_{side}")
        reach = config.blocks * look * getattr(config, f"stride_{side}")
        if reach > _LARGEST:
            raise UserError(
                f"look_{side}, stride_{side} and blocks reach over {reach} "
                f"frames; {_LARGEST} are the most"
            )
    if config.streaming:
        _check_streaming(config)
    if config.prelu not in ("channel", "shared"):
        raise UserError(
            f"prelu must be 'channel' or 'shared', not {config.prelu!r}"
        )
    if config.learned_window and config.kernel_quantizer not in (
        SCALED_SIGN,
        FLOAT_WEIGHTS,
    ):
        raise UserError(
            f"learned_window needs the kernel quantizer {SCALED_SIGN}, not "
            f"{config.kernel_quantizer}"
        )
    if not 0 <= config.dropout < 1:
        raise UserError("dropout must be in [0, 1)")
    _check_sites(config)
    if not config.distribution_weight >= 0:
        raise UserError("distribution_weight must not be negative")
    for name in (
        "input_scale",
        "float_pointwise",
        "distribution_weight",
        "learned_window",
        "dual_activations",
    ):
        if getattr(config, name) and not config.binary:
            raise UserError(f"{name} is a setting of binary networks")
    if config.input_scale and config.thresholds:
        raise UserError(
            "input_scale is of activations that are compared with 0: set "
            "thresholds to False"
        )
    if not config.deltas or list(config.deltas) != sorted(set(config.deltas)):
        raise UserError(f"deltas must ascend without repeats: {config.deltas}")
    for delta in config.deltas:
        if delta < 1 or delta & (delta - 1) or config.blocks % delta:
            raise UserError(
                f"delta {delta} must be a power of two that divides the "
                f"{config.blocks} blocks (Eq. 12)"
            )


def _check_streaming(config: NetworkConfig) -> None:
    if config.look_ahead:
        raise UserError(
            "a streaming network knows no future: set look_ahead to 0"
        )
    if config.front_kernel < FRONT_STRIDE:
        raise UserError(
            f"the front_kernel of a streaming network is at least its stride, "
            f"{FRONT_STRIDE}"
        )


def _check_sites(config: NetworkConfig) -> None:
    names = "float_sites, int8_sites and two_bit_sites"
    sites = (*config.float_sites, *config.int8_sites, *config.two_bit_sites)
    for site in sites:
        if site not in SITES:
            raise UserError(
                f"{names} have no {site!r}: some of {', '.join(SITES)}"
            )
        if sites.count(site) > 1:
            raise UserError(f"{site} is named twice in {names}")
    if sites and not config.binary:
        raise UserError(
            f"{names} are those of a binary network: this one has full "
            "precision everywhere"
        )
