"""Features of augmented clips, computed in parallel and kept on disk.

The log-mel features of an augmented clip cost about a millisecond, a training
step of a small network less than that a clip. So those of an epoch are computed
once, when they are first needed, and read back in every later epoch that uses
the same augmented copies.
"""

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import tqdm

from bifsmn_tf import whole_file
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import Int16Array
from bifsmn_tf.data.feature_extractor import Extractor
from bifsmn_tf.data.feature_extractor import IndexArray
from bifsmn_tf.data.workers import Workers

_CHUNK = 64
# Below this, starting processes takes longer than doing without.
_WORTH_WORKERS = 1024

_Task = tuple[Int16Array, IndexArray, int | None]


def _extract(extractor: Extractor, task: _Task) -> FloatArray:
    return extractor.extract(*task)


def _extract_both(
    pair: tuple[Extractor, Extractor], task: _Task
) -> tuple[FloatArray, FloatArray]:
    one, other = pair
    sounds = one.sounds(*task)
    return one.read(sounds), other.read(sounds)


def _name(copy: int | None) -> str:
    return "original" if copy is None else f"copy-{copy}"


class FeatureCache:
    """The features of a split, one augmented copy of it after the other.

    Args:
        waveforms: int16 (n, samples).
        extractor: makes features of them.
        cache_dir: where finished copies are kept, in a folder named by a hash
            of the waveforms and of all that the extractor depends on. None
            computes them anew each time.
        workers: how many processes compute; None for one a processor, 0 for
            this process alone.
        progress: whether to show a progress bar.

    Attributes:
        extractor: makes features of them.
        folder: the one that copies are kept in, or None.
    """

    def __init__(
        self,
        waveforms: Int16Array,
        extractor: Extractor,
        cache_dir: str | os.PathLike[str] | None,
        *,
        workers: int | None = None,
        progress: bool = True,
    ) -> None:
        self._waveforms = waveforms
        self.extractor = extractor
        self._progress = progress
        self._count = workers
        self._workers: Workers | None = None
        self._cache_dir = cache_dir
        self.folder: Path | None = None
        if cache_dir is not None:
            self.folder = Path(cache_dir) / f"features-{self.key}"

    @functools.cached_property
    def key(self) -> str:
        """What tells clips and extractor from others: a hash in hex."""
        data = hashlib.blake2b(digest_size=16)
        data.update(str(self._waveforms.shape).encode())
        data.update(np.ascontiguousarray(self._waveforms).data)
        key = json.dumps(
            [data.hexdigest(), self.extractor.fingerprint()], sort_keys=True
        )
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    def reading(self, extractor: Extractor) -> "FeatureCache":
        """Returns what keeps what another extractor makes of the same clips."""
        return FeatureCache(
            self._waveforms,
            extractor,
            self._cache_dir,
            workers=self._count,
            progress=self._progress,
        )

    def stream(
        self, chunks: Iterator[IndexArray], copy: int | None
    ) -> Iterator[FloatArray]:
        """Computes the features of clips, a chunk at a time, uncached.

        Args:
            chunks: indices of clips.
            copy: the number of the augmented copy; None for the clips as they
                are.

        Yields:
            The features of each chunk, float32 (len(chunk), frames, mels).

        Raises:
            WorkerError: A process that computes died.
        """
        tasks = self._tasks(chunks, copy)
        if not self.in_processes:
            for task in tasks:
                yield self.extractor.extract(*task)
            return
        if self._workers is None:
            self._workers = Workers(self.extractor, count=self._count)
        yield from self._workers.map(_extract, tasks)

    def _tasks(
        self, chunks: Iterator[IndexArray], copy: int | None
    ) -> Iterator[_Task]:
        return ((self._waveforms[chunk], chunk, copy) for chunk in chunks)

    @property
    def in_processes(self) -> bool:
        """Whether other processes than this one compute."""
        return self._count != 0 and len(self._waveforms) >= _WORTH_WORKERS

    def __call__(
        self, copy: int | None, *, quiet: bool = False
    ) -> npt.NDArray[np.float16]:
        """Returns the features of all clips, computed or from the disk.

        Half precision is exact to 0.03 dB up to 64 dB and 0.06 dB beyond, a
        thousandth of what the features vary by.

        Args:
            copy: the number of the augmented copy; None for the clips as they
                are.
            quiet: show no progress bar.

        Returns:
            float16 (n, frames, mels), in dB; mapped, not read, if it is kept
            on disk.

        Raises:
            WorkerError: A process that computes died.
        """
        show = self._progress and not quiet
        path = self._path(copy)
        if path is None:
            with self._bar(copy, show) as bar:
                return np.concatenate(list(self._parts(copy, bar)))
        if not path.exists():
            with self._bar(copy, show) as bar, self._writing(path) as file:
                for part in self._parts(copy, bar):
                    file.write(part.data)
        return np.load(path, mmap_mode="r")

    def beside(self, other: "FeatureCache", copies: Sequence[int]) -> None:
        """Computes copies of this and of another one of the same sound.

        The sound is made once. What only one of them lacks, or what is not
        kept, is left to each one's own.

        Args:
            other: what :meth:`reading` gave.
            copies: their numbers.

        Raises:
            WorkerError: A process that computes died.
        """
        pair = (self.extractor, other.extractor)
        lacking = [
            (copy, path, its)
            for copy in copies
            if (path := self._path(copy)) and (its := other._path(copy))
            if not path.exists() and not its.exists()
        ]
        if not lacking:
            return
        with contextlib.ExitStack() as stack:
            computed: Callable[..., Iterator[tuple[FloatArray, FloatArray]]]
            if self.in_processes:
                workers = Workers(pair, count=self._count)
                stack.enter_context(workers)
                computed = functools.partial(workers.map, _extract_both)
            else:
                computed = functools.partial(
                    map, functools.partial(_extract_both, pair)
                )
            for copy, path, its in lacking:
                with (
                    self._bar(copy, self._progress) as bar,
                    self._writing(path) as file,
                    other._writing(its) as second,
                ):
                    for one, two in computed(self._tasks(self._chunks(), copy)):
                        file.write(one.astype(np.float16).data)
                        second.write(two.astype(np.float16).data)
                        bar.update(len(one))

    def _path(self, copy: int | None) -> Path | None:
        if self.folder is None:
            return None
        return self.folder / f"{_name(copy)}.npy"

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[IO[bytes]]:
        """Opens a file that has a copy's header, and becomes ``path``."""
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)),
            "fortran_order": False,
            "shape": (len(self._waveforms), *self.extractor.shape),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        # Under another name until it is whole: what bears the right one can be
        # trusted, whenever this process is killed. Not through a memory map:
        # on a full disk that is a crash instead of an error.
        with (
            whole_file.replacing(path) as partial,
            open(partial, "wb") as file,
        ):
            np.lib.format.write_array_header_1_0(file, header)
            yield file

    def _chunks(self) -> Iterator[IndexArray]:
        n = len(self._waveforms)
        for start in range(0, n, _CHUNK):
            yield np.arange(start, min(start + _CHUNK, n))

    def _bar(self, copy: int | None, show: bool) -> tqdm.tqdm:
        return tqdm.tqdm(
            total=len(self._waveforms),
            desc=f"features, {_name(copy)}",
            unit="clip",
            disable=None if show else True,
            leave=False,
        )

    def _parts(
        self, copy: int | None, bar: tqdm.tqdm
    ) -> Iterator[npt.NDArray[np.float16]]:
        for features in self.stream(self._chunks(), copy):
            yield features.astype(np.float16)
            bar.update(len(features))

    def close(self) -> None:
        """Ends the worker processes."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None
