"""Wall clock of several contestants in one process, in turns.

Every round gives each contestant one turn, in an order of its own. Whatever
else the machine does then slows all of them alike, and the ratio of two
contestants is taken within each round.
"""

import dataclasses
import gc
import math
import time
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_CALIBRATION_SECONDS = 0.001


@dataclasses.dataclass(frozen=True)
class Quartiles:
    """What many rounds gave.

    Attributes:
        minimum: the smallest.
        low: the first quartile.
        median: the second one.
        high: the third one.
    """

    minimum: float
    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> "Quartiles":
        """Those of some values, at least one."""
        return cls(*(float(x) for x in np.percentile(values, (0, 25, 50, 75))))


Key = TypeVar("Key", bound=Hashable)


def measure(
    contestants: Mapping[Key, Callable[[], object]],
    rounds: int = 30,
    turn_milliseconds: float = 5.0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Key, npt.NDArray[np.float64]]:
    """Times what takes turns.

    Args:
        contestants: what to call.
        rounds: turns of each one, at least 1.
        turn_milliseconds: about how long a turn is, at least one call.
        clock: in seconds.

    Returns:
        Microseconds of a call in each round, (rounds,) for each contestant.
    """
    keys = list(contestants)
    repetitions = {
        key: _repetitions(run, turn_milliseconds / 1000, clock)
        for key, run in contestants.items()
    }
    times = {key: np.empty(rounds) for key in keys}
    generator = np.random.default_rng(0)
    collects = gc.isenabled()
    gc.disable()
    try:
        for number in range(rounds):
            for index in generator.permutation(len(keys)):
                key = keys[index]
                run, count = contestants[key], repetitions[key]
                # What ran before has left its own data in the caches.
                run()
                start = clock()
                for _ in range(count):
                    run()
                times[key][number] = 1e6 * (clock() - start) / count
    finally:
        if collects:
            gc.enable()
    return times


def _repetitions(run, seconds: float, clock) -> int:
    count = 1
    while True:
        start = clock()
        for _ in range(count):
            run()
        taken = clock() - start
        if taken >= min(_CALIBRATION_SECONDS, seconds):
            return max(1, math.ceil(seconds * count / taken))
        count *= 2
