"""Runs functions in other processes, in order and with progress.

``multiprocessing`` either forks, which TensorFlow's threads do not survive, or
imports the caller's main module again in every worker: seconds of TensorFlow
for a process that only needs NumPy, and an endless loop for a script without
``if __name__ == "__main__"``. So a worker here is a plain Python process that
imports just the function it is told to call. It ends when its pipe closes,
whatever happened to this process.
"""

import collections
import contextlib
import functools
import importlib
import os
import pickle
import queue
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO
from typing import Any

_LENGTH = struct.Struct("<Q")


class WorkerError(RuntimeError):
    """A worker died; the message says how."""


def processors() -> int:
    """Returns how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _send(stream: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)


class _Worker:
    def __init__(self, setup: tuple[str, tuple[Any, ...]]) -> None:
        root = str(Path(__file__).resolve().parents[2])
        path = os.environ.get("PYTHONPATH")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([root, path] if path else [root]),
            # One process a processor: threads inside would only be in the way.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bifsmn_tf.data.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        try:
            self.call(setup)
        except BaseException:
            self.close()
            raise

    def call(self, message: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            _send(self.process.stdin, message)
            failed, value = _receive(self.process.stdout)
        except (EOFError, OSError) as error:
            code = self.process.wait()
            raise WorkerError(
                f"A worker process ended with exit code {code}; was it "
                "killed for its memory?"
            ) from error
        if failed:
            exception, trace = value
            raise exception from WorkerError(f"in a worker:\n{trace}")
        return value

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()
        self.process.wait()


class Workers:
    """A pool of processes that share one piece of state each.

    Args:
        setup: "module:function", called once in each worker.
        *arguments: of ``setup``; pickled.
        count: how many processes; as many as there are processors if None.

    Use it as a context manager, or call ``close``.
    """

    def __init__(
        self, setup: str, *arguments: Any, count: int | None = None
    ) -> None:
        self.count = count or processors()
        self._threads = ThreadPoolExecutor(self.count)
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        try:
            for future in [
                self._threads.submit(self._start, (setup, arguments))
                for _ in range(self.count)
            ]:
                future.result()
        except BaseException:
            self.close()
            raise

    def _start(self, setup: tuple[str, tuple[Any, ...]]) -> None:
        worker = _Worker(setup)
        self._workers.append(worker)
        self._idle.put(worker)

    def _run(self, function: str, item: Any) -> Any:
        worker = self._idle.get()
        try:
            return worker.call((function, item))
        finally:
            self._idle.put(worker)

    def map(self, function: str, items: Iterable[Any]) -> Iterator[Any]:
        """Calls ``function(state, item)`` for each item, in parallel.

        Args:
            function: "module:function"; ``state`` is what ``setup`` returned.
            items: pickled one by one; only a few are held at a time.

        Yields:
            The results in the order of the items.

        Raises:
            Exception: what the function raised.
            WorkerError: a worker died.
        """
        return self.starmap((function, item) for item in items)

    def starmap(self, calls: Iterable[tuple[str, Any]]) -> Iterator[Any]:
        """As ``map``, with a function for each item: (function, item)."""
        pending: collections.deque[Any] = collections.deque()
        try:
            for function, item in calls:
                pending.append(self._threads.submit(self._run, function, item))
                if len(pending) > 2 * self.count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """Ends the processes, after what they are at."""
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()
        self._workers = []

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def resolve(name: str) -> Callable[..., Any]:
    """Returns the function that "module:function" names."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def _call(function: str, state: Any, item: Any) -> Any:
    return resolve(function)(state, item)


def _serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    def answer(call: Callable[[], Any]) -> Any:
        try:
            value, failed = call(), False
        except Exception as error:
            failed = True
            trace = traceback.format_exc()
            try:
                pickle.loads(pickle.dumps(error))
                value = (error, trace)
            except Exception:
                value = (RuntimeError(repr(error)), trace)
        _send(replies, (failed, value))
        return value

    with contextlib.suppress(EOFError, BrokenPipeError):
        name, arguments = _receive(requests)
        state = answer(lambda: resolve(name)(*arguments))
        while True:
            function, item = _receive(requests)
            answer(functools.partial(_call, function, state, item))


def main() -> None:
    """Answers the requests on standard input until it closes."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the replies.
    os.dup2(2, 1)
    with contextlib.suppress(KeyboardInterrupt):
        _serve(requests, replies)


if __name__ == "__main__":
    main()
