import os
import tempfile

import numpy as np
import pytest

pytest.importorskip("dill", reason="TFDS's builder test needs dill")
import tensorflow_datasets as tfds

from bifsmn_tf.data.synthetic import generate
from bifsmn_tf.data.synthetic.recipe import Recipe
from bifsmn_tf.data.synthetic.synthetic_dataset_builder import Builder
from bifsmn_tf.data.synthetic.synthetic_dataset_builder import configure

RECIPE = Recipe(words=("yes", "go"), clips_per_word=4, held_out=2)


class SyntheticTest(tfds.testing.DatasetBuilderTestCase):
    """Four classes; five noises of 20 s."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST = [configure(RECIPE)]
    SPLITS = {"train": 16, "validation": 8, "test": 8, "noise": 100}
    # It loads the shards that it has made by their names.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False

    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.EXAMPLE_DIR = cls._folder.name
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls._folder.cleanup()


def test_every_recipe_has_a_name_of_its_own():
    assert configure().name == "keywords"
    assert configure(Recipe()) is configure()
    others = [RECIPE, Recipe(seed=1), Recipe(clips_per_word=3)]
    assert len({configure(recipe).name for recipe in others}) == 3


def test_what_tfds_prepares_is_what_is_generated(tmp_path):
    builder = Builder(config=configure(RECIPE), data_dir=os.fspath(tmp_path))
    builder.download_and_prepare()
    # From the shards that the builder has made.
    (shards,) = tmp_path.rglob("shard-0000.npy")
    dataset = generate.dataset(RECIPE, shards.parents[1], progress=False)
    clips = dataset.splits["test"]
    prepared = {
        example["file"].decode(): example
        for example in tfds.as_numpy(builder.as_dataset("test"))
    }
    assert sorted(prepared) == sorted(clips.files)
    for i, file in enumerate(clips.files):
        np.testing.assert_array_equal(
            prepared[file]["audio"], clips.waveforms[i]
        )
        assert prepared[file]["label"] == clips.labels[i]
        assert prepared[file]["speaker"].decode() == clips.speakers[i]
