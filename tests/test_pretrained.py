"""Models in the package: found by name, described, and usable."""

import numpy as np
import pytest

import bifsmn_tf
from bifsmn_tf import pretrained
from bifsmn_tf.errors import UserError


def test_names_are_those_of_the_public_list():
    assert bifsmn_tf.models() == pretrained.names()
    assert pretrained.DEFAULT in bifsmn_tf.models()


@pytest.mark.parametrize("name", pretrained.names())
def test_every_model_runs_and_has_a_card(name):
    spotter = bifsmn_tf.KeywordSpotter(name)
    card = pretrained.card(name)
    assert card.startswith(f"# {name}\n")
    assert "CC BY 4.0" in card
    size = pretrained.find(name).stat().st_size
    assert f"{size:,} bytes" in card
    for label in spotter.labels:
        assert label in card
    for delta in spotter.deltas:
        spotter.delta = delta
        probabilities = spotter(np.zeros(16000, np.float32))
        assert max(probabilities, key=probabilities.get) == "silence"


def test_a_path_is_found_too(tmp_path):
    path = tmp_path / "own.tflite"
    path.write_bytes(b"")
    assert pretrained.find(str(path)) == path


def test_other_names_are_refused():
    with pytest.raises(UserError, match="bifsmn-sc12"):
        bifsmn_tf.KeywordSpotter("bifsmn-sc99")
    with pytest.raises(UserError, match="no model own"):
        pretrained.card("own")


def test_all_together_stay_small():
    size = sum(pretrained.find(n).stat().st_size for n in pretrained.names())
    assert size < 650_000
