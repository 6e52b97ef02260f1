"""Every decision of a model on recordings, computed once.

What a detector makes of them at a threshold is a matter of moments then.
"""

import dataclasses
import sys
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.data.workers import Workers
from bifsmn_tf.evaluation.streams.labels import Word
from bifsmn_tf.evaluation.streams.listeners import Name
from bifsmn_tf.evaluation.streams.listeners import listener
from bifsmn_tf.evaluation.streams.recordings import Recording
from bifsmn_tf.runtime.detector import NOT_KEYWORDS


@dataclasses.dataclass(frozen=True)
class Scores:
    """The decisions on a recording.

    Attributes:
        recording: its name.
        source: what it belongs to.
        words: that are spoken in it.
        trial: see ``Recording``.
        dense: see ``Recording``.
        keywords: that can be detected.
        seconds: of sound.
        sample_rate: of it, in Hz.
        ends: samples up to each decision, int64 (decisions,).
        probabilities: float32 (decisions, keywords).
    """

    recording: str
    source: str
    words: tuple[Word, ...]
    trial: bool
    dense: bool
    keywords: tuple[str, ...]
    seconds: float
    sample_rate: int
    ends: npt.NDArray[np.int64]
    probabilities: FloatArray


def compute(
    name: Name,
    recordings: Sequence[Recording],
    processes: int | None = 1,
    progress: bool = True,
) -> list[Scores]:
    """Lets a model hear recordings.

    Args:
        name: of the model.
        recordings: each is heard from a new beginning.
        processes: that share the recordings; None for one a processor.
        progress: show a bar of seconds heard, on the standard error.

    Raises:
        UserError: The model or a recording cannot be used.
    """
    # Whatever is wrong with the model is said once, and here.
    listener(name)
    found = []
    with tqdm(
        desc=str(name),
        unit=" recordings",
        total=len(recordings),
        file=sys.stderr,
        disable=not progress,
    ) as bar:
        for scores in _each(name, recordings, processes):
            found.append(scores)
            heard = sum(x.seconds for x in found) / 60
            bar.set_postfix_str(f"{heard:.1f} min of sound", refresh=False)
            bar.update()
    return found


def _each(
    name: Name, recordings: Sequence[Recording], processes: int | None
) -> Iterator[Scores]:
    if processes == 1 or len(recordings) == 1:
        for recording in recordings:
            yield hear(name, recording)
        return
    with Workers(name, count=processes) as workers:
        yield from workers.map(hear, recordings)


def hear(name: Name, recording: Recording) -> Scores:
    """Lets a model hear one recording.

    Args:
        name: of the model.
        recording: from its beginning.
    """
    listening = listener(name)
    rate = listening.sample_rate
    samples = recording.samples(rate)
    chosen = [
        i for i, x in enumerate(listening.labels) if x not in NOT_KEYWORDS
    ]
    decisions = list(listening.decisions(samples))
    probabilities = np.zeros((len(decisions), len(chosen)), np.float32)
    for row, decision in zip(probabilities, decisions, strict=True):
        row[:] = decision.probabilities[chosen]
    return Scores(
        recording.name,
        recording.source,
        recording.words,
        recording.trial,
        recording.dense,
        tuple(listening.labels[i] for i in chosen),
        len(samples) / rate,
        rate,
        np.array([decision.end for decision in decisions], np.int64),
        probabilities,
    )
