"""Streaming networks with random weights, and what one would recompute.

Neither time nor cycles depend on the weights.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bifsmn_tf import whole_file
from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.baselines.ds_cnn import ds_cnn
from bifsmn_tf.benchmarking import listener
from bifsmn_tf.benchmarking import networks
from bifsmn_tf.benchmarking.listener import Listener
from bifsmn_tf.benchmarking.listener import Part
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.network.architectures import bifsmn_stream

TITLE = "BiFSMN of a stream"

DEPTH = "depth"
WIDTH = "width"
KEYWORDS = "keywords"
RATE = "decisions a second"

_WIDTHS = ((64, 128), (128, 256), (256, 512))
_CLASSES = (1, 10, 35)
# Frames of a second, and the samples from one to the next.
_HOPS = ((63, 256), (16, 1024))

_EVERY = 4
"""Frames from one decision of DS-CNN to the next: 128 ms, as ours."""


def make(classes: int, folder: Path) -> list[Listener]:
    """Makes our streaming network at each depth.

    Args:
        classes: The outputs of the network.
        folder: Takes its file.
    """
    return _random(TITLE, folder, listener.OURS, classes, {}, {})


def grown(classes: int, folder: Path) -> list[Listener]:
    """Makes networks that differ from ours in one setting each.

    Args:
        classes: The outputs of the networks, where others are not compared.
        folder: Takes their files.
    """
    found = []
    for memory, hidden in _WIDTHS:
        sizes = {"memory_size": memory, "hidden_size": hidden}
        title = f"{TITLE}, memory {memory}, hidden {hidden}"
        found += _random(title, folder, WIDTH, classes, sizes, {})
    for count in _CLASSES:
        title = f"{TITLE}, {count} classes"
        found += _random(title, folder, KEYWORDS, count, {}, {})
    for frames, hop in _HOPS:
        milliseconds = 4 * hop / 16
        title = f"{TITLE}, every {milliseconds:g} ms"
        sizes = {"frames": frames}
        found += _random(title, folder, RATE, classes, sizes, {"hop": hop})
    return found


def recomputed(classes: int) -> list[Listener]:
    """Makes DS-CNN in 8 bits, which computes a second anew for each decision.

    It reads what our networks read, as in :mod:`bifsmn_tf.experiments.pareto`,
    and so it has their front end.

    Args:
        classes: The outputs of the network.
    """
    front_end = networks.make_board_front_end()
    features = BOARD_FEATURES
    content = networks.integers(ds_cnn(classes, (*features.shape, 1)))
    model = BenchmarkModel("DS-CNN int8", content, None, Role.BASELINE)
    second = features.sample_rate / features.hop
    return [
        Listener(
            f"{model.name}, recomputed",
            listener.PEERS,
            (
                Part(front_end.name, second, front_end),
                Part(model.name, second / _EVERY, model),
            ),
            decisions=second / _EVERY,
        )
    ]


def _random(
    title: str,
    folder: Path,
    group: str,
    classes: int,
    sizes: Mapping[str, Any],
    features: Mapping[str, Any],
) -> list[Listener]:
    config = bifsmn_stream(classes, **sizes)
    board = dataclasses.replace(BOARD_FEATURES, **features)
    path = folder / f"{title}.tflite"
    whole_file.write_bytes(path, networks.convert_random(config, board))
    return listener.streaming(title, path, group)
