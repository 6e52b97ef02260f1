"""Prints the keywords that a microphone hears, until Ctrl-C.

``pip install 'bifsmn_tf[listen]'`` brings what opens the microphone; then
``python examples/microphone.py [MODEL]``.
"""

import contextlib
import sys

import sounddevice

import bifsmn_tf


def main() -> None:
    """Listens to the default microphone."""
    model = sys.argv[1] if len(sys.argv) > 1 else "bifsmn_quiet-sc12"
    spotter = bifsmn_tf.KeywordSpotter(model)
    stream = bifsmn_tf.StreamingSpotter(spotter)
    rate = spotter.metadata.features.sample_rate
    detector = bifsmn_tf.Detector.of(spotter.labels, rate, spotter.detection)
    print(f"listening for {', '.join(detector.keywords)}")
    with sounddevice.InputStream(rate, channels=1, dtype="int16") as microphone:
        while True:
            samples, _ = microphone.read(stream.step)
            for decision in stream.push(samples[:, 0]):
                found = detector.push(decision)
                if found:
                    print(f"{found.time:.2f} s  {found.label}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
