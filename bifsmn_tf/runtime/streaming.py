"""From a stream of sound to a decision every hop, with a model file alone.

    spotter = StreamingSpotter(KeywordSpotter("bifsmn.tflite"))
    for chunk in microphone:                       # of any length
        for decision in spotter.push(chunk):
            label = spotter.labels[decision.probabilities.argmax()]

Frame *t* of a stream is the samples from *t* hops on, ``frame_length`` of them,
and is computed once, when the last of them has come. A decision is made of the
newest frames, as many as a clip has. So the network gets what it would get in
the middle of a long recording: nothing is reflected, whereas the first and the
last two of a clip's 32 frames, which reach over its ends, are mirrored there
(with the default features). The frames in between are equal to those of the
clip around them.

The first decision comes when there are enough frames, with the default features
after 31 * 512 + 2048 samples, 1.12 seconds; then there is one every 32 ms.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import checked
from bifsmn_tf.errors import UserError
from bifsmn_tf.runtime.spotter import KeywordSpotter


class Decision(NamedTuple):
    """How likely the network finds each label, up to a moment.

    Attributes:
        end: samples of the stream up to the end of the newest frame.
        probabilities: of each label, in the order of the spotter's labels;
            they sum to 1.
    """

    end: int
    probabilities: FloatArray


class StreamingSpotter:
    """Decides every hop of a stream; computes one new frame for it.

    Args:
        spotter: whose model is used. Its ``delta`` may be changed at any time.

    Attributes:
        labels: the classes, in the order of a decision's probabilities.
    """

    def __init__(self, spotter: KeywordSpotter) -> None:
        self.labels = spotter.labels
        self._spotter = spotter
        self._parameters = spotter.metadata.features
        self.reset()

    def __repr__(self) -> str:
        return f"StreamingSpotter({self._spotter!r})"

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
            UserError: The samples are not finite or of another form.
        """
        length, hop = self._parameters.frame_length, self._parameters.hop
        new = checked(samples)
        if new.ndim != 1:
            raise UserError(f"a stream is (samples,), not {new.shape}")
        self._samples = np.concatenate([self._samples, new])
        frames = self._spotter.metadata.network.frames
        decisions = []
        start = self._next_frame - self._consumed
        while start + length <= len(self._samples):
            row = self._spotter.frame_features(
                self._samples[start : start + length]
            )
            self._features = np.concatenate([self._features, row])[-frames:]
            if len(self._features) == frames:
                end = self._consumed + start + length
                (probabilities,) = self._spotter.probabilities(
                    self._features[np.newaxis]
                )
                decisions.append(Decision(end, probabilities))
            start += hop
        # What no later frame has in it is dropped.
        passed = min(start, len(self._samples))
        self._next_frame = self._consumed + start
        self._consumed += passed
        self._samples = self._samples[passed:]
        return decisions
