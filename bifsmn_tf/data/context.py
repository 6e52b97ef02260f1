"""The sound that a clip stands in, for networks that listen to a stream.

A keyword in a stream comes after other sound, not after nothing: speech, the
tail of another word, noise, a room, or digital silence where a stream begins.
:class:`Context` puts a clip into such a *stretch* of sound, near its end, where
a decision is due::

    |  other clips, noise or zeros  |     the clip     | up to one step |

The stretch is as long as what a decision depends on.
"""

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.audio.samples import digest
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data.augmentation import noise_piece
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.errors import UserError
from bifsmn_tf.network.config import NetworkConfig

_CONTEXT = zlib.crc32(b"context")

_POOL = 2000
"""Clips that context is made of: enough, and little to hand to a process."""


@dataclasses.dataclass(frozen=True)
class Context:
    """Makes stretches of sound around clips.

    Attributes:
        pool: Clips that stand around others, int16 (n, samples).
        frames: Feature frames of a stretch, ``NetworkConfig.input_frames``.
        step_frames: Feature frames from one decision to the next.
        speech: The share of stretches in which a clip follows other clips.
        noise: The share of those in which it follows background noise; before
            the rest there is digital silence.
        gain: The least and the greatest level of what is around a clip, as a
            factor.
        around: Speech that goes on, int16 (samples,): half of the clips that
            follow speech follow a piece of this. Else who speaks before a
            clip, a person or a synthesizer, would tell what the clip is.

    Raises:
        UserError: A share is impossible, or there are no clips.
    """

    pool: Int16Array
    frames: int
    step_frames: int
    speech: float = 0.7
    noise: float = 0.15
    gain: tuple[float, float] = (0.3, 1.0)
    around: Int16Array | None = None

    def __post_init__(self) -> None:
        if min(self.speech, self.noise) < 0 or self.speech + self.noise > 1:
            raise UserError(
                "the shares of speech and noise in front of clips have to be "
                f"in [0, 1], not {self.speech:g} and {self.noise:g}"
            )
        if not len(self.pool):
            raise UserError("there are no clips to put around others")

    @classmethod
    def of(cls, clips: Clips, frames: int, step_frames: int) -> "Context":
        """Returns a context that consists of clips of a split.

        Args:
            clips: The split; some of it, the same every time.
            frames: See the class.
            step_frames: See the class.
        """
        rng = np.random.default_rng(_CONTEXT)
        chosen = rng.permutation(len(clips))[:_POOL]
        return cls(clips.waveforms[np.sort(chosen)], frames, step_frames)

    def samples(self, features: FeatureParameters) -> int:
        """Returns the samples of a stretch."""
        return (self.frames - 1) * features.hop + features.frame_length

    def shape(self, features: FeatureParameters) -> tuple[int, int]:
        """Returns the shape of a stretch's features, (frames, mels)."""
        return self.frames, features.n_mels

    def to_dict(self) -> dict[str, Any]:
        """Returns what tells this context from others, for JSON."""
        return {
            "pool": digest(self.pool),
            "frames": self.frames,
            "step_frames": self.step_frames,
            "speech": self.speech,
            "noise": self.noise,
            "gain": list(self.gain),
            **({} if self.around is None else {"around": digest(self.around)}),
        }

    def place(
        self, clip: FloatArray, features: FeatureParameters, seed: int, i: int
    ) -> FloatArray:
        """Puts a clip as it is behind other clips, to evaluate.

        Args:
            clip: float32 (samples,).
            features: What the network reads of the stretch.
            seed: Of what is drawn.
            i: The number of the clip: the same has the same stretch.

        Returns:
            float32 (samples of a stretch,).
        """
        rng = np.random.default_rng([seed, i, _CONTEXT])
        start = self._start(clip, features, rng)
        around = self._speech(self.samples(features), start, rng)
        around[start : start + len(clip)] = clip
        return around

    def start(
        self, clip: FloatArray, features: FeatureParameters, seed: int, i: int
    ) -> int:
        """Returns where :meth:`place` puts the first sample of a clip."""
        rng = np.random.default_rng([seed, i, _CONTEXT])
        return self._start(clip, features, rng)

    def vary(
        self,
        clip: FloatArray,
        background: Sequence[FloatArray],
        features: FeatureParameters,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Puts a clip behind whatever a stream may bring, to train.

        Args:
            clip: float32 (samples,).
            background: Recordings of noise; may be empty.
            features: What the network reads of the stretch.
            rng: Draws what is random.

        Returns:
            float32 (samples of a stretch,).
        """
        length = self.samples(features)
        start = self._start(clip, features, rng)
        kind = rng.random()
        low, high = self.gain
        level = np.float32(low + (high - low) * rng.random())
        if kind < self.speech:
            around = level * self._going_on(length, start, rng)
        elif kind < self.speech + self.noise and len(background):
            which, where = rng.random(2)
            around = level * noise_piece(background, length, which, where)
        else:
            around = np.zeros(length, np.float32)
        around[start : start + len(clip)] = clip
        return around

    def _start(
        self,
        clip: FloatArray,
        features: FeatureParameters,
        rng: np.random.Generator,
    ) -> int:
        """Draws where the clip begins: it ends within the last step."""
        step = self.step_frames * features.hop
        start = self.samples(features) - len(clip) - int(rng.random() * step)
        if start < 0:
            raise UserError(
                f"a clip of {len(clip)} samples does not fit into the "
                f"{self.samples(features)} that the network looks back"
            )
        return start

    def _going_on(
        self, length: int, start: int, rng: np.random.Generator
    ) -> FloatArray:
        """Returns speech to train in: strung clips, or a piece of speech."""
        if self.around is None or rng.random() < 0.5:
            return self._speech(length, start, rng)
        first = int(rng.random() * len(self.around))
        indices = np.arange(first, first + length) % len(self.around)
        return to_float(self.around[indices])

    def _speech(
        self, length: int, start: int, rng: np.random.Generator
    ) -> FloatArray:
        """Strings clips together, one of them ending where the clip begins."""
        size = self.pool.shape[1]
        before = -(-start // size)
        after = -(-(length - start) // size)
        drawn = rng.integers(len(self.pool), size=before + after)
        line = to_float(self.pool[drawn]).reshape(-1)
        first = before * size - start
        return line[first : first + length].copy()


def context_of(network: Any, clips: Clips) -> Context | None:
    """Returns what the clips of a split stand in for a network.

    Args:
        network: The settings of any network; only one that reads a stream
            hears clips in a context.
        clips: The split.
    """
    if not isinstance(network, NetworkConfig) or not network.streaming:
        return None
    return Context.of(clips, network.input_frames, network.step_frames)
