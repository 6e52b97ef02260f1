"""Measures how fast clips reach a training step.

python -m bifsmn_tf.benchmarking.pipeline_speed
"""

import tempfile
import time

import loky
from absl import flags

from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.cli import run
from bifsmn_tf.data import datasets
from bifsmn_tf.data.augmentation import AugmentationParameters
from bifsmn_tf.data.augmentation import SpecAugmentParameters
from bifsmn_tf.data.pipeline import TrainingPipeline

_DATASET = flags.DEFINE_string(
    "dataset",
    "synthetic",
    "The data set: synthetic, folder, or speech_commands/CONFIG.",
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where the recordings are; synthetic needs none."
)
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 96, "How many clips a batch has.", lower_bound=1
)
_WORKERS = flags.DEFINE_integer(
    "workers",
    None,
    "How many processes compute features; by default one a processor.",
    lower_bound=0,
)


def _measure(pipeline: TrainingPipeline, epoch: int) -> float:
    """Returns how many clips a second one epoch gives."""
    start = time.perf_counter()
    clips = sum(len(labels) for _, labels in pipeline.epoch(epoch))
    return clips / (time.perf_counter() - start)


def main() -> None:
    """Measures the pipeline and prints clips a second."""
    dataset = datasets.load(_DATASET.value, _DATA_DIR.value, splits=("train",))
    clips = dataset.splits["train"]
    print(
        f"{dataset.name}: {len(clips)} clips, batches of {_BATCH_SIZE.value}, "
        f"{_WORKERS.value or loky.cpu_count()} processes"
    )
    with tempfile.TemporaryDirectory() as folder:
        for copies, rows in (
            (1, ("computed and cached", "from the cache", "again")),
            (0, ("augmented anew, started", "augmented anew")),
        ):
            pipeline = TrainingPipeline(
                clips,
                dataset.noise,
                FeatureParameters(),
                AugmentationParameters(),
                batch_size=_BATCH_SIZE.value,
                seed=0,
                copies=copies,
                cache_dir=folder,
                spec_augment=SpecAugmentParameters(),
                workers=_WORKERS.value,
            )
            for epoch, row in enumerate(rows):
                speed = _measure(pipeline, epoch)
                print(f"{row:24}{speed:10,.0f} clips/s")


if __name__ == "__main__":
    run(main)
