"""Compares the engines bit for bit: ``compare_engines.py [MODEL ...]``.

Every model of the package, or those that are named, hears the same noise in a
TensorFlow Lite runtime, in the library's engine as Python calls it, and as a
spotter in C. For processors on which the tests themselves do not run.
"""

import platform
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from native_spotter import NativeSpotter

import bifsmn_tf
from bifsmn_tf import pretrained


def compare(name: str) -> int:
    """Returns how many decisions of a model were equal: all of them."""
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(3 * 16000)).astype(np.float32)
    spotters = [
        bifsmn_tf.KeywordSpotter(name, engine=engine)
        for engine in ("litert", "native")
    ]
    count = 0
    for delta in spotters[0].deltas:
        decisions = []
        for spotter in spotters:
            spotter.delta = delta
            stream = bifsmn_tf.StreamingSpotter(spotter)
            decisions.append(stream.push(sound))
        twin = NativeSpotter(pretrained.find(name), delta=delta)
        decisions.append(twin.push(sound))
        for one, *others in zip(*decisions, strict=True):
            for other in others:
                assert one.end == other.end
                assert np.array_equal(one.probabilities, other.probabilities)
            count += 1
    return count


if __name__ == "__main__":
    for model in sys.argv[1:] or bifsmn_tf.models():
        print(platform.machine(), model, compare(model))
