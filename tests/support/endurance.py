"""Runs what should run for ever, for a time: memory and descriptors stay flat.

    python tests/support/endurance.py --hours=6 --spotters=10000

A stream of hours of sound in chunks of every length, empty ones among them,
with another depth now and then; and spotters made and dropped. Prints how much
the process grew, and fails if it did.
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bifsmn_tf import KeywordSpotter
from bifsmn_tf import StreamingSpotter

MODELS = ("bifsmn_stream-sc12", "bifsmn_s-sc12")
MOST_GROWTH = 4 << 20
"""Bytes: what an allocator keeps, not what a leak in 10,000 turns would be."""


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int:
    """Open files of this process."""
    return len(os.listdir("/proc/self/fd"))


def growth(turn: Callable[[int], None], warm: int, count: int) -> int:
    """Returns how many bytes a process grew in turns, after others.

    Args:
        turn: is given its number.
        warm: the turns before the first measurement.
        count: those after it.

    Raises:
        AssertionError: Files were left open.
    """
    for number in range(warm):
        turn(number)
    gc.collect()
    before, files = resident(), descriptors()
    for number in range(warm, warm + count):
        turn(number)
    gc.collect()
    assert descriptors() == files, "files were left open"
    return resident() - before


def streaming(model: str, seed: int = 0) -> Callable[[int], None]:
    """Returns a turn: a second of one stream, in chunks of any length."""
    spotter = KeywordSpotter(model)
    stream = StreamingSpotter(spotter)
    rng = np.random.default_rng(seed)
    sound = (0.05 * rng.normal(size=160000)).astype(np.float32)

    def turn(number: int) -> None:
        start = number % 9 * 16000
        second = sound[start : start + 16000]
        while len(second):
            size = int(rng.integers(0, 4000))
            stream.push(second[:size])
            second = second[size:]
            if rng.integers(200) == 0:
                spotter.delta = int(rng.choice(spotter.deltas))

    return turn


def creating(model: str, engine: str | None = None) -> Callable[[int], None]:
    """Returns a turn: a spotter is made, asked and dropped."""
    sound = np.zeros(16000, np.float32)

    def turn(number: int) -> None:
        spotter = KeywordSpotter(model, engine=engine)
        if number % 100 == 0:
            StreamingSpotter(spotter).push(sound)

    return turn


def main() -> None:
    """Runs for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=6, help="of sound")
    parser.add_argument("--spotters", type=int, default=10000)
    parser.add_argument("--models", nargs="*", default=MODELS)
    options = parser.parse_args()
    failed = False
    for model in options.models:
        for name, turn, count in (
            (f"{options.hours:g} h", streaming(model), options.hours * 3600),
            ("spotters", creating(model), options.spotters),
            ("native spotters", creating(model, "native"), options.spotters),
        ):
            began = time.perf_counter()
            grown = growth(turn, max(20, int(count) // 100), int(count))
            failed |= grown > MOST_GROWTH
            print(
                f"{model}, {name}: {int(count)} turns in "
                f"{time.perf_counter() - began:.0f} s, {grown / 1024:+.0f} kB",
                flush=True,
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
