"""Stands for sounddevice: a microphone that hears ``words.wav``, then Ctrl-C.

Only what ``bifsmn_tf.audio.streams`` uses is there.
"""

import wave

import numpy as np


class PortAudioError(Exception):
    """As sounddevice's."""


def check_input_settings(**_) -> None:
    """Any setting will do."""


def query_devices(device=None, kind=None):
    """The list of devices, or what one is."""
    return {"default_samplerate": 16000.0} if kind else "  1 words.wav"


class InputStream:
    """Reads the file of the working folder piece by piece."""

    def __init__(self, samplerate, channels, device, dtype):
        assert (samplerate, channels, dtype) == (16000, 1, "float32")
        assert device in (None, 1), device

    def __enter__(self):
        self._file = wave.open("words.wav")
        return self

    def __exit__(self, *_):
        self._file.close()

    def read(self, frames):
        """The next samples; the reader is interrupted behind the last."""
        piece = np.frombuffer(self._file.readframes(frames), "<i2")
        if len(piece) < frames:
            raise KeyboardInterrupt
        return piece[:, np.newaxis] / np.float32(32768), False
