"""Experiments run in the root of the repository."""

import pytest

from bifsmn_tf.experiments.checkout import ROOT


@pytest.fixture(autouse=True)
def repository(monkeypatch):
    monkeypatch.chdir(ROOT)
