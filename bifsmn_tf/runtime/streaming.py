"""From a stream of sound to a decision every hop, with a model file alone.

    spotter = StreamingSpotter(KeywordSpotter("bifsmn.tflite"))
    for chunk in microphone:                       # of any length
        for decision in spotter.push(chunk):
            label = spotter.labels[decision.probabilities.argmax()]

Frame *t* of a stream is the samples from *t* hops on, ``frame_length`` of them,
and is computed once, when the last of them has come. A decision is made of the
newest frames, as many as a clip has. So the network hears what it would hear in
the middle of a long recording: nothing is reflected, whereas the first and the
last two of a clip's 32 frames, which reach over its ends, are mirrored there
(with the default features). The frames in between are equal to those of the
clip around them.

The first decision comes when there are enough frames, with the default features
after 31 * 512 + 2048 samples, 1.12 seconds; then there is one every 32 ms.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.log_mel import log_mel
from bifsmn_tf.model_file import signatures
from bifsmn_tf.runtime.spotter import KeywordSpotter

FloatArray = npt.NDArray[np.float32]


class Decision(NamedTuple):
    """What the network makes of the sound up to a moment.

    Attributes:
        end: samples of the stream up to the end of what was heard.
        probabilities: of each label, in the order of the spotter's labels;
            they sum to 1.
    """

    end: int
    probabilities: FloatArray


class StreamingSpotter:
    """Decides every hop of a stream; computes one new frame for it.

    The file's signature ``frame`` computes the frame; a file that has none is
    served by NumPy, more slowly.

    Args:
        spotter: whose model is used. Its ``delta`` may be changed at any time.

    Attributes:
        labels: the classes, in the order of a decision's probabilities.
    """

    def __init__(self, spotter: KeywordSpotter):
        self.labels = spotter.labels
        self._spotter = spotter
        self._parameters = spotter.metadata.features
        self._run_frame = spotter.signature(signatures.FRAME_SIGNATURE)
        self.reset()

    def reset(self) -> None:
        """Forgets the stream: the next sample is the first of another one."""
        self._samples = np.empty(0, np.float32)
        self._next_frame = 0
        self._consumed = 0
        self._features = np.empty((0, self._parameters.n_mels), np.float32)

    def push(self, samples: npt.ArrayLike) -> list[Decision]:
        """Takes the next samples of the stream.

        Args:
            samples: float in [-1, 1] or int16, of the rate that the model's
                features have; (samples,), as many as there are.

        Returns:
            The decisions that can be made now, oldest first: none, one, or
            several if the samples are those of several hops.

        Raises:
            ValueError: the samples are not finite or of another form.
        """
        length, hop = self._parameters.frame_length, self._parameters.hop
        self._samples = np.concatenate([self._samples, _checked(samples)])
        frames = self._spotter.metadata.network.frames
        decisions = []
        start = self._next_frame - self._consumed
        while start + length <= len(self._samples):
            row = self._frame(self._samples[start : start + length])
            self._features = np.concatenate([self._features, row])[-frames:]
            if len(self._features) == frames:
                end = self._consumed + start + length
                decisions.append(Decision(end, self._probabilities()))
            start += hop
        # What no later frame has in it is dropped.
        passed = min(start, len(self._samples))
        self._next_frame = self._consumed + start
        self._consumed += passed
        self._samples = self._samples[passed:]
        return decisions

    def _frame(self, samples: FloatArray) -> FloatArray:
        if self._run_frame is not None:
            results = self._run_frame(**{signatures.AUDIO: samples[np.newaxis]})
            return results[signatures.FEATURES][0]
        # Of a clip that is one frame long, the frame in the middle.
        length = self._parameters.frame_length
        parameters = dataclasses.replace(
            self._parameters,
            duration=length / self._parameters.sample_rate,
            hop=length // 2,
        )
        row = log_mel(samples, parameters)[1:2]
        return self._spotter.metadata.statistics.normalise(row)

    def _probabilities(self) -> FloatArray:
        logits = self._spotter.logits(self._features[np.newaxis])[0]
        exponentials = np.exp(logits - logits.max())
        return exponentials / exponentials.sum()


def _checked(samples: npt.ArrayLike) -> FloatArray:
    values = np.asarray(samples)
    if values.ndim != 1:
        raise ValueError(f"a stream is (samples,), not {values.shape}")
    if values.dtype == np.int16:
        return values.astype(np.float32) / 32768
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"a stream is float in [-1, 1] or int16, not {values.dtype}"
        )
    if not np.all(np.isfinite(values)):
        raise ValueError("the stream has samples that are not finite")
    return values.astype(np.float32)
