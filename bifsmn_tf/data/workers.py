"""Runs functions in other processes: loky's, in order and a few at a time.

loky's workers are plain Python processes that import what they are told to call
and nothing else. ``multiprocessing`` would fork, which TensorFlow's threads do
not survive, or import the caller's main module again in every worker: seconds
of TensorFlow for a process that only needs NumPy, and an endless loop for a
script without ``if __name__ == "__main__"``. What is added here is that items
are only taken as results are, so that a data set need not be in memory twice,
and that arguments which all calls share are sent once.
"""

import collections
import os
import signal
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any
from typing import TypeVar

import loky
from loky.process_executor import TerminatedWorkerError

from bifsmn_tf.errors import UserError

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# One process a processor: threads inside would only be in the way.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# In a worker: the arguments that all calls share.
_shared: tuple[Any, ...] = ()


class WorkerError(UserError):
    """A worker died; the message says how, and what may help."""


class Workers:
    """A pool of processes; a context manager, or call :meth:`close`.

    Args:
        *shared: the first arguments of every call, sent to each process once.
        count: how many processes; as many as there are processors if None.

    Attributes:
        count: how many processes there are at most.
    """

    def __init__(self, *shared: Any, count: int | None = None) -> None:
        self.count = count or loky.cpu_count()
        self._executor = loky.ProcessPoolExecutor(
            self.count,
            initializer=_begin,
            initargs=(os.getpid(), shared),
            env=_ENVIRONMENT,
        )
        self._unfinished: set[Future[Any]] = set()

    def map(
        self, function: Callable[..., _Result], items: Iterable[_Item]
    ) -> Iterator[_Result]:
        """Calls ``function(*shared, item)`` for each item, in parallel.

        Args:
            function: one that a module defines, pickled by its name.
            items: pickled one by one; only a few are held at a time.

        Yields:
            The results in the order of the items.

        Raises:
            Exception: What the function raised, with the worker's traceback
                as its cause.
            WorkerError: A worker died.
        """
        pending: collections.deque[Future[_Result]] = collections.deque()
        try:
            for item in items:
                pending.append(self._submit(function, item))
                if len(pending) > 2 * self.count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except TerminatedWorkerError as error:
            # loky's message names the exit code, in several lines.
            message = " ".join(str(error).split())
            raise WorkerError(
                f"{message}. With fewer workers, less memory is in use."
            ) from error
        # What is pending when nobody asks for more is computed or, when the
        # pool is closed, given up: loky takes a cancelled one for an error.

    def _submit(
        self, function: Callable[..., _Result], item: _Item
    ) -> "Future[_Result]":
        future = self._executor.submit(_call, function, item)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def close(self) -> None:
        """Ends the processes, whatever they are at."""
        self._executor.shutdown(kill_workers=bool(self._unfinished))

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _begin(parent: int, shared: tuple[Any, ...]) -> None:
    global _shared
    _shared = shared
    # A terminal's Ctrl-C reaches workers too. The process that began them
    # ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Unless it was killed: a worker of loky's then waits for ever.
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _call(function: Callable[..., _Result], item: Any) -> _Result:
    return function(*_shared, item)
