"""Starts trainings up to their first step, several in one process.

    python -m tests.support.start_training MODULE

Reads a list of command lines from its input. Each one loads its data, computes
features and builds networks; instead of the steps, what the first one gets is
printed as a line of JSON: what is trained, batch and classes.
"""

import importlib
import json
import sys
from types import SimpleNamespace

from absl import flags

from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.training.protocol import make_network
from bifsmn_tf.training.run import RunFolder


def fit(folder, config, text, loss, settings, pipeline, validation, **others):
    """In place of bifsmn_tf.training.loop.fit."""
    folder.begin(config, text)
    network = make_network(config.network)
    Trainer(network, others.get("teacher"), loss)
    batch, labels, *_ = next(iter(pipeline.epoch(0)))
    assert len(labels) == len(batch) and len(validation[1])
    print(
        json.dumps(
            {
                "run": folder.path.name,
                "binary": config.network.binary,
                "batch": list(batch.shape),
                "classes": len(config.label_names),
                "epochs": settings.epochs,
                "distillation": loss.distillation,
                "features": config.features.to_dict(),
            }
        ),
        flush=True,
    )
    accuracies = {f"val_accuracy_delta_{d}": 0.0 for d in config.network.deltas}
    return {"history": [{"epoch": 0, **accuracies}], "best": {"epoch": 0}}


def deploy(run, sounds, rate):
    """In place of bifsmn_tf.evaluation.deployment.deploy."""
    assert sounds.speech and rate > 0
    figures = {"false_accepts_per_hour": 0.0, "miss_rate": 0.0}
    point = SimpleNamespace(figures=lambda hours: figures)
    return SimpleNamespace(point=point, measurement=SimpleNamespace(hours=1))


def main() -> None:
    """Starts what its input says."""
    command = importlib.import_module(sys.argv[1])
    command.fit = fit
    command.plots.training_curves = lambda *_: None
    if hasattr(command, "deployment"):
        command.deployment.deploy = deploy
    RunFolder.load_network = lambda self, *_: make_network(
        self.read_config().network
    )
    if hasattr(command, "report"):
        command.report.write = lambda *_: {}
    for words in json.load(sys.stdin):
        flags.FLAGS.unparse_flags()
        flags.FLAGS(["train", *words])
        command.main()


if __name__ == "__main__":
    main()
