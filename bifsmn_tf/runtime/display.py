"""What a spotter hears, on a terminal: level, leading labels, depth, load.

It stands on the standard error in one line that changes, and only where that is
a terminal and the package rich is installed.
"""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.samples import FloatArray

_LEVELS = 20
"""Characters of the level's bar, three decibels each."""

_LEADING = 3
_SILENCE = 1e-6
_SECONDS = 1.0
"""How often the load is measured."""


class Display(Protocol):
    """Shows what is heard."""

    def show(
        self,
        samples: FloatArray,
        probabilities: npt.NDArray[np.float64],
        delta: int,
    ) -> None:
        """Takes what has been heard.

        Args:
            samples: the newest ones.
            probabilities: of each label, averaged.
            delta: the depth.
        """

    def __enter__(self) -> "Display": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def make_display(labels: Sequence[str], rate: int) -> Display:
    """Returns a display for the standard error; where it is none, a blank one.

    Args:
        labels: the classes, in the order of the probabilities.
        rate: samples a second.
    """
    if sys.stderr.isatty():
        try:
            return _Terminal(labels, rate)
        except ModuleNotFoundError:
            pass
    return _Blank()


def level_of(samples: FloatArray) -> float:
    """Returns the level of samples in decibel below full scale."""
    power = float(np.mean(np.square(samples))) if len(samples) else 0.0
    return 10 * float(np.log10(max(power, _SILENCE**2)))


class Load:
    """Measures the share of one core that a stream takes.

    Args:
        rate: samples a second.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._samples = 0
        self._began = time.process_time()
        self.share = 0.0

    def add(self, samples: int) -> float:
        """Counts samples that were dealt with; returns the latest share."""
        self._samples += samples
        seconds = self._samples / self._rate
        if seconds >= _SECONDS:
            now = time.process_time()
            self.share = (now - self._began) / seconds
            self._began, self._samples = now, 0
        return self.share


class _Blank:
    """Shows nothing."""

    def show(
        self,
        samples: FloatArray,
        probabilities: npt.NDArray[np.float64],
        delta: int,
    ) -> None:
        """Does nothing."""

    def __enter__(self) -> "_Blank":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class _Terminal:
    """Shows a line that changes."""

    def __init__(self, labels: Sequence[str], rate: int) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        # Brackets in a label are no markup.
        self._text = Text
        self._labels = labels
        self._load = Load(rate)
        # What is printed to the same terminal stands above the line.
        self._live = Live(
            console=Console(stderr=True),
            redirect_stdout=sys.stdout.isatty(),
            transient=True,
            refresh_per_second=8,
        )

    def show(
        self,
        samples: FloatArray,
        probabilities: npt.NDArray[np.float64],
        delta: int,
    ) -> None:
        """Changes the line."""
        shown = line(
            self._labels,
            level_of(samples),
            probabilities,
            delta,
            self._load.add(len(samples)),
        )
        self._live.update(self._text(shown))

    def __enter__(self) -> "_Terminal":
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)


def line(
    labels: Sequence[str],
    level: float,
    probabilities: npt.NDArray[np.float64],
    delta: int,
    share: float,
) -> str:
    """Returns the text of a moment.

    Args:
        labels: the classes.
        level: decibel below full scale.
        probabilities: of each label.
        delta: the depth.
        share: of one core.
    """
    filled = int(np.clip((level + 3 * _LEVELS) / 3, 0, _LEVELS))
    bar = "█" * filled + "·" * (_LEVELS - filled)
    leading = np.argsort(-probabilities)[:_LEADING]
    words = "  ".join(
        f"{labels[i]:<8.8} {100 * probabilities[i]:3.0f} %" for i in leading
    )
    return (
        f"{bar} {level:4.0f} dB   {words}   δ = {delta}   "
        f"{100 * share:.1f} % of a core"
    )
