"""Wall clock of several calls in one process, in turns.

Every round gives each call one turn, in an order of its own. Whatever else the
machine does then slows all of them alike, and the ratio of two calls is taken
within each round.
"""

import dataclasses
import gc
import math
import resource
import time
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_ATTEMPTS = 10


@dataclasses.dataclass(frozen=True)
class Quartiles:
    """What many rounds gave.

    Attributes:
        minimum: The smallest value.
        low: The first quartile.
        median: The second quartile.
        high: The third quartile.
    """

    minimum: float
    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> "Quartiles":
        """Returns the quartiles of at least one value."""
        return cls(*(float(x) for x in np.percentile(values, (0, 25, 50, 75))))


Key = TypeVar("Key", bound=Hashable)


def switches() -> int:
    """Returns how often the system has taken the processor from this thread."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def measure(
    calls: Mapping[Key, Callable[[], object]],
    rounds: int = 100,
    turn_milliseconds: float = 1.0,
    clock: Callable[[], float] = time.perf_counter,
    interruptions: Callable[[], int] = switches,
) -> dict[Key, npt.NDArray[np.float64]]:
    """Times what takes turns.

    A turn during which another process had this one's processor is repeated:
    it would measure how the system shares its time.

    Args:
        calls: What to time, by key.
        rounds: How many turns each one has, at least 1.
        turn_milliseconds: About how long a turn is, at least one call. Much
            longer turns seldom end without an interruption on a busy machine.
        clock: Returns the time in seconds.
        interruptions: Returns how many interruptions there were so far.

    Returns:
        Microseconds of a call in each round, (rounds,), by key.
    """

    def turn(run: Callable[[], object], count: int) -> float:
        for _ in range(_ATTEMPTS):
            # What ran before has left its own data in the caches.
            run()
            before = interruptions()
            start = clock()
            for _ in range(count):
                run()
            seconds = clock() - start
            if interruptions() == before:
                break
        return seconds

    def repetitions(run: Callable[[], object]) -> int:
        count = 1
        while True:
            seconds = turn(run, count)
            if seconds >= turn_milliseconds / 4000:
                return max(
                    1, math.ceil(turn_milliseconds / 1000 * count / seconds)
                )
            count *= 2

    keys = list(calls)
    times = {key: np.empty(rounds) for key in keys}
    generator = np.random.default_rng(0)
    collects = gc.isenabled()
    gc.disable()
    try:
        counts = {key: repetitions(run) for key, run in calls.items()}
        for number in range(rounds):
            for index in generator.permutation(len(keys)):
                key = keys[index]
                seconds = turn(calls[key], counts[key])
                times[key][number] = 1e6 * seconds / counts[key]
    finally:
        if collects:
            gc.enable()
    return times
