"""Raw samples as they come, of any rate, width and channels, to one channel.

What a pipe, a network client or a sound card gives is bytes. :class:`PcmStream`
makes float32 of one channel at the wanted rate of them, piece by piece: cut
anywhere, even within a sample, they give the same samples as at once.
"""

import numpy as np
import soxr

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import check_rate
from bifsmn_tf.errors import UserError

WIDTHS = (1, 2, 3, 4)
"""Bytes of a sample: signed, little-endian."""

_MOST_CHANNELS = 32


class StreamResampler:
    """Changes the rate of a stream of one channel.

    Args:
        rate: of what comes, in Hz.
        wanted: of what is returned, in Hz.

    Raises:
        UserError: ``rate`` is none of a recording.
    """

    def __init__(self, rate: float, wanted: float) -> None:
        check_rate(rate)
        self._resampler = (
            None if rate == wanted else soxr.ResampleStream(rate, wanted, 1)
        )

    def push(self, samples: FloatArray, last: bool = False) -> FloatArray:
        """Returns what can be computed now.

        Args:
            samples: float32 (samples,).
            last: whether none follow: what was held back comes, too.
        """
        if self._resampler is None:
            return samples
        return self._resampler.resample_chunk(samples, last=last)


class PcmStream:
    """Makes samples of bytes.

    Args:
        rate: of the samples, in Hz.
        width: bytes of a sample, signed and little-endian, 1 to 4.
        channels: whose samples stand side by side; their mean is taken.
        wanted: the rate of the result, in Hz.

    Raises:
        UserError: One of them is none of sound.
    """

    def __init__(
        self, rate: int, width: int, channels: int, wanted: int
    ) -> None:
        for name, value in (
            ("rate", rate),
            ("width", width),
            ("channels", channels),
        ):
            if type(value) is not int:
                raise UserError(f"{name} is a whole number, not {value!r}")
        if width not in WIDTHS:
            raise UserError(
                f"width: a sample has 1 to 4 bytes, not {width}: send signed "
                "16-bit samples (2)"
            )
        if not 1 <= channels <= _MOST_CHANNELS:
            raise UserError(f"channels: 1 to {_MOST_CHANNELS}, not {channels}")
        self._resampler = StreamResampler(rate, wanted)
        self._width = width
        self._channels = channels
        self._rest = b""

    def push(self, octets: bytes) -> FloatArray:
        """Returns the samples that can be computed now.

        Args:
            octets: the next ones; what is no whole sample waits.

        Returns:
            float32 (samples,), in [-1, 1).
        """
        octets = self._rest + octets
        frame = self._width * self._channels
        whole = len(octets) // frame * frame
        self._rest = octets[whole:]
        values = _decode(octets[:whole], self._width)
        mono = values.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
        return self._resampler.push(mono)

    def finish(self) -> FloatArray:
        """Returns what was held back; half a sample is left out."""
        return self._resampler.push(np.empty(0, np.float32), last=True)


def _decode(octets: bytes, width: int) -> FloatArray:
    """Returns signed little-endian integers of a width in [-1, 1)."""
    if width == 3:
        # The three bytes are the upper ones of four.
        wide = np.zeros((len(octets) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(octets, np.uint8).reshape(-1, 3)
        octets, width = wide.tobytes(), 4
    values = np.frombuffer(octets, f"<i{width}")
    return values.astype(np.float32) * np.float32(2.0 ** (1 - 8 * width))
