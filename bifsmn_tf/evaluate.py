r"""Evaluates a run or a .tflite on a split of a data set, the same way.

    python -m bifsmn_tf.evaluate --model=runs/bifsmn --data_dir=RECORDINGS
    python -m bifsmn_tf.evaluate --model=bifsmn.tflite --dataset=folder \
        --data_dir=MY_RECORDINGS --json=result.json

Exact counts for each depth δ with 95 % intervals, figures for each class and
the confusion matrix, as text, JSON and PNG. Clips of a streaming model stand
behind other clips, in a stretch of sound that it hears step by step.
Evaluating a .tflite needs no TensorFlow.
"""

import functools
import json
import sys
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

import numpy as np

from bifsmn_tf import cli
from bifsmn_tf import console
from bifsmn_tf import pretrained
from bifsmn_tf import whole_file
from bifsmn_tf.audio.log_mel import FeatureStatistics
from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.waveforms import Features
from bifsmn_tf.cli import flags
from bifsmn_tf.data import datasets
from bifsmn_tf.data import evaluation
from bifsmn_tf.data.clips import SPLITS
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.context import context_of
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import metrics
from bifsmn_tf.model_file.detection import without_other_words

if TYPE_CHECKING:
    from bifsmn_tf._keras import tf

_MODEL = flags.DEFINE_string(
    "model",
    None,
    "The model to evaluate (required): the folder of a run, a .tflite file, or "
    f"the name of a model in the package: {', '.join(pretrained.names())}.",
    required=True,
)
_DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "The data set: synthetic, folder, or speech_commands/CONFIG; by default "
    "what the model was trained on. folder takes <label>/*.wav with the "
    "model's own labels.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "The folder in which the recordings are."
)
_SPLIT = flags.DEFINE_enum(
    "split", "test", list(SPLITS), "The part of the data set to evaluate on."
)
_EVERYTHING = flags.DEFINE_bool(
    "everything",
    None,
    "Evaluate all of a folder's recordings, not only its split; by default "
    "unless the model itself was trained on a folder.",
)
_CACHE_DIR = flags.DEFINE_string(
    "cache_dir",
    ".cache/bifsmn_tf",
    "The folder in which prepared clips are kept.",
)
_JSON = flags.DEFINE_string(
    "json",
    None,
    "The file for the report; confusion matrices are drawn beside it as PNG.",
)
_DELTAS = flags.DEFINE_list(
    "deltas",
    None,
    "The depths to evaluate, such as 1,4; by default all that the model has.",
)
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint",
    "best",
    ["best", "last"],
    "The epoch of a run whose weights are taken: the best or the last.",
)

_INTEGERS = flags.DEFINE_bool(
    "integers",
    False,
    "Evaluate a binary run in the integers of its .tflite instead of floats.",
)

_BATCH = 256


class _Network(Protocol):
    @property
    def deltas(self) -> tuple[int, ...]: ...


class _Description(Protocol):
    """What a run's description and a file's have in common."""

    @property
    def label_names(self) -> tuple[str, ...]: ...
    @property
    def features(self) -> Features: ...
    @property
    def statistics(self) -> FeatureStatistics: ...
    @property
    def network(self) -> _Network: ...
    @property
    def dataset(self) -> dict[str, Any]: ...


class _Model(Protocol):
    @property
    def description(self) -> _Description: ...

    def inputs(self, clips: Clips) -> FloatArray:
        """Returns what the model reads of clips: features, or sound."""

    def logits(self, inputs: FloatArray, delta: int) -> FloatArray: ...


def _features(description: _Description, clips: Clips) -> FloatArray:
    """Returns the features of clips, of a stream those of their stretches."""
    return evaluation.evaluation_features(
        clips,
        description.features,
        description.statistics,
        context=context_of(description.network, clips),
    )


class _KerasModel:
    """The network of a run, in floats or in the integers of its file."""

    def __init__(self, folder: str) -> None:
        from bifsmn_tf._keras import tf
        from bifsmn_tf.conversion.integer_network import IntegerNetwork
        from bifsmn_tf.network.fsmn import FSMN
        from bifsmn_tf.training.run import RunFolder

        run = RunFolder(folder)
        self.description = run.read_config()
        network = run.load_network(_CHECKPOINT.value)
        deltas = network.config.deltas
        self._infer: dict[int, Callable[[FloatArray], Any]]
        if _INTEGERS.value and not isinstance(network, FSMN):
            raise UserError(
                f"integers: a {self.description.kind} is no file in integers"
            )
        if _INTEGERS.value and network.config.binary:
            assert isinstance(network, FSMN)
            infer = IntegerNetwork(network).infer
            self._infer = {
                delta: functools.partial(infer, delta=delta) for delta in deltas
            }
        else:

            def floats(features: "tf.Tensor", delta: int) -> "tf.Tensor":
                return network.infer(features, delta)[0]

            # One for each depth: a function that is traced more often warns.
            self._infer = {
                delta: tf.function(
                    functools.partial(floats, delta=delta),
                    reduce_retracing=True,
                )
                for delta in deltas
            }

    def inputs(self, clips: Clips) -> FloatArray:
        return _features(self.description, clips)

    def logits(self, inputs: FloatArray, delta: int) -> FloatArray:
        return self._infer[delta](inputs).numpy()


