"""From sound that goes on to the words in it: a stream and its detector."""

import dataclasses

import numpy as np
import numpy.typing as npt

from bifsmn_tf.model_file.detection import DetectionSettings
from bifsmn_tf.runtime.detector import Detection
from bifsmn_tf.runtime.detector import Detector
from bifsmn_tf.runtime.spotter import KeywordSpotter
from bifsmn_tf.runtime.streaming import StreamingSpotter

_SECONDS_BEHIND = 1.0
"""Of silence behind the end: a word at the end of a recording is certain only
in the decisions after it, and a model of clips has to see all of it."""


class Listener:
    """Hears the words of one stream, which one thread pushes.

    Args:
        spotter: whose model is used; its ``delta`` may be changed at any time.
        settings: when a keyword counts as heard; by default as the file says.
        hop: seconds between decisions, with a model of clips.
        confirm: the depth that confirms, see :class:`StreamingSpotter`.

    Attributes:
        stream: the decisions.
        detector: what makes events of them.

    Raises:
        UserError: ``hop`` does not fit the model.
    """

    def __init__(
        self,
        spotter: KeywordSpotter,
        settings: DetectionSettings | None = None,
        hop: float | None = None,
        confirm: int | None = None,
    ) -> None:
        self._rate = spotter.metadata.features.sample_rate
        self._settings = settings or spotter.detection
        self.stream = StreamingSpotter(spotter, hop, confirm)
        self.reset()

    def reset(self) -> None:
        """Forgets the stream."""
        self.stream.reset()
        self.detector = Detector.of(
            self.stream.labels, self._rate, self._settings
        )
        self._samples = 0

    def push(self, samples: npt.ArrayLike) -> list[Detection]:
        """Takes the next samples.

        Args:
            samples: float in [-1, 1] or int16, (samples,), of the model's
                rate.

        Returns:
            The words that have become certain, oldest first.

        Raises:
            UserError: As :meth:`StreamingSpotter.push`.
        """
        decisions = self.stream.push(samples)
        self._samples += len(np.asarray(samples))
        found = map(self.detector.push, decisions)
        return [detection for detection in found if detection]

    def finish(self) -> list[Detection]:
        """Ends a recording: hears it to its last sample, and silence behind.

        Returns:
            The words that become certain; their time is at most the end of
            the recording.
        """
        end = self._samples / self._rate
        silence = np.zeros(round(self._rate * _SECONDS_BEHIND), np.float32)
        return [
            dataclasses.replace(found, time=min(found.time, end))
            for found in self.push(silence)
        ]
