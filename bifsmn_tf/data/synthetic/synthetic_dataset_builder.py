"""TFDS builder of keywords spoken by espeak-ng.

    builder = Builder(config="keywords", data_dir=...)
    builder = Builder(config=configure(Recipe(words=("lights on",), seed=3)))
    builder.download_and_prepare()

Besides train, validation and test there is a split ``noise``: noise to mix in
while training, in seconds.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_int16
from bifsmn_tf.data.clips import CLIP
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.synthetic import generate
from bifsmn_tf.data.synthetic.recipe import Recipe


@dataclasses.dataclass(kw_only=True)
class SyntheticConfig(tfds.core.BuilderConfig):
    """A recipe, under a name of its own.

    Attributes:
        recipe: what to make.
    """

    recipe: Recipe = dataclasses.field(default_factory=Recipe)


_KEYWORDS = SyntheticConfig(name="keywords")


def configure(recipe: Recipe | None = None) -> SyntheticConfig:
    """Returns the config of a recipe; "keywords" is that of the default one.

    TFDS keeps prepared data in a folder of the config's name, so each recipe
    gets its own.

    Args:
        recipe: what to make; None for the default one.
    """
    # TFDS wants the very object for a config that it has by name.
    if recipe is None or recipe == _KEYWORDS.recipe:
        return _KEYWORDS
    return SyntheticConfig(
        name=f"recipe-{generate.digest(recipe)}", recipe=recipe
    )


class Builder(tfds.core.GeneratorBasedBuilder):
    """Keywords, other words and noise, made by a recipe."""

    name = "bifsmn_synthetic"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Words by espeak-ng in noise of five kinds."}
    # TFDS finds this out by itself, but with a package it does not require.
    code_path = tfds.core.Path(__file__)
    BUILDER_CONFIGS = [_KEYWORDS]
    builder_config: SyntheticConfig

    def _info(self) -> tfds.core.DatasetInfo:
        labels = list(self.builder_config.recipe.label_names)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    # As bytes: what tfds.features.Audio writes, a list of
                    # integers, takes ten times as long.
                    "audio": tfds.features.Tensor(
                        shape=(self.builder_config.recipe.samples,),
                        dtype=np.int16,
                        encoding=tfds.features.Encoding.BYTES,
                        doc="One second at 16 kHz, more for longer phrases.",
                    ),
                    "label": tfds.features.ClassLabel(names=labels),
                    "speaker": tfds.features.Text(),
                    "file": tfds.features.Text(),
                }
            ),
            supervised_keys=("audio", "label"),
            homepage="https://github.com/espeak-ng/espeak-ng",
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        """Splits by voice; interrupted, goes on from the shards it has."""
        dataset = generate.dataset(
            self.builder_config.recipe, dl_manager.download_dir
        )
        generators = {
            split: self._generate_examples(clips)
            for split, clips in dataset.splits.items()
        }
        generators["noise"] = self._generate_noise(dataset.noise)
        return generators

    def _generate_examples(
        self, clips: Clips
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for clip, label, file, speaker in zip(
            clips.waveforms,
            clips.labels,
            clips.files,
            clips.speakers,
            strict=True,
        ):
            yield (
                file,
                {
                    "audio": clip,
                    "label": int(label),
                    "speaker": speaker,
                    "file": file,
                },
            )

    def _generate_noise(
        self, noise: tuple[FloatArray, ...]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, sound in enumerate(noise):
            for start in range(0, len(sound), CLIP):
                file = f"noise/{number:02d}#{start:08d}"
                piece = sound[start : start + CLIP]
                yield (
                    file,
                    {
                        "audio": to_int16(piece),
                        "label": -1,
                        "speaker": "",
                        "file": file,
                    },
                )
