"""From a waveform to labelled probabilities, with a model file alone."""

import os
from collections.abc import Callable

import numpy as np
import soxr

from bifsmn_tf import pretrained
from bifsmn_tf.audio import log_mel as log_mel_features
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.runtime import interpreter as runtime


class KeywordSpotter:
    """A keyword spotter from one .tflite; no TensorFlow is needed.

    >>> spotter = KeywordSpotter("bifsmn-sc10")
    >>> spotter(waveform, sample_rate=44100)
    {'yes': 0.97, 'no': 0.01, ...}
    >>> spotter.delta = 4          # a quarter of the depth, from the next call

    Args:
        model: path of a file that ``bifsmn_tf.convert`` wrote, or one of
            ``bifsmn_tf.models()``.
        delta: the depth to start with; by default the deepest one.
        num_threads: of the runtime's own operations.

    Attributes:
        labels: the classes, in the order of the logits.
        deltas: the depths that the file holds.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or not one of ours.
        RuntimeError: the native library is missing or refuses the model.
    """

    def __init__(
        self,
        model: str | os.PathLike,
        delta: int | None = None,
        num_threads: int = 1,
    ):
        content = pretrained.find(os.fspath(model)).read_bytes()
        try:
            self.metadata = ModelMetadata.of_model(content)
        except ValueError as error:
            raise ValueError(f"{model}: {error}") from error
        self.labels = self.metadata.label_names
        self.deltas = self.metadata.network.deltas
        self._interpreter = runtime.make_interpreter(
            content, num_threads=num_threads
        )
        self._runners = {}
        for depth in self.deltas:
            key = signatures.signature_key(depth)
            runner = self.signature(key)
            if runner is None:
                raise ValueError(f"{model}: it has no signature {key}")
            self._runners[depth] = runner
        self._run_clip = self.signature(signatures.CLIP_SIGNATURE)
        self.delta = self.deltas[0] if delta is None else delta

    @property
    def delta(self) -> int:
        """The depth of the next call: every δ-th block runs (Eq. 13)."""
        return self._delta

    @delta.setter
    def delta(self, delta: int) -> None:
        if delta not in self._runners:
            raise ValueError(
                f"the model has no delta {delta}: one of {list(self.deltas)}"
            )
        self._delta = delta

    def signature(self, key: str) -> Callable[..., dict] | None:
        """A function that runs a signature, or None if the file has it not."""
        if key not in self._interpreter.get_signature_list():
            return None
        return self._interpreter.get_signature_runner(key)

    def __call__(
        self, waveform: np.ndarray, sample_rate: int = 16000
    ) -> dict[str, float]:
        """Classifies one clip.

        Args:
            waveform: float in [-1, 1] or int16, (samples,) or
                (samples, channels). A clip shorter than the model's (one
                second) is padded with silence; of a longer one the beginning
                is used.
            sample_rate: of the waveform, in Hz.

        Returns:
            A probability for each label; they sum to 1.

        Raises:
            ValueError: the waveform is empty, not finite or of another form.
        """
        logits = self.logits(self.features(waveform, sample_rate))[0]
        exponentials = np.exp(logits - logits.max())
        probabilities = exponentials / exponentials.sum()
        return dict(
            zip(self.labels, (float(p) for p in probabilities), strict=True)
        )

    def features(
        self, waveform: np.ndarray, sample_rate: int = 16000
    ) -> np.ndarray:
        """The normalised log-mel features of a clip: (1, frames, mels)."""
        parameters = self.metadata.features
        samples = _mono(waveform)
        if not np.isfinite(sample_rate) or sample_rate <= 0:
            raise ValueError(f"a sample rate of {sample_rate} Hz is no rate")
        if sample_rate != parameters.sample_rate:
            samples = soxr.resample(
                samples, sample_rate, parameters.sample_rate
            ).astype(np.float32)
        run = self._run_clip
        if run is None:
            log_mel = log_mel_features.log_mel(samples, parameters)
            return self.metadata.statistics.normalise(log_mel)[np.newaxis]
        clip = log_mel_features.fit_length(
            samples[np.newaxis], parameters.samples
        )
        return run(**{signatures.AUDIO: clip})[signatures.FEATURES]

    def logits(self, features: np.ndarray) -> np.ndarray:
        """The network alone.

        Args:
            features: normalised log-mel, (n, frames, mels).

        Returns:
            float32 (n, labels).

        Raises:
            ValueError: the features have another shape.
        """
        network = self.metadata.network
        features = np.asarray(features, np.float32)
        if features.shape[1:] != (network.frames, network.mels):
            raise ValueError(
                f"features have shape {features.shape}, not "
                f"(n, {network.frames}, {network.mels})"
            )
        run = self._runners[self._delta]
        return np.concatenate(
            [
                run(**{signatures.FEATURES: clip[np.newaxis]})[
                    signatures.LOGITS
                ]
                for clip in features
            ]
            or [np.empty((0, len(self.labels)), np.float32)]
        )


def _mono(waveform: np.ndarray) -> np.ndarray:
    waveform = np.asarray(waveform)
    if waveform.ndim not in (1, 2) or not waveform.size:
        raise ValueError(
            f"a waveform is (samples,) or (samples, channels), not "
            f"{waveform.shape}"
        )
    if waveform.dtype == np.int16:
        samples = waveform.astype(np.float32) / 32768
    elif np.issubdtype(waveform.dtype, np.floating):
        samples = waveform.astype(np.float32)
    else:
        raise ValueError(
            f"a waveform is float in [-1, 1] or int16, not {waveform.dtype}"
        )
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    if not np.all(np.isfinite(samples)):
        raise ValueError("the waveform has samples that are not finite")
    return samples