class _TfliteModel:
    """A converted file in the stock interpreter."""

    def __init__(self, path: str) -> None:
        from bifsmn_tf.runtime.spotter import KeywordSpotter

        with console.without_chatter():
            self._spotter = KeywordSpotter(path)
        self.description = self._spotter.metadata

    def inputs(self, clips: Clips) -> FloatArray:
        context = context_of(self.description.network, clips)
        if context is None:
            return _features(self.description, clips)
        return evaluation.stretches(clips, self.description.features, context)

    def logits(self, inputs: FloatArray, delta: int) -> FloatArray:
        self._spotter.delta = delta
        steps = self._spotter.steps
        if steps is None:
            return self._spotter.logits(inputs)
        return np.stack([steps.decisions(x, delta)[-1] for x in inputs])


def _load(path: str) -> _Model:
    if Path(path).is_dir():
        return _KerasModel(path)
    return _TfliteModel(path)


def _deltas(available: tuple[int, ...]) -> list[int]:
    if _DELTAS.value is None:
        return list(available)
    wanted = []
    for text in _DELTAS.value:
        if not text.isdigit() or int(text) not in available:
            raise UserError(
                f"deltas: the model has no delta {text}: one of "
                f"{list(available)}"
            )
        wanted.append(int(text))
    return wanted


def _load_data(description: _Description) -> datasets.KeywordDataset:
    """Loads the split to evaluate on; other words are unknown ones."""
    trained_on = description.dataset["name"]
    name = _DATASET.value or trained_on
    options = dict(description.dataset["options"]) if name == trained_on else {}
    everything = _EVERYTHING.value
    if everything is None:
        everything = trained_on != "folder"
    if name == "folder" and everything:
        options["everything_as"] = _SPLIT.value
    return datasets.load(
        name,
        _DATA_DIR.value,
        splits=(_SPLIT.value,),
        cache_dir=_CACHE_DIR.value,
        label_names=without_other_words(description.label_names),
        **options,
    )


def _logits(
    model: _Model, inputs: FloatArray, deltas: Sequence[int]
) -> dict[int, FloatArray]:
    """Returns the logits of all clips by depth, (clips, classes)."""
    from tqdm import tqdm

    found = {}
    total = len(inputs) * len(deltas)
    with tqdm(total=total, unit="clip", file=sys.stderr, disable=None) as bar:
        for delta in deltas:
            bar.set_description(f"δ = {delta}")
            parts = []
            for start in range(0, len(inputs), _BATCH):
                batch = inputs[start : start + _BATCH]
                parts.append(model.logits(batch, delta))
                bar.update(len(batch))
            found[delta] = np.concatenate(parts)
    return found


def main() -> None:
    """Evaluates what the flags say."""
    model = _load(_MODEL.value)
    description = model.description
    deltas = _deltas(description.network.deltas)
    dataset = _load_data(description)
    clips = dataset.splits[_SPLIT.value]
    logits = {
        delta: metrics.as_unknown(found, description.label_names)
        for delta, found in _logits(model, model.inputs(clips), deltas).items()
    }
    report = {
        "model": str(_MODEL.value),
        "dataset": dataset.name,
        "split": _SPLIT.value,
        "notes": list(dataset.notes),
        "trivial_accuracies": datasets.trivial_accuracies(
            dataset, _SPLIT.value
        ),
        **metrics.report(clips.labels, logits, dataset.label_names),
    }
    print(metrics.table(report))
    if report["trivial_accuracies"]:
        print("\naccuracies that take no recognition of keywords")
    for answer, share in report["trivial_accuracies"].items():
        print(f"  {answer}: {100 * share:.2f} %")
    if _JSON.value:
        _write(Path(_JSON.value), report)


def _write(path: Path, report: dict[str, Any]) -> None:
    from bifsmn_tf.evaluation import plots

    path.parent.mkdir(parents=True, exist_ok=True)
    whole_file.write_text(path, json.dumps(report, indent=1) + "\n")
    print(f"report: {path}")
    for delta, figures in report["deltas"].items():
        picture = path.with_name(f"{path.stem}_confusion_delta_{delta}.png")
        plots.confusion_matrix(
            np.array(figures["confusion_matrix"]),
            report["label_names"],
            picture,
            title=f"{report['dataset']}, {report['split']}, δ = {delta}",
        )
        print(f"confusion matrix: {picture}")


if __name__ == "__main__":
    cli.run(main)
