"""From a waveform to labelled probabilities, with a model file alone."""

import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bifsmn_tf import pretrained
from bifsmn_tf.audio import files
from bifsmn_tf.audio.log_mel import fit_length
from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.audio.log_mel import log_mel_frame
from bifsmn_tf.audio.resampling import resampled
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import mono
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.errors import UserError
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.converted import describe
from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.model_file.reader import ModelFile
from bifsmn_tf.runtime.runners import Runners
from bifsmn_tf.runtime.runners import RunOne
from bifsmn_tf.runtime.step_network import StepNetwork


class KeywordSpotter:
    """A keyword spotter from one .tflite; no TensorFlow is needed.

    Threads may share one: they take turns. A spotter each runs side by side.
    Everything in the file runs once when it is loaded: what is wrong with it
    comes to light then.

    >>> spotter = KeywordSpotter("bifsmn_stream-sc12")
    >>> spotter("recording.wav")
    {'yes': 0.97, 'no': 0.01, ...}
    >>> spotter(waveform, sample_rate=44100)
    {'yes': 0.97, 'no': 0.01, ...}
    >>> spotter.delta = 4          # a quarter of the depth, from the next call

    Args:
        model: path of a file that ``bifsmn_tf.convert`` wrote, or one of
            ``bifsmn_tf.models()``.
        delta: the depth to start with; by default the deepest one.
        num_threads: of the operations that are the runtime's own.
        engine: ``native``, the library's own, which runs what ``convert``
            writes for binary networks; or ``litert``, a TensorFlow Lite
            runtime. Both compute the same bits. By default ``litert`` where a
            runtime is installed.

    Attributes:
        engine: what runs the file.
        metadata: what the file says of its features, network and data set.
        labels: the classes, in the order of the logits.
        deltas: the depths that the file holds.
        steps: a streaming model's steps; None with a model of clips.
        detection: when a keyword counts as heard in a stream: as the file
            says, or by default.

    Raises:
        UserError: There is no such file, or it is damaged or not one of ours;
            it has no such depth; the native library is missing or refuses the
            model; there is no such engine; it gives no finite numbers.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        delta: int | None = None,
        num_threads: int = 1,
        engine: str | None = None,
    ) -> None:
        self._name = os.fspath(model)
        content = ModelFile.read(pretrained.find(self._name))
        try:
            self.metadata = describe(content)
        except UserError as error:
            raise UserError(f"{self._name}: {error}") from error
        self.labels = self.metadata.label_names
        self.deltas = self.metadata.network.deltas
        self.detection = self.metadata.detection or DetectionSettings.default(
            self.labels
        )
        runners = Runners(content, self._name, num_threads, engine)
        self.engine = runners.engine
        self.steps: StepNetwork | None = None
        self._network: Mapping[int, RunOne] = {}
        if self.metadata.network.streaming:
            self.steps = StepNetwork(content, self.metadata, runners)
        else:
            self._network = {
                depth: runners.one(
                    signatures.signature_key(depth),
                    signatures.FEATURES,
                    signatures.LOGITS,
                )
                for depth in self.deltas
            }
        self._clip: RunOne | None = None
        self._frame: RunOne | None = None
        sound = (signatures.AUDIO, signatures.FEATURES)
        if signatures.CLIP_SIGNATURE in content.signatures:
            self._clip = runners.one(signatures.CLIP_SIGNATURE, *sound)
        if signatures.FRAME_SIGNATURE in content.signatures:
            self._frame = runners.one(signatures.FRAME_SIGNATURE, *sound)
        self.delta = self.deltas[0] if delta is None else delta
        self._try(content)

    def __repr__(self) -> str:
        labels = ", ".join(self.labels)
        return (
            f"KeywordSpotter({self._name!r}, delta={self.delta} of "
            f"{list(self.deltas)}, labels: {labels})"
        )

    @property
    def delta(self) -> int:
        """The depth of the next call: every δ-th block runs (Eq. 13)."""
        return self._delta

    @delta.setter
    def delta(self, delta: int) -> None:
        if delta not in self.deltas:
            raise UserError(
                f"the model has no delta {delta}: one of {list(self.deltas)}"
            )
        self._delta = delta

    def __call__(
        self,
        sound: str | os.PathLike[str] | npt.ArrayLike,
        sample_rate: float | None = None,
    ) -> dict[str, float]:
        """Classifies one clip; a streaming model what it hears at its end.

        Args:
            sound: path of a sound file, which needs the package soundfile; or
                a waveform, float in [-1, 1] or int16, (samples,) or
                (samples, channels). A clip shorter than the model's (one
                second) is padded with silence; of a longer one the beginning
                is used.
            sample_rate: of a waveform, in Hz; 16,000 by default. A file has
                one of its own.

        Returns:
            A probability for each label; they sum to 1.

        Raises:
            UserError: The file cannot be read, or the waveform is empty, not
                finite or of another form.
        """
        if self.steps is None:
            features = self.features(sound, sample_rate)
            (probabilities,) = self.probabilities(features)
        else:
            samples = self._samples(sound, sample_rate)
            clip = fit_length(samples, self.metadata.features.samples)
            probabilities = softmax(self.steps.decisions(clip, self._delta)[-1])
        return dict(
            zip(self.labels, (float(p) for p in probabilities), strict=True)
        )

    def features(
        self,
        sound: str | os.PathLike[str] | npt.ArrayLike,
        sample_rate: float | None = None,
    ) -> FloatArray:
        """Computes the normalised log-mel features of a clip.

        Args:
            sound: as in :meth:`__call__`.
            sample_rate: as in :meth:`__call__`.

        Returns:
            float32 (1, frames, mels).

        Raises:
            UserError: As in :meth:`__call__`.
        """
        parameters = self.metadata.features
        samples = self._samples(sound, sample_rate)
        if self._clip is None:
            decibel = log_mel(samples, parameters)
            return self.metadata.statistics.normalise(decibel)[np.newaxis]
        return self._clip(fit_length(samples[np.newaxis], parameters.samples))

    def frame_features(self, samples: FloatArray) -> FloatArray:
        """Computes the normalised log-mel features of one frame.

        The file's signature ``frame`` computes them; of a file that has none,
        NumPy does, more slowly.

        Args:
            samples: in [-1, 1], as many as a frame has, at the model's rate.

        Returns:
            float32 (1, mels).
        """
        if self._frame is not None:
            return self._frame(samples[np.newaxis])[0]
        decibel = log_mel_frame(samples, self.metadata.features)
        return self.metadata.statistics.normalise(decibel)

    def logits(self, features: npt.ArrayLike) -> FloatArray:
        """Runs the network alone.

        Args:
            features: normalised log-mel, (n, frames, mels).

        Returns:
            float32 (n, labels).

        Raises:
            UserError: The features have another shape.
        """
        if self.steps is not None:
            raise UserError(
                f"{self._name} reads a stream, not features of clips: use "
                "StreamingSpotter"
            )
        network = self.metadata.network
        clips = np.asarray(features, np.float32)
        if clips.shape[1:] != (network.frames, network.mels):
            raise UserError(
                f"features have shape {clips.shape}, not "
                f"(n, {network.frames}, {network.mels})"
            )
        run = self._network[self._delta]
        return np.concatenate(
            [run(clip[np.newaxis]) for clip in clips]
            or [np.empty((0, len(self.labels)), np.float32)]
        )

    def probabilities(self, features: npt.ArrayLike) -> FloatArray:
        """Runs the network alone, and takes the softmax of its logits.

        Args:
            features: normalised log-mel, (n, frames, mels).

        Returns:
            float32 (n, labels).

        Raises:
            UserError: The features have another shape.
        """
        return softmax(self.logits(features))

    def _samples(
        self,
        sound: str | os.PathLike[str] | npt.ArrayLike,
        sample_rate: float | None,
    ) -> FloatArray:
        wanted = self.metadata.features.sample_rate
        if isinstance(sound, str | os.PathLike):
            if sample_rate is not None:
                raise UserError("a sound file has a sample rate of its own")
            return to_float(files.read(sound, wanted))
        rate = files.SAMPLE_RATE if sample_rate is None else sample_rate
        return resampled(mono(sound), rate, wanted)

    def _try(self, content: ModelFile) -> None:
        """Runs everything once, so that no fault shows later.

        What an op finds wrong with its tensors a runtime says when it runs.

        Raises:
            UserError: Something does not run, or gives no numbers.
        """
        if self.steps is not None:
            for depth in self.deltas:
                self.steps.start(depth)
            return
        for key, run in (
            (signatures.CLIP_SIGNATURE, self._clip),
            (signatures.FRAME_SIGNATURE, self._frame),
        ):
            if run is not None:
                entry = content.signatures[key].inputs[signatures.AUDIO]
                run(np.zeros(entry.shape, np.float32))
        network = self.metadata.network
        for run in self._network.values():
            run(np.zeros((1, network.frames, network.mels), np.float32))


def softmax(logits: FloatArray) -> FloatArray:
    """Returns the probabilities of logits, float32 (..., labels).

    They are computed in double precision, so that what is rounded to floats is
    the same in C (``custom_ops/engine/spotter.cc``).
    """
    exact = np.asarray(logits, np.float64)
    exponentials = np.exp(exact - exact.max(axis=-1, keepdims=True))
    total = exponentials.sum(axis=-1, keepdims=True)
    return (exponentials / total).astype(np.float32)
