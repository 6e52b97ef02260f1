"""What several tests of data sets share."""

import warnings
from pathlib import Path

import pytest

from bifsmn_tf.data import datasets


@pytest.fixture(scope="session")
def speech_cache(speech, tmp_path_factory) -> Path:
    """A cache that holds the official task on the real recordings.

    Reading them takes the longest, so all tests that need them share it.
    """
    folder = tmp_path_factory.mktemp("speech_cache")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        datasets.load(
            "speech_commands/v0.02-12-official", speech, cache_dir=folder
        )
    return folder
