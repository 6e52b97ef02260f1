"""Every decision of a model on recordings, computed once.

What a detector makes of them at a threshold is a matter of moments then.
"""

import dataclasses
import sys
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.data.workers import Workers
from bifsmn_tf.errors import DataError
from bifsmn_tf.evaluation.streams.labels import Word
from bifsmn_tf.evaluation.streams.listeners import Name
from bifsmn_tf.evaluation.streams.listeners import listener
from bifsmn_tf.evaluation.streams.recordings import Recording
from bifsmn_tf.model_file.detection import is_keyword


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
    total = sum(recording.seconds for recording in recordings)

    def heard(seconds: float) -> None:
        # What a file says of its length may be wrong.
        bar.update(min(seconds, total - bar.n))

    with tqdm(
        desc=str(name),
        unit="s",
        total=total,
        bar_format="{l_bar}{bar}| {n:.0f} of {total:.0f} s, {rate_fmt}",
        file=sys.stderr,
        disable=None if progress else True,
    ) as bar:
        if processes == 1 or len(recordings) == 1:
            return [hear(name, x, heard) for x in recordings]
        found = []
        with Workers(name, count=processes) as workers:
            for scores in workers.map(hear, recordings):
                found.append(scores)
                heard(scores.seconds)
        return found


def hear(
    name: Name,
    recording: Recording,
    progress: Callable[[float], object] = lambda _: None,
) -> Scores:
    """Lets a model hear one recording.

    Args:
        name: of the model.
        recording: from its beginning.
        progress: is told how many more seconds are heard.

    Raises:
        DataError: It has a label behind its end.
    """
    listening = listener(name)
    rate = listening.sample_rate
    samples = recording.samples(rate)
    seconds = len(samples) / rate
    for word in recording.words:
        if word.start > seconds:
            raise DataError(
                f"{recording.name} lasts {seconds:.2f} s, and its label "
                f"{word.label} begins at {word.start:.2f} s: correct the "
                "labels, or put them beside the recording they are of"
            )
    chosen = [i for i, x in enumerate(listening.labels) if is_keyword(x)]
    ends: list[int] = []
    rows: list[FloatArray] = []
    told = 0
    for decision in listening.decisions(samples):
        ends.append(decision.end)
        rows.append(decision.probabilities[chosen])
        if decision.end - told > rate:
            progress((decision.end - told) / rate)
            told = decision.end
    progress(max(0.0, seconds - told / rate))
    return Scores(
        recording.name,
        recording.source,
        tuple(x._replace(end=min(x.end, seconds)) for x in recording.words),
        recording.trial,
        recording.dense,
        tuple(listening.labels[i] for i in chosen),
        seconds,
        rate,
        np.array(ends, np.int64),
        np.array(rows, np.float32).reshape(len(rows), len(chosen)),
    )
