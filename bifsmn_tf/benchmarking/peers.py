r"""What else listens all day: wake words that pip installs.

    pip install 'bifsmn_tf[peers]'

brings the packages. Their networks are plain .tflite files, which the stock
runtime runs as it runs ours; microWakeWord's front end is a native module of
its own. What a Python caller sees is the packages' own interface.

    python -m bifsmn_tf.benchmarking.peers --repetitions=200

computes 10 ms of microWakeWord's front end that often, for instruments that
count from outside.
"""

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bifsmn_tf.benchmarking.listener import Listener
from bifsmn_tf.benchmarking.listener import Part
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.model_file.reader import ModelFile

PACKAGES = {
    "micro_wake_word": ("pymicro_wakeword", "pymicro_features"),
    "open_wake_word": ("pyopen_wakeword",),
}
"""The modules that each peer needs."""

MICRO_FRONT_END = "microWakeWord, front end"
"""What the command above computes, as figures are called by."""

_RATE = 16000
_WINDOW = 160
"""Samples of one row of microWakeWord's features: 10 ms."""

_CHUNK = 1280
"""Samples that openWakeWord takes at a time: 80 ms."""

_SOUND = 3000
"""The deviation of the noise to listen to, of 32,767."""

_MICRO_WORDS = ("okay_nabu", "hey_jarvis", "alexa")
_OPEN_WORD = "alexa"


def missing(peer: str) -> list[str]:
    """Returns which modules a peer lacks, as pip calls them.

    Args:
        peer: One of :data:`PACKAGES`.
    """
    return [
        module.replace("_", "-")
        for module in PACKAGES[peer]
        if importlib.util.find_spec(module) is None
    ]


def make(peer: str) -> list[Listener]:
    """Makes a peer's listeners.

    Args:
        peer: One of :data:`PACKAGES`, whose modules are there.
    """
    return {
        "micro_wake_word": _micro_wake_word,
        "open_wake_word": _open_wake_word,
    }[peer]()


def _models(module: str) -> Path:
    found = importlib.import_module(module).__file__
    assert found is not None
    return Path(found).parent / "models"


def _noise(samples: int) -> bytes:
    values = np.random.default_rng(0).normal(size=samples) * _SOUND
    return values.astype(np.int16).tobytes()


def _micro_wake_word() -> list[Listener]:
    folder = _models("pymicro_wakeword")
    front_end = Part(
        MICRO_FRONT_END,
        _RATE / _WINDOW,
        call=micro_front_end(),
        module=("bifsmn_tf.benchmarking.peers",),
    )
    found = []
    for word in _MICRO_WORDS:
        description = json.loads((folder / f"{word}.json").read_text("utf-8"))
        content = (folder / description["model"]).read_bytes()
        name = f"microWakeWord, {word}"
        model = BenchmarkModel(name, content, None, Role.BASELINE)
        (signature,) = ModelFile(content).signatures.values()
        (rows,) = (x.shape[1] for x in signature.inputs.values())
        steps = _RATE / (rows * _WINDOW)
        found.append(
            Listener(
                name,
                "peers",
                (front_end, Part(name, steps, model)),
                decisions=steps,
                push=_micro_push(word, rows * _WINDOW),
                seconds=rows * _WINDOW / _RATE,
            )
        )
    return found


def micro_front_end() -> Callable[[], object]:
    """Returns what computes 10 ms of microWakeWord's front end."""
    features = importlib.import_module("pymicro_features").MicroFrontend()
    sound = _noise(_WINDOW)
    # It answers once a whole window of 30 ms is there.
    for _ in range(3):
        features.process_samples(sound)
    return lambda: features.process_samples(sound)


def _micro_push(word: str, samples: int) -> Callable[[], Callable[[], object]]:
    def make() -> Callable[[], object]:
        package = importlib.import_module("pymicro_wakeword")
        network = package.MicroWakeWord.from_builtin(package.Model(word))
        features = package.MicroWakeWordFeatures()
        sound = _noise(samples)

        def push() -> None:
            for rows in features.process_streaming(sound):
                network.process_streaming(rows)

        return push

    return make


def _open_wake_word() -> list[Listener]:
    folder = _models("pyopen_wakeword")
    constants = importlib.import_module("pyopen_wakeword.openwakeword")
    parts = []
    for name, file, shape in (
        ("spectrogram", "melspectrogram", constants.MEL_SHAPE),
        ("embedding", "embedding_model", constants.EMB_SHAPE),
        (_OPEN_WORD, _OPEN_WORD, None),
    ):
        model = BenchmarkModel(
            f"openWakeWord, {name}",
            (folder / f"{file}.tflite").read_bytes(),
            None,
            Role.BASELINE,
            shape=shape and tuple(shape),
        )
        parts.append(Part(model.name, _RATE / _CHUNK, model))
    return [
        Listener(
            f"openWakeWord, {_OPEN_WORD}",
            "peers",
            tuple(parts),
            decisions=_RATE / _CHUNK,
            push=_open_push,
            seconds=_CHUNK / _RATE,
        )
    ]


def _open_push() -> Callable[[], object]:
    package = importlib.import_module("pyopen_wakeword")
    features = package.OpenWakeWordFeatures.from_builtin()
    network = package.OpenWakeWord.from_builtin(package.Model(_OPEN_WORD))
    sound = _noise(_CHUNK)

    def push() -> None:
        for embeddings in features.process_streaming(sound):
            for _ in network.process_streaming(embeddings):
                pass

    # It begins with seconds of silence to catch up with.
    push()
    return push


def main(arguments: list[str]) -> None:
    """Computes the front end as often as the arguments say."""
    parser = argparse.ArgumentParser(
        prog="python -m bifsmn_tf.benchmarking.peers",
        description="Computes microWakeWord's front end again and again.",
    )
    parser.add_argument("--repetitions", type=int, default=1)
    options = parser.parse_args(arguments)
    front_end = micro_front_end()
    for _ in range(options.repetitions):
        front_end()
    print(f"front end: computed {options.repetitions} times")


if __name__ == "__main__":
    main(sys.argv[1:])
