"""What listens to a stream, as parts that run so many times a second.

A part is timed once, whichever listeners have it; what a second of sound costs
is the sum over the parts, each as often as it runs in that second.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bifsmn_tf import pretrained
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.runtime.spotter import KeywordSpotter
from bifsmn_tf.runtime.streaming import StreamingSpotter

Call = Callable[[], object]

OURS = "ours"
PEERS = "peers"

_LEVEL = 0.1
"""The deviation of the noise to listen to, of full scale."""


@dataclasses.dataclass(frozen=True)
class Part:
    """What is computed again and again.

    Attributes:
        name: As figures are called by; parts of the same name are the same.
        rate: How often it runs in a second of sound.
        model: The model that computes it; None if it is none.
        call: What computes it if it is no model.
        module: A module that does so as often as ``--repetitions`` says, for
            instruments that count from outside.
    """

    name: str
    rate: float
    model: BenchmarkModel | None = None
    call: Call | None = None
    module: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Listener:
    """One way to listen.

    Attributes:
        name: The name, unique in a comparison.
        group: The table that it stands in.
        parts: What it computes.
        decisions: How often it decides in a second of sound.
        push: Makes what a Python caller runs for ``seconds`` of sound; None
            if that is not measured.
        seconds: The sound of one ``push``.
        state: The bytes that it keeps from one step to the next; None if that
            is the runtime's affair.
        path: The file of one of our models; empty with others.
        delta: Its depth.
    """

    name: str
    group: str
    parts: tuple[Part, ...]
    decisions: float
    push: Callable[[], Call] | None = None
    seconds: float = 1.0
    state: int | None = None
    path: str = ""
    delta: int = 1

    @property
    def file_bytes(self) -> int:
        """The bytes of its files."""
        contents = {part.model.content for part in self.parts if part.model}
        return sum(map(len, contents))


def streaming(
    title: str, path: str | Path, group: str = OURS
) -> list[Listener]:
    """Makes a listener of each depth of a streaming model.

    Args:
        title: What to call it; the depth is put behind.
        path: The file, or one of ``bifsmn_tf.models()``.
        group: The table that they stand in.

    Raises:
        UserError: It is no streaming model that takes sound.
    """
    spotter = KeywordSpotter(path)
    content = pretrained.find(str(path)).read_bytes()
    if spotter.steps is None:
        raise UserError(f"{path} reads clips, and no stream")
    second = spotter.metadata.features.sample_rate / spotter.steps.samples
    found = []
    for delta in spotter.deltas:
        name = f"{title} δ={delta}"
        key = signatures.stream_signature_key(delta)
        model = BenchmarkModel(name, content, key, Role.OURS)
        found.append(
            Listener(
                name,
                group,
                (Part(name, second, model),),
                decisions=second,
                push=_push(path, delta),
                seconds=1 / second,
                state=spotter.steps.state_bytes[delta],
                path=str(path),
                delta=delta,
            )
        )
    return found


def of_clips(
    title: str,
    path: str | Path,
    group: str = OURS,
    hops: tuple[int, ...] = (1,),
) -> list[Listener]:
    """Makes listeners of a model of clips, which computes each one anew.

    Args:
        title: What to call it; depth and hop are put behind.
        path: The file, or one of ``bifsmn_tf.models()``.
        group: The table that they stand in.
        hops: Frames from one decision to the next; with several, of the full
            depth alone.

    Raises:
        UserError: The model does not take sound.
    """
    spotter = KeywordSpotter(path)
    content = pretrained.find(str(path)).read_bytes()
    features = spotter.metadata.features
    if signatures.FRAME_SIGNATURE not in ModelFile(content).signatures:
        raise UserError(f"{path} does not take sound")
    second = features.sample_rate / features.hop
    frame = BenchmarkModel(
        f"{title}, a frame's features",
        content,
        signatures.FRAME_SIGNATURE,
        Role.FRONT_END,
    )
    found = []
    for delta in spotter.deltas if len(hops) == 1 else spotter.deltas[:1]:
        name = f"{title} δ={delta}"
        key = signatures.signature_key(delta)
        model = BenchmarkModel(name, content, key, Role.OURS)
        for hop in hops:
            milliseconds = 1000 * hop / second
            found.append(
                Listener(
                    f"{name}, every {milliseconds:g} ms",
                    group,
                    (
                        Part(frame.name, second, frame),
                        Part(name, second / hop, model),
                    ),
                    decisions=second / hop,
                    push=_push(path, delta, hop / second),
                    seconds=hop / second,
                    path=str(path),
                    delta=delta,
                )
            )
    return found


def _push(
    path: str | Path, delta: int, hop: float | None = None
) -> Callable[[], Call]:
    def make() -> Call:
        stream = StreamingSpotter(KeywordSpotter(path, delta), hop)
        noise = np.random.default_rng(0).normal(size=stream.step) * _LEVEL
        sound = noise.astype(np.float32)
        return lambda: stream.push(sound)

    return make
