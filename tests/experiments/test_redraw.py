"""Every committed picture that has its JSON: drawn anew, and readable."""

import shutil
from pathlib import Path

import pytest
import readable

from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import picture_style
from bifsmn_tf.experiments import redraw

RESULTS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A copy of the results without pictures."""
    folder = tmp_path_factory.mktemp("redraw") / "results"
    shutil.copytree(RESULTS, folder, ignore=shutil.ignore_patterns("*.png"))
    return folder


@pytest.mark.parametrize("name", redraw.PAINTERS)
def test_pictures_are_readable(results, monkeypatch, name):
    found = {}
    save = picture_style.save

    def keep(figure, path):
        save(figure, path)
        found[Path(path)] = readable.faults(figure)

    monkeypatch.setattr(picture_style, "save", keep)
    redraw.PAINTERS[name](redraw.read(name, results))
    assert found
    for path, faults in found.items():
        assert faults == []
        assert path.is_file()
        assert (RESULTS / path.relative_to(results)).is_file()


def test_labels_that_lie_on_one_another_are_noticed(tmp_path):
    with picture_style.picture(tmp_path / "a.png", 3) as figure:
        axes = figure.subplots()
        axes.text(0.5, 0.5, "one")
        axes.text(0.51, 0.5, "two")
        figure.text(0.98, 0.9, "a long text at the edge")
        axes.text(0.2, 0.2, "tiny", fontsize=4)
        figure.set_facecolor("none")
        faults = readable.faults(figure)
    assert set(faults) == {
        "'one' lies on 'two'",
        "'a long text at the edge' is cut off",
        "'tiny' is too small",
        "the ground is not white: dark pages show through",
    }


def test_what_has_no_json_is_said(tmp_path):
    with pytest.raises(UserError, match="there is no file .*results.json"):
        redraw.read("pareto", tmp_path)
