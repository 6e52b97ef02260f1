"""The signature of one step of a stream, and the same in NumPy.

A step takes the sound that has come since the last one (or its features) and
the state that the last one gave, and gives logits and the next state. A state
of zeros begins a stream; after ``NetworkConfig.reach_steps(δ)`` steps nothing
depends on it any more.

:class:`NumpyStream` computes the ops by their references, step by step and in
one pass over a whole recording, which gives the same.
"""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bifsmn_tf.conversion import audio_signatures
from bifsmn_tf.conversion import residual
from bifsmn_tf.conversion.depth_graph import DepthGraph
from bifsmn_tf.conversion.past import StatePast
from bifsmn_tf.conversion.past import state_parts
from bifsmn_tf.conversion.precision import Precision
from bifsmn_tf.model_file import signatures
from bifsmn_tf.model_file.graph import Outputs
from bifsmn_tf.model_file.graph import Subgraph
from bifsmn_tf.model_file.graph import Tensor
from bifsmn_tf.model_file.metadata import ModelMetadata
from bifsmn_tf.model_file.ops import Op
from bifsmn_tf.model_file.shared import Buffers
from bifsmn_tf.model_file.shared import OperatorCodes
from bifsmn_tf.network.export import ExportedNetwork
from bifsmn_tf.network.topology import CLASSIFIER


def build_step(
    graph: Subgraph,
    network: ExportedNetwork,
    delta: int,
    precision: Precision,
    step: float | None,
    sound: ModelMetadata | None,
    samples: npt.DTypeLike = np.float32,
) -> None:
    """Fills a subgraph with one step of a stream.

    Args:
        graph: The subgraph.
        network: What a streaming network has learned.
        delta: The depth.
        precision: The precision of what is not one bit.
        step: The step of the integer residual; None for one of floats.
        sound: The description of the features, or None for a step that takes
            them instead of sound.
        samples: The type of the sound, float32 in [-1, 1] or int16.
    """
    config = network.config
    if sound is None:
        rows = (1, config.step_frames, config.mels)
        new = graph.input(signatures.FEATURES, rows, np.float32)
        kept = None
    else:
        shape = (1, config.step_frames * sound.features.hop)
        new = graph.input(signatures.AUDIO, shape, samples)
        kept = (sound.features.overlap, new.dtype.itemsize)
    past = StatePast(graph, state_parts(config, delta, precision, kept))
    if sound is not None:
        overlap = sound.features.overlap
        if overlap:
            new = past.window(signatures.AUDIO, new, overlap)
        new = audio_signatures.add_features(
            graph, new, sound.features, sound.statistics
        )
    DepthGraph(network, delta, graph, precision, step, past).build(new)
    past.finish()


class NumpyStream:
    """Computes a streaming network in NumPy, as its file does.

    Args:
        network: What the network has learned.
        precision: The precision of what is not one bit.
    """

    def __init__(
        self, network: ExportedNetwork, precision: Precision | None = None
    ) -> None:
        self._network = network
        self._precision = precision or Precision()
        self._step = (
            residual.step_of(network)
            if self._precision.residual == "int16"
            else None
        )

    def zeros(self, delta: int) -> npt.NDArray[np.int8]:
        """Returns the state that begins a stream, int8 (1, bytes)."""
        parts = state_parts(self._network.config, delta, self._precision, None)
        return np.zeros((1, sum(parts.values())), np.int8)

    def step(
        self, features: npt.NDArray, state: npt.NDArray, delta: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
        """Computes one step.

        Args:
            features: Normalised log-mel, float32 (1, step_frames, mels).
            state: What the step before gave, int8 (1, bytes).
            delta: The depth.

        Returns:
            Logits, float32 (1, classes), and the next state.
        """
        graph = _NumpyGraph(
            {signatures.FEATURES: features, signatures.STATE: state}
        )
        build_step(
            graph, self._network, delta, self._precision, self._step, None
        )
        results = graph.results()
        return results[signatures.LOGITS], results[signatures.STATE]

    def decisions(
        self, features: npt.NDArray, delta: int
    ) -> npt.NDArray[np.float32]:
        """Computes every decision of a stretch of a stream in one pass.

        Args:
            features: Normalised log-mel, float32 (time, mels), of at least
                ``input_frames`` frames.
            delta: The depth.

        Returns:
            float32 (decisions, classes): the last one at the last frame, the
            others ``step_frames`` apart.
        """
        config = self._network.config
        # The newest frame is in the last window of each convolution.
        first = (len(features) - config.input_frames) % config.step_frames
        features = features[first:]
        graph = _NumpyGraph({signatures.FEATURES: features[np.newaxis]})
        new = graph.input(signatures.FEATURES, (1, *features.shape), np.float32)
        past = _WholePast(graph)
        DepthGraph(
            self._network, delta, graph, self._precision, self._step, past
        ).build(new)
        return graph.results()[signatures.LOGITS]


class _NumpyGraph(Subgraph):
    """A subgraph that is computed while it is written.

    Args:
        inputs: Values of its inputs by name.
    """

    def __init__(self, inputs: Mapping[str, npt.NDArray]) -> None:
        super().__init__(0, "numpy", Buffers(), OperatorCodes())
        self._given = inputs
        self._values: dict[int, npt.NDArray] = {}

    def input(
        self, name: str, shape: Sequence[int], dtype: npt.DTypeLike
    ) -> Tensor:
        value = self._given[name]
        assert value.shape == tuple(shape) and value.dtype == dtype
        return self._keep(super().input(name, shape, dtype), value)

    def constant(self, name: str, value: npt.ArrayLike) -> Tensor:
        return self._keep(super().constant(name, value), np.asarray(value))

    def custom_op(
        self, op: Op, inputs: Sequence[Tensor | None], outputs: Outputs
    ) -> list[Tensor]:
        results = super().custom_op(op, inputs, outputs)
        values = [None if x is None else self._values[x.index] for x in inputs]
        for tensor, value in zip(results, op.reference(*values), strict=False):
            self._keep(tensor, value)
        return results

    def change(self, tensor: Tensor, value: npt.NDArray) -> Tensor:
        """Returns a tensor of other values, made of a tensor's."""
        changed = self._tensor(tensor.name, value.shape, value.dtype)
        return self._keep(changed, value)

    def value(self, tensor: Tensor) -> npt.NDArray:
        """Returns the values of a tensor."""
        return self._values[tensor.index]

    def results(self) -> dict[str, npt.NDArray]:
        """Returns the outputs by name."""
        return {name: self.value(tensor) for name, tensor in self.outputs}

    def _keep(self, tensor: Tensor, value: npt.NDArray) -> Tensor:
        self._values[tensor.index] = value
        return tensor


class _WholePast:
    """The past in one pass: it stands in front already."""

    def __init__(self, graph: _NumpyGraph) -> None:
        self._graph = graph

    def window(self, name: str, new: Tensor, frames: int) -> Tensor:
        """Returns the frames; for the classifier those of each decision."""
        if name != CLASSIFIER:
            return new
        values = self._graph.value(new)
        count = values.shape[1] - frames
        windows = [values[:, i : i + frames + 1] for i in range(count)]
        return self._graph.change(new, np.concatenate(windows))

    def newest(self, values: Tensor, frames: int) -> Tensor:
        """Returns the last frames."""
        if values.shape[1] == frames:
            return values
        found = self._graph.value(values)
        return self._graph.change(values, found[:, -frames:])
