"""Trains on one replica and on two: ``python replicas.py OUT.npz``.

Apart from the tests, because a process has to say how many devices it wants
before TensorFlow starts.
"""

import sys

import numpy as np

from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.distillation.trainer import Trainer
from bifsmn_tf.network.architectures import bifsmn_s
from bifsmn_tf.network.architectures import dfsmn_s
from bifsmn_tf.network.fsmn import FSMN

SIZES = {"classes": 3, "frames": 9, "mels": 8, "blocks": 2, "memory_size": 8}
STEPS = 3


def train(strategy):
    """Weights and the last epoch's averages after a few steps."""
    set_random_seed(0)
    generator = np.random.default_rng(0)
    features = generator.normal(size=(STEPS, 4, 9, 8)).astype(np.float32)
    labels = generator.integers(0, 3, (STEPS, 4)).astype(np.int32)
    # Two halves that are the same: a replica's BatchNorm, which sees only its
    # own half, then has the statistics of the whole batch.
    batches = tf.data.Dataset.from_tensor_slices(
        (np.tile(features, (1, 2, 1, 1)), np.tile(labels, (1, 2)))
    )
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    with strategy.scope():
        teacher = FSMN(dfsmn_s(**SIZES))
        student = FSMN(bifsmn_s(**SIZES, deltas=(1, 2)))
        # Away from 0, where the mean of a few integers can be one of them and
        # the sign of what is left hangs on a rounding.
        for variable in student.trainable_variables:
            variable.assign_add(
                generator.normal(0, 0.1, variable.shape).astype(np.float32)
            )
        trainer = Trainer(
            student,
            teacher,
            LossConfig(
                gamma=1.0, logit_weight=0.5, temperature=3.0, weight_decay=0.1
            ),
        )
        trainer.compile(tf.keras.optimizers.legacy.SGD(0.1, momentum=0.9))
    history = trainer.fit(batches.with_options(options), verbose=0).history
    return student.get_weights(), {k: v[-1] for k, v in history.items()}


def main(path):
    """Writes both results, arrays in the order of the student's weights."""
    device = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    results = {}
    for name, strategy in (
        ("one", tf.distribute.get_strategy()),
        ("two", tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])),
    ):
        weights, averages = train(strategy)
        results |= {f"{name}/{i:03}": w for i, w in enumerate(weights)}
        results |= {f"{name}/{k}": v for k, v in averages.items()}
        results[f"{name}/replicas"] = strategy.num_replicas_in_sync
    np.savez(path, **results)


if __name__ == "__main__":
    main(sys.argv[1])
