"""What a trained baseline costs and how well it does, as files in its run.

::

    cost.json                parameters, multiply-accumulates, paper's FLOPs
    report_keras.json        of the Keras model, in the form of
                             bifsmn_tf.evaluate --json, and a picture beside it
    model_float32.tflite     of a small full-precision baseline, as one would
    model_int8.tflite        deploy it: by TensorFlow's converter
    report_float32.json      of these files in the stock interpreter,
    report_int8.json         with their size in ``bytes``
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from bifsmn_tf import whole_file
from bifsmn_tf._keras import tf
from bifsmn_tf.baselines.counts import cost
from bifsmn_tf.baselines.network import BASELINES
from bifsmn_tf.baselines.network import BaselineNetwork
from bifsmn_tf.baselines.tflite_converter import convert
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.clips import KeywordDataset
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.evaluation import metrics
from bifsmn_tf.evaluation import plots
from bifsmn_tf.runtime.interpreter import make_interpreter
from bifsmn_tf.training.run import RunFolder
from bifsmn_tf.training.run import write_json

CALIBRATION_CLIPS = 256
"""The number of training clips by which an 8-bit file's ranges are chosen."""

_BATCH = 256

Logits = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""From features (n, ...) to logits (n, classes)."""


def write(
    run: RunFolder, dataset: KeywordDataset, calibration: Clips
) -> dict[str, dict[str, Any]]:
    """Evaluates the best weights of a run on the test split.

    Args:
        run: The run of a baseline.
        dataset: A data set with the run's labels and a test split.
        calibration: Clips of the train split for the 8-bit file.

    Returns:
        The reports by form: ``"keras"``, and ``"float32"`` and ``"int8"`` if
        the baseline is small and in full precision.
    """
    config = run.read_config()
    network = run.load_network()
    assert isinstance(network, BaselineNetwork)
    baseline = network.config
    write_json(run.path / "cost.json", cost(baseline.make()).to_dict())

    def features(clips: Clips) -> npt.NDArray[np.float32]:
        computed = evaluation_features(
            clips, config.features, config.statistics
        )
        return computed.reshape(-1, *baseline.input_shape)

    infer = tf.function(lambda x: network.infer(x)[0], reduce_retracing=True)
    forms: dict[str, tuple[Logits, int | None]] = {
        "keras": (lambda x: infer(x).numpy(), None)
    }
    if BASELINES[baseline.baseline].deployed and not baseline.binary:
        samples = features(calibration)
        for form, ranges in (("float32", None), ("int8", samples)):
            content = convert(
                lambda x: network.infer(x)[0], baseline.input_shape, ranges
            )
            whole_file.write_bytes(run.path / f"model_{form}.tflite", content)
            forms[form] = (tflite_logits(content), len(content))

    test = dataset.splits["test"]
    inputs = features(test)
    reports = {}
    for form, (logits, size) in forms.items():
        starts = tqdm(
            range(0, len(test), _BATCH), desc=form, leave=False, disable=None
        )
        found = np.concatenate(
            [logits(inputs[start : start + _BATCH]) for start in starts]
        )
        reports[form] = {
            "model": str(run.path),
            "form": form,
            "bytes": size,
            "dataset": dataset.name,
            "split": "test",
            "notes": list(dataset.notes),
            **metrics.report(test.labels, {1: found}, dataset.label_names),
        }
        _write(run.path / f"report_{form}.json", reports[form])
    return reports


def tflite_logits(content: bytes) -> Logits:
    """Makes a function of a file that :func:`convert` wrote.

    It runs in the stock interpreter, one clip at a time, and takes and gives
    floats whatever the file does.

    Args:
        content: The content of the file.
    """
    run = make_interpreter(content).get_signature_runner("serving_default")
    (entry,) = run.get_input_details().values()
    (result,) = run.get_output_details().values()
    integers = entry["dtype"] == np.int8

    def logits(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        found = []
        for clip in features:
            if integers:
                scale, zero = entry["quantization"]
                clip = np.clip(np.round(clip / scale + zero), -128, 127)
            clip = clip[np.newaxis].astype(entry["dtype"])
            (values,) = run(features=clip)["logits"].astype(np.float32)
            if integers:
                scale, zero = result["quantization"]
                values = (values - zero) * scale
            found.append(values)
        return np.stack(found)

    return logits


def _write(path: Path, report: dict[str, Any]) -> None:
    write_json(path, report)
    plots.confusion_matrix(
        np.array(report["deltas"]["1"]["confusion_matrix"]),
        report["label_names"],
        path.with_name(f"{path.stem}_confusion.png"),
        title=f"{report['dataset']}, {report['split']}, {report['form']}",
    )
