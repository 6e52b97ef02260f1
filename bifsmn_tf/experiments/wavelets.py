"""Relative wavelet energies of a trained network's states (Eq. 5-7, Figure 2).

    python -m bifsmn_tf.experiments.wavelets --model=RUN --data_dir=RECORDINGS \
        --json=wavelets.json

Of what each block but the first one reads, which is what the block before it
gave, on validation clips:

* ``states``, the real numbers, and ``signs``, what the sign in front of the
  memory makes of them; in full precision, what a sign would;
* ``permuted``, the states again, their channels in random order: these have no
  order of their own, so that a frequency along them means little if this is
  much the same;
* and the states and signs of one clip at the last block, for a picture.
"""

import json

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf import whole_file
from bifsmn_tf._keras import tf
from bifsmn_tf.data import datasets
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.distillation import haar
from bifsmn_tf.network import quantizers
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.network.topology import Kind
from bifsmn_tf.network.topology import nodes
from bifsmn_tf.training.run import RunFolder

_CLIPS = 1024

_PERMUTATION = 0
"""The seed of the channels' order."""


def measure(
    network: FSMN, delta: int, features: tf.Tensor
) -> tuple[dict[str, dict[int, float]], dict[str, np.ndarray]]:
    """Measures one depth of a network.

    Args:
        network: trained, full precision or binary.
        delta: one of its depths.
        features: normalised log-mel, (batch, time, mels).

    Returns:
        p_H by kind and number of the block that reads; p_L is 1 - p_H. And of
        the first clip, at the last block: ``states`` and ``signs``, each
        (time, channels).
    """
    _, outputs = network.infer(features, delta)
    order = np.random.default_rng(_PERMUTATION).permutation(
        network.config.memory_size
    )
    found: dict[str, dict[int, float]] = {
        "states": {},
        "signs": {},
        "permuted": {},
    }
    example: dict[str, np.ndarray] = {}
    ordered = nodes(network.config, delta)
    block_of = {node.name: node.block for node in ordered}
    for node in ordered:
        number = node.block
        if node.kind is not Kind.MEMORY or not block_of[node.reads]:
            continue
        states = outputs[block_of[node.reads]]
        sign = network.stages[node.name].sign
        signs = (
            sign.apply(states, node.variant(delta))
            if sign
            else quantizers.sign(states)
        )
        for kind, values in (
            ("states", states),
            ("signs", signs),
            ("permuted", tf.gather(states, order, axis=-1)),
        ):
            found[kind][number] = float(haar.relative_energy(values)[0])
        example = {"states": states[0].numpy(), "signs": signs[0].numpy()}
    return found, example


def main() -> None:
    """Measures what the flags say."""
    settings = flags.FLAGS
    run = RunFolder(settings.model)
    config = run.read_config()
    clips = datasets.load(
        config.dataset["name"],
        settings.data_dir,
        splits=("validation",),
        cache_dir=settings.cache_dir,
        label_names=config.label_names,
        **config.dataset["options"],
    ).splits["validation"]
    features = evaluation_features(clips, config.features, config.statistics)
    chosen = np.linspace(0, len(clips) - 1, min(_CLIPS, len(clips))).astype(int)
    network = run.load_network()
    assert isinstance(network, FSMN)
    deltas = {}
    for delta in network.config.deltas:
        shares, example = measure(network, delta, tf.constant(features[chosen]))
        deltas[str(delta)] = {
            "p_high": {
                kind: {str(block): round(p, 6) for block, p in by_block.items()}
                for kind, by_block in shares.items()
            },
            "example": {
                kind: np.round(values, 3).tolist()
                for kind, values in example.items()
            },
        }
    report = {
        "clips": len(chosen),
        "example_label": config.label_names[clips.labels[chosen[0]]],
        "deltas": deltas,
    }
    whole_file.write_text(settings.json, json.dumps(report) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("model", None, "The folder of a run.", required=True)
    flags.DEFINE_string("data_dir", None, "The folder with the recordings.")
    flags.DEFINE_string("cache_dir", None, "The folder for prepared clips.")
    flags.DEFINE_string("json", None, "The JSON file to write.", required=True)
    cli.run(main)
