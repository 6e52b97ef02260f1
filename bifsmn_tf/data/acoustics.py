"""Rooms and microphones: what is between a mouth and a spotter.

Rooms are shoeboxes that pyroomacoustics simulates (image sources, J. B. Allen
and D. A. Berkley, 1979), from a closet to a hall, the speaker near or far. An
impulse response begins with the direct sound, so that a word stays where it
was. A microphone passes a band, colours it, has a level, may clip, and what it
hears may have gone through the codec of a telephone (G.711's μ-law); most hiss.
"""

import dataclasses
import functools
import importlib.util
from typing import Any

import numpy as np
from scipy import signal

from bifsmn_tf.audio.files import SAMPLE_RATE
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import digest
from bifsmn_tf.errors import UserError

_SECONDS = 0.4
"""Of an impulse response; what comes later is quiet in our rooms."""

_MU = 255

_FAINTEST, _LOUDEST = -95.0, -45.0
"""dB of full scale: the noise of a microphone itself."""

_OCTAVES = (0, 250, 500, 1000, 2000, 4000, 8000)
"""Hz at which a microphone's response is drawn."""

_COLOUR = 4.0
"""dB: the standard deviation of that response."""

_TAPS = 129

_HISSING = 0.85
"""The share of microphones that have such noise; the others are muted."""


@dataclasses.dataclass(frozen=True)
class Acoustics:
    """Where sound is heard, and with what.

    Attributes:
        responses: float32 (rooms, samples), impulse responses with an energy
            of 1 that begin with the direct sound.
        room: the share of stretches that are heard in a room.
        microphone: the share of stretches that a microphone changes.

    Raises:
        UserError: A share is impossible, or there are no rooms for it.
    """

    responses: FloatArray
    room: float = 0.5
    microphone: float = 0.5

    def __post_init__(self) -> None:
        for name in ("room", "microphone"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UserError(f"{name}: a share is in [0, 1], not {value}")
        if self.room and not len(self.responses):
            raise UserError("sound is to be heard in rooms, but there are none")

    @classmethod
    def simulated(
        cls, rooms: int, seed: int, room: float, microphone: float
    ) -> "Acoustics":
        """Simulates rooms.

        Args:
            rooms: how many, with one place to speak and one to listen each.
            seed: of rooms and places.
            room: see the class.
            microphone: see the class.

        Raises:
            UserError: The package pyroomacoustics is missing.
        """
        if not room:
            return cls(np.empty((0, 0), np.float32), room, microphone)
        return cls(_responses(rooms, seed), room, microphone)

    def heard(self, sound: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Returns a sound as it arrives.

        Args:
            sound: float32 (samples,).
            rng: draws where and how; the same number of values each time.

        Returns:
            float32 (samples,).
        """
        in_room, through_microphone, which = rng.random(3)
        drawn = rng.random(8)
        colour = rng.standard_normal(len(_OCTAVES))
        seed = int(rng.integers(2**32))
        if in_room < self.room:
            response = self.responses[int(which * len(self.responses))]
            sound = signal.oaconvolve(sound, response)[: len(sound)]
        if through_microphone < self.microphone:
            sound = _through_microphone(sound, drawn, colour)
        if self.microphone and drawn[7] < _HISSING:
            # No recording is as quiet as what a synthesizer writes.
            level = 10 ** ((_FAINTEST + (_LOUDEST - _FAINTEST) * drawn[6]) / 20)
            hiss = np.random.default_rng(seed).standard_normal(
                len(sound), np.float32
            )
            sound = np.clip(sound + np.float32(level) * hiss, -1, 1)
        return sound.astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Returns what tells this from others, for a cache's key."""
        return {
            "responses": digest(self.responses),
            "room": self.room,
            "microphone": self.microphone,
            "hiss": [_FAINTEST, _LOUDEST, _HISSING],
            "colour": _COLOUR,
        }


@functools.lru_cache(maxsize=2)
def _responses(rooms: int, seed: int) -> FloatArray:
    if importlib.util.find_spec("pyroomacoustics") is None:
        raise UserError(
            "simulated rooms need the package pyroomacoustics: pip install "
            "'bifsmn_tf[train]'"
        )
    result = np.zeros((rooms, round(_SECONDS * SAMPLE_RATE)), np.float32)
    for number, row in enumerate(result):
        response = _response(np.random.default_rng([seed, number]))
        row[: len(response)] = response[: len(row)]
        row /= np.sqrt(np.sum(np.square(row, dtype=np.float64)))
    return result


def _response(rng: np.random.Generator) -> FloatArray:
    """Simulates one room: float32, the direct sound first."""
    import pyroomacoustics

    # Shorter walls than 1.8 m leave no place for two people.
    size = rng.uniform((1.8, 1.8, 2.2), (8.0, 6.0, 3.5))
    reverberation = rng.uniform(0.15, 0.6)
    absorption, order = pyroomacoustics.inverse_sabine(
        max(reverberation, _shortest(size)), size
    )
    room = pyroomacoustics.ShoeBox(
        size,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(absorption),
        max_order=min(order, 17),
    )
    inside = np.full(3, 0.3)
    room.add_source(rng.uniform(inside, size - inside))
    room.add_microphone(rng.uniform(inside, size - inside))
    room.compute_rir()
    response = np.asarray(room.rir[0][0])
    direct = int(np.argmax(np.abs(response) > 0.2 * np.abs(response).max()))
    return response[direct:].astype(np.float32)


def _shortest(size: np.ndarray) -> float:
    """Returns the least reverberation that Sabine's formula can have."""
    volume = np.prod(size)
    surface = 2 * sum(volume / side for side in size)
    return float(0.162 * volume / surface)


def _through_microphone(
    sound: FloatArray, drawn: np.ndarray, colour: np.ndarray
) -> FloatArray:
    low = 40 * 10 ** (drawn[0] * 0.9)
    high = 3000 + 4800 * drawn[1]
    band = signal.butter(
        2, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos"
    )
    sound = signal.sosfilt(band, sound)
    filtered = signal.firwin2(
        _TAPS, _OCTAVES, 10 ** (_COLOUR * colour / 20), fs=SAMPLE_RATE
    )
    sound = signal.oaconvolve(sound, filtered, mode="same")
    sound = sound * 10 ** ((drawn[2] * 22 - 16) / 20)
    if drawn[3] < 0.15:
        most = max(float(np.abs(sound).max()), 1e-6) * (0.3 + 0.7 * drawn[4])
        sound = np.clip(sound, -most, most)
    sound = np.clip(sound, -1, 1)
    if drawn[5] < 0.15:
        sound = _mu_law(sound)
    return sound


def _mu_law(sound: FloatArray) -> FloatArray:
    """Quantizes to the 8 bits of G.711 and back."""
    small = np.sign(sound) * np.log1p(_MU * np.abs(sound)) / np.log1p(_MU)
    code = np.round(small * 127) / 127
    return np.sign(code) * (np.expm1(np.abs(code) * np.log1p(_MU)) / _MU)
