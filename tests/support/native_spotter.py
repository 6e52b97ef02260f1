"""The C API's spotter in Python's clothes, to be compared with Python's."""

import ctypes

import numpy as np

from bifsmn_tf.runtime.detector import Detection
from bifsmn_tf.runtime.native import Detection as NativeDetection
from bifsmn_tf.runtime.native import ErrorText
from bifsmn_tf.runtime.native import functions
from bifsmn_tf.runtime.streaming import Decision


class NativeSpotter:
    """A ``bifsmn_spotter``; raises a ValueError with the library's message."""

    def __init__(self, model, library=None, **options):
        self._c = functions(library)
        chosen = self._c.bifsmn_default_options()
        for name, value in options.items():
            setattr(chosen, name, value)
        error = ErrorText()
        if isinstance(model, bytes):
            self.handle = self._c.bifsmn_spotter_from_memory(
                model, len(model), chosen, *error.arguments
            )
        else:
            self.handle = self._c.bifsmn_spotter_from_file(
                str(model).encode(), chosen, *error.arguments
            )
        if not self.handle:
            raise ValueError(str(error))

    def __del__(self):
        if getattr(self, "handle", None):
            self._c.bifsmn_spotter_destroy(self.handle)

    def call(self, name, *arguments):
        """Calls a function of the spotter, by its name behind the prefix."""
        function = getattr(self._c, f"bifsmn_spotter_{name}")
        return function(self.handle, *arguments)

    @property
    def labels(self):
        count = self.call("labels")
        return tuple(self.call("label", i).decode() for i in range(count))

    @property
    def deltas(self):
        count = self.call("deltas")
        return tuple(self.call("delta", i) for i in range(count))

    def floats(self, name):
        """The logits or probabilities of the last decision."""
        found = self.call(name)
        return np.array(found[: len(self.labels)], np.float32)

    def push(self, samples):
        """The decisions that samples lead to; detections are left waiting."""
        kind = {"int16": "int16", "float32": "float"}[str(samples.dtype)]
        step = self.call("step")
        decisions = []
        # So few that there is one decision at most.
        for start in range(0, len(samples), step):
            piece = np.ascontiguousarray(samples[start : start + step])
            before = self.call("decisions")
            pointer = np.ctypeslib.as_ctypes(piece)
            taken = self.call(f"push_{kind}", pointer, len(piece))
            assert taken == len(piece)
            decisions += self._news(before)
        return decisions

    def flush(self):
        """The decision on what is left."""
        before = self.call("decisions")
        self.call("flush")
        return self._news(before)

    def _news(self, before):
        now = self.call("decisions")
        assert now - before in (0, 1)
        if now == before:
            return []
        end = now * self.call("step")
        return [Decision(end, self.floats("probabilities"))]

    def poll(self):
        """The detections that wait."""
        found = []
        event = NativeDetection()
        while self.call("poll", ctypes.byref(event)):
            label = self.labels[event.label]
            found.append(Detection(event.time, label, event.probability))
        return found


def logits_of(model, samples, **options):
    """The logits of every decision on a whole recording, (decisions, classes).

    Its last step is filled up, and the decision on it replaces the last one.
    """
    spotter = NativeSpotter(model, **options)
    step = spotter.call("step")
    found = []
    for start in range(0, len(samples), step):
        spotter.push(samples[start : start + step])
        found.append(spotter.floats("logits"))
    if len(samples) % step:
        assert spotter.flush()
        found[-1] = spotter.floats("logits")
    return np.array(found)
