"""Stands for ALSA's arecord: writes ``words.wav`` as the flags ask for it."""

import argparse
import struct
import sys
import wave

import numpy as np

from bifsmn_tf.audio.resampling import resampled
from bifsmn_tf.audio.samples import to_float


def main() -> None:
    """Writes a WAV without end, or raw samples."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-q", action="store_true")
    parser.add_argument("-f", choices=["S16_LE"], required=True)
    parser.add_argument("-r", type=int, required=True)
    parser.add_argument("-c", type=int, required=True)
    parser.add_argument("-t", choices=["wav", "raw"], default="wav")
    flags = parser.parse_args()
    with wave.open("words.wav") as file:
        assert (file.getframerate(), file.getnchannels()) == (16000, 1)
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    sound = resampled(to_float(sound), 16000, flags.r)
    samples = (32767 * np.clip(sound, -1, 1)).astype("<i2")
    if flags.t == "wav":
        frame = 2 * flags.c
        sys.stdout.buffer.write(
            b"RIFF"
            + struct.pack("<I", 0x7FFFFFFF)
            + b"WAVEfmt "
            + struct.pack("<IHHI", 16, 1, flags.c, flags.r)
            + struct.pack("<IHH", frame * flags.r, frame, 16)
            + b"data"
            + struct.pack("<I", 0x7FFFFFFF - 36)
        )
    sys.stdout.buffer.write(np.repeat(samples, flags.c).tobytes())


if __name__ == "__main__":
    main()
