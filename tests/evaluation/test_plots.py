import subprocess
import sys

import numpy as np
import pytest
import readable
from matplotlib import pyplot

from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import picture_style
from bifsmn_tf.evaluation import plots


def epochs(n, deltas=(1, 2)):
    return [
        {
            "epoch": epoch,
            "loss": 3.0 / (epoch + 1),
            "learning_rate": 1e-3,
            **{f"accuracy_delta_{d}": 0.5 + 0.01 * epoch for d in deltas},
            **{f"val_accuracy_delta_{d}": 0.4 + 0.01 * epoch for d in deltas},
        }
        for epoch in range(n)
    ]


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are saved, all of which have to be readable."""
    found = []
    original = picture_style.save

    def save(figure, path):
        found.append(figure)
        original(figure, path)

    monkeypatch.setattr(picture_style, "save", save)
    yield found
    for figure in found:
        assert readable.faults(figure) == []


def pixels(path):
    image = pyplot.imread(path)
    assert min(image.shape[:2]) > 200
    return image


@pytest.mark.parametrize("classes", [2, 12, 35])
def test_confusion_matrix(tmp_path, figures, classes):
    matrix = np.random.default_rng(0).integers(0, 9, (classes, classes))
    matrix[1] = 0
    np.fill_diagonal(matrix, 100)
    names = [f"word{i}" for i in range(classes)]
    plots.confusion_matrix(matrix, names, tmp_path / "a.png", title="test")
    pixels(tmp_path / "a.png")
    (axes,) = figures[0].axes
    assert [x.get_text() for x in axes.get_xticklabels()] == names
    assert [x.get_text() for x in axes.get_yticklabels()] == names
    counts = {x.get_position(): x.get_text() for x in axes.texts}
    assert len(counts) == np.count_nonzero(matrix)
    assert counts[(0, 0)] == "100"
    row, column = np.argwhere(matrix - np.diag(np.diag(matrix)))[0]
    assert counts[(column, row)] == str(matrix[row, column])
    (image,) = axes.images
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(image.get_array(), shares)
    right = 100 * np.trace(matrix) / matrix.sum()
    assert f"{right:.2f} % right" in axes.get_title()


def test_confusion_matrix_of_nothing(tmp_path):
    plots.confusion_matrix(
        np.zeros((3, 3), int), ["a", "b", "c"], tmp_path / "a.png"
    )
    pixels(tmp_path / "a.png")


@pytest.mark.parametrize("n", [1, 3, 30])
def test_curves_of_one_run(tmp_path, figures, n):
    plots.training_curves(epochs(n), tmp_path / "a.png")
    pixels(tmp_path / "a.png")
    loss, accuracy = figures[0].axes
    (line,) = loss.lines
    np.testing.assert_allclose(line.get_ydata(), 3.0 / np.arange(1, n + 1))
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, n + 1))
    assert [x.get_label() for x in accuracy.lines] == [
        "δ = 1, validation",
        "δ = 1, training",
        "δ = 2, validation",
        "δ = 2, training",
    ]
    assert accuracy.lines[0].get_ydata()[0] == pytest.approx(40)


def test_curves_of_several_runs(tmp_path, figures):
    runs = {"HED": epochs(4), "none": epochs(6, deltas=(1,))}
    plots.training_curves(runs, tmp_path / "a.png")
    loss, accuracy = figures[0].axes
    assert [x.get_label() for x in loss.lines] == ["HED", "none"]
    assert [x.get_label() for x in accuracy.lines] == [
        "HED, δ = 1",
        "none, δ = 1",
    ]
    assert [len(x.get_xdata()) for x in accuracy.lines] == [4, 6]


def test_wavelet_energies(tmp_path, figures):
    plots.wavelet_energies(
        {
            "teacher": {str(i): 0.1 for i in range(1, 9)},
            "student": {4: 0.5, 8: 0.6},
        },
        tmp_path / "a.png",
    )
    pixels(tmp_path / "a.png")
    (axes,) = figures[0].axes
    assert list(axes.get_xticks()) == list(range(1, 9))
    heights = [[bar.get_height() for bar in c] for c in axes.containers]
    assert heights == [[0.1] * 8, [0.5, 0.6]]
    # The bars of a block stand beside each other, around its number.
    (teacher, student) = axes.containers
    assert teacher[3].get_x() + teacher[3].get_width() == pytest.approx(
        student[0].get_x()
    )
    assert student[0].get_x() == pytest.approx(4)


def test_accuracies(tmp_path, figures):
    plots.accuracies(
        {
            "δ = 1": {"teacher": [94.0, 96.0], "student": [90.0]},
            "δ = 2": {"student": [88.0]},
        },
        tmp_path / "a.png",
    )
    pixels(tmp_path / "a.png")
    (axes,) = figures[0].axes
    assert [x.get_text() for x in axes.get_yticklabels()] == [
        "teacher",
        "student",
    ]
    bars = [c for c in axes.containers if hasattr(c, "patches")]
    widths = [[bar.get_width() for bar in c.patches] for c in bars]
    assert widths == [[95.0, 90.0], [88.0]]
    whiskers = bars[0].errorbar.lines[2][0].get_segments()
    assert whiskers[0][:, 0].tolist() == [94.0, 96.0]
    assert axes.get_xlim() == (80, 100)


def test_sweep(tmp_path, figures):
    plots.sweep(
        {"HED": {"0": [1.0, 3.0], "1": []}, "plain": {"0": [2.0], "1": [5.0]}},
        tmp_path / "a.png",
        "γ",
        "accuracy",
    )
    pixels(tmp_path / "a.png")
    (axes,) = figures[0].axes
    assert [x.get_text() for x in axes.get_xticklabels()] == ["0", "1"]
    means = {
        line.get_label(): line.get_ydata()
        for line in axes.lines
        if line.get_label() in ("HED", "plain")
    }
    assert {k: list(v) for k, v in means.items()} == {
        "HED": [2.0],
        "plain": [2.0, 5.0],
    }


def test_representations(tmp_path, figures):
    states = np.arange(6.0).reshape(2, 3) - 1
    plots.representations(
        {"teacher: states": states, "teacher: signs": np.sign(states)},
        tmp_path / "a.png",
    )
    pixels(tmp_path / "a.png")
    first, second = figures[0].axes
    np.testing.assert_array_equal(first.images[0].get_array(), states.T)
    assert first.images[0].get_clim() == (-4, 4)
    assert second.images[0].get_clim() == (-1, 1)


def test_trade_offs(tmp_path, figures):
    plots.trade_offs(
        {
            "ours": [("b", 91.0, {"bytes": 200}), ("a", 90.0, {"bytes": 100})],
            "theirs": [("c", 93.0, {"bytes": 50, "cycles": 7})],
        },
        tmp_path / "a.png",
    )
    pixels(tmp_path / "a.png")
    size, cycles = figures[0].axes
    ours, theirs = size.lines
    assert list(ours.get_xdata()) == [100, 200]
    assert list(ours.get_ydata()) == [90, 91]
    assert size.get_xscale() == "log"
    assert [len(line.get_xdata()) for line in cycles.lines] == [0, 1]
    assert {t.get_text() for t in size.texts} == {"a", "b", "c"}


def test_figures_are_closed(tmp_path):
    before = pyplot.get_fignums()
    plots.training_curves(epochs(3), tmp_path / "a.png")
    assert pyplot.get_fignums() == before


def test_says_that_matplotlib_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match="need matplotlib.*pip install"):
        plots.training_curves(epochs(3), tmp_path / "a.png")


def test_importing_does_not_need_matplotlib():
    command = (
        "import sys; sys.modules['matplotlib'] = None; "
        "import bifsmn_tf.evaluation.plots"
    )
    subprocess.run([sys.executable, "-c", command], check=True)


def test_error_trade_offs(tmp_path, figures):
    curves = {
        "one": [(30.0, 0.01), (3.0, 0.05), (0.0, 0.4)],
        "two": [(8.0, 0.0), (0.0, 0.0)],
    }
    path = tmp_path / "det.png"
    plots.detection_error_trade_off(curves, path, hours=0.5, words=100)
    pixels(path)
    (axes,) = figures[0].axes
    first, second, *_ = axes.get_lines()
    assert list(first.get_xdata()) == [30, 3, 1]
    # None missed is half a word, none false half a false accept.
    assert list(second.get_ydata()) == [0.5, 0.5]
    assert "0.50 h" in axes.get_xlabel() and "100" in axes.get_ylabel()
