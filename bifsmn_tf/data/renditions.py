"""Features of augmented clips, computed in parallel and kept on disk.

A log-mel of an augmented clip costs about a millisecond, a training step of a
small network less than that a clip. So the renditions of an epoch are computed
once, when they are first needed, and read back in every later epoch that uses
them.
"""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tqdm

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import augment
from bifsmn_tf.data.augmentation import rendition_rng
from bifsmn_tf.data.workers import Workers

# Change it when the same parameters come to mean other features.
_FORMAT = 1
_CHUNK = 64
# Below this, starting processes takes longer than doing without.
_WORTH_WORKERS = 1024


class Renderer:
    """Everything that the features of a rendition depend on.

    Args:
        noise: background recordings to mix in, float32.
        features: how a waveform becomes features.
        augmentation: how it is varied before that.
        seed: of the variation.
    """

    def __init__(
        self,
        noise: Sequence[FloatArray],
        features: Features,
        augmentation: AugmentationParameters,
        seed: int,
    ) -> None:
        self.noise = tuple(np.asarray(part, np.float32) for part in noise)
        self.features = features
        self.augmentation = augmentation
        self.seed = seed
        for part in self.noise:
            if part.ndim != 1 or len(part) < features.samples:
                raise ValueError(
                    "a background recording has to be (samples,), at least "
                    f"{features.samples} of them, not {part.shape}"
                )

    def render(
        self,
        waveforms: np.ndarray,
        indices: np.ndarray,
        rendition: int | None,
    ) -> FloatArray:
        """Computes features of clips in one rendition.

        Args:
            waveforms: int16 (n, samples).
            indices: (n,), the place of each in its split.
            rendition: which; None for the clips as they are.

        Returns:
            float32 (n, frames, mels) in decibel, or what else
            ``features.extract`` gives.
        """
        sounds = to_float(waveforms)
        if rendition is not None:
            sounds = np.stack(
                [
                    augment(
                        sound,
                        self.noise,
                        self.augmentation,
                        rendition_rng(self.seed, int(i), rendition),
                        self.features.sample_rate,
                    )
                    for sound, i in zip(sounds, indices, strict=True)
                ]
            )
        return self.features.extract(sounds)

    def fingerprint(self) -> Any:
        """Returns what tells this renderer from others, for a cache's key."""
        noise = hashlib.blake2b(digest_size=16)
        for part in self.noise:
            noise.update(str(part.shape).encode())
            noise.update(np.ascontiguousarray(part).data)
        return {
            "format": _FORMAT,
            "noise": noise.hexdigest(),
            "features": self.features.to_dict(),
            "augmentation": self.augmentation.to_dict(),
            "seed": self.seed,
        }


def set_up(*arguments: Any) -> Renderer:
    """Makes a worker's renderer; for ``Workers``."""
    return Renderer(*arguments)


def render(renderer: Renderer, task: tuple[Any, ...]) -> FloatArray:
    """Renders one chunk of clips; for ``Workers``."""
    return renderer.render(*task)


class Renditions:
    """The renditions of a split, computed when asked for.

    Args:
        waveforms: int16 (n, samples).
        renderer: makes features of them.
        cache_dir: where finished renditions are kept, in a folder named by a
            hash of the waveforms and of all that the renderer depends on.
            None computes them anew each time.
        workers: how many processes compute; None for one a processor, 0 for
            this process alone.
        progress: whether to show a progress bar.
    """

    def __init__(
        self,
        waveforms: np.ndarray,
        renderer: Renderer,
        cache_dir: str | os.PathLike[str] | None,
        *,
        workers: int | None = None,
        progress: bool = True,
    ) -> None:
        self._waveforms = waveforms
        self._renderer = renderer
        self._progress = progress
        self._count = workers
        self._workers: Workers | None = None
        self.folder: Path | None = None
        if cache_dir is not None:
            data = hashlib.blake2b(digest_size=16)
            data.update(str(waveforms.shape).encode())
            data.update(np.ascontiguousarray(waveforms).data)
            key = json.dumps(
                [data.hexdigest(), renderer.fingerprint()], sort_keys=True
            )
            name = hashlib.sha256(key.encode()).hexdigest()[:16]
            self.folder = Path(cache_dir) / f"features-{name}"

    def stream(
        self, chunks: Iterator[np.ndarray], rendition: int | None
    ) -> Iterator[FloatArray]:
        """Yields the features of each chunk of indices, in order."""
        tasks = ((self._waveforms[chunk], chunk, rendition) for chunk in chunks)
        if self._count == 0 or len(self._waveforms) < _WORTH_WORKERS:
            for task in tasks:
                yield render(self._renderer, task)
            return
        if self._workers is None:
            self._workers = Workers(
                f"{__name__}:set_up",
                self._renderer.noise,
                self._renderer.features,
                self._renderer.augmentation,
                self._renderer.seed,
                count=self._count,
            )
        yield from self._workers.map(f"{__name__}:render", tasks)

    def __call__(self, rendition: int | None) -> np.ndarray:
        """Returns the features of all clips, float16 (n, frames, mels), in dB.

        Half precision is exact to 0.03 dB up to 64 dB and 0.06 dB beyond, a
        thousandth of what the features vary by. A rendition that is on disk is
        mapped, not read.
        """
        name = "original" if rendition is None else f"rendition-{rendition}"
        if self.folder is None:
            return np.concatenate(list(self._parts(rendition, name)))
        path = self.folder / f"{name}.npy"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            # Under another name until it is whole: what bears the right one
            # can be trusted, whenever this process is killed.
            partial = path.with_suffix(f".{uuid.uuid4().hex}.partial")
            try:
                self._write(self._parts(rendition, name), partial)
                os.replace(partial, path)
            finally:
                partial.unlink(missing_ok=True)
        return np.load(path, mmap_mode="r")

    def _write(self, parts: Iterator[np.ndarray], path: Path) -> None:
        # Not through a memory map: on a full disk that is a crash instead of
        # an error.
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)),
            "fortran_order": False,
            "shape": (len(self._waveforms), *self._renderer.features.shape),
        }
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in parts:
                file.write(part.data)
            file.flush()
            os.fsync(file.fileno())

    def _parts(
        self, rendition: int | None, name: str
    ) -> Iterator[npt.NDArray[np.float16]]:
        n = len(self._waveforms)
        chunks = (
            np.arange(start, min(start + _CHUNK, n))
            for start in range(0, n, _CHUNK)
        )
        with tqdm.tqdm(
            total=n,
            desc=f"features, {name}",
            unit="clip",
            disable=None if self._progress else True,
            leave=False,
        ) as bar:
            for features in self.stream(chunks, rendition):
                yield features.astype(np.float16)
                bar.update(len(features))

    def close(self) -> None:
        """Ends the worker processes."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None
