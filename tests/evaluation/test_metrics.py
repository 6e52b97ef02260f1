import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from bifsmn_tf.evaluation import metrics
from bifsmn_tf.model_file.detection import without_other_words

NAMES = ["yes", "no", "unknown"]


def logits_for(predicted, classes=3):
    return np.eye(classes)[predicted] * 4 - 1


LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 1, 1, 0, 2, 2, 2, 2, 1])


@pytest.mark.parametrize(
    ("correct", "total"), [(0, 10), (10, 10), (7, 10), (4411, 4890), (1, 1)]
)
def test_wilson_interval(correct, total):
    low, high = metrics.wilson_interval(correct, total)
    expected = stats.binomtest(correct, total).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )
    assert 0 <= low <= correct / total <= high <= 1


@pytest.mark.parametrize(
    ("correct", "total"), [(1, 0), (0, 0), (3, 2), (-1, 2)]
)
def test_what_is_no_proportion_is_refused(correct, total):
    with pytest.raises(ValueError, match="no proportion"):
        metrics.wilson_interval(correct, total)


def test_confusion_rows_are_labels():
    matrix = metrics.confusion(LABELS, PREDICTED, 3)
    np.testing.assert_array_equal(matrix, [[2, 1, 0], [1, 1, 0], [0, 1, 4]])
    assert matrix.dtype == np.int64


class TestReport:
    def test_counts_and_class_figures(self):
        report = metrics.report(LABELS, {1: logits_for(PREDICTED)}, NAMES)
        assert report["clips"] == 10
        figures = report["deltas"]["1"]
        assert figures["correct"] == 7
        assert figures["accuracy"] == 0.7
        assert figures["interval"] == list(metrics.wilson_interval(7, 10))
        assert figures["confusion_matrix"] == [[2, 1, 0], [1, 1, 0], [0, 1, 4]]
        assert figures["classes"]["yes"] == {
            "precision": pytest.approx(2 / 3),
            "recall": pytest.approx(2 / 3),
            "f1": pytest.approx(2 / 3),
            "support": 3,
        }
        assert figures["classes"]["unknown"] == {
            "precision": 1.0,
            "recall": pytest.approx(0.8),
            "f1": pytest.approx(8 / 9),
            "support": 5,
        }

    def test_each_depth_has_its_own_figures(self):
        report = metrics.report(
            LABELS,
            {1: logits_for(LABELS), 4: logits_for(PREDICTED)},
            NAMES,
        )
        assert list(report["deltas"]) == ["1", "4"]
        assert report["deltas"]["1"]["accuracy"] == 1
        assert report["deltas"]["4"]["accuracy"] == 0.7

    def test_survives_json(self):
        report = metrics.report(LABELS, {1: logits_for(PREDICTED)}, NAMES)
        assert json.loads(json.dumps(report)) == report

    def test_a_class_that_never_occurs_has_no_figures(self):
        labels = np.array([0, 0, 1])
        report = metrics.report(labels, {1: logits_for(labels)}, NAMES)
        assert report["deltas"]["1"]["classes"]["unknown"] == {
            "precision": None,
            "recall": None,
            "f1": None,
            "support": 0,
        }
        missed = metrics.report(labels, {1: logits_for(1 - labels)}, NAMES)
        assert missed["deltas"]["1"]["classes"]["yes"]["f1"] == 0

    def test_nothing_to_evaluate_is_refused(self):
        with pytest.raises(ValueError, match="no clips"):
            metrics.report(np.array([]), {1: np.zeros((0, 3))}, NAMES)

    @pytest.mark.parametrize("shape", [(9, 3), (10, 4), (10,)])
    def test_logits_of_another_shape_are_refused(self, shape):
        with pytest.raises(ValueError, match="logits of delta 2"):
            metrics.report(LABELS, {2: np.zeros(shape)}, NAMES)


def test_a_report_needs_no_scipy():
    command = (
        "import sys; sys.modules['scipy'] = None\n"
        "import numpy as np\n"
        "from bifsmn_tf.evaluation import metrics\n"
        "report = metrics.report([0, 1], {1: np.eye(2)}, ['yes', 'no'])\n"
        "print(metrics.table(report))"
    )
    done = subprocess.run(
        [sys.executable, "-c", command],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("2 clips\n")


def test_table_has_a_line_for_each_depth_and_class():
    labels = np.array([0, 0, 1])
    report = metrics.report(
        labels, {1: logits_for(labels), 2: logits_for(1 - labels)}, NAMES
    )
    lines = metrics.table(report).splitlines()
    assert lines[0] == "3 clips"
    depths = [line.split() for line in lines if "%" in line and "-" in line]
    assert depths[0][:4] == ["1", "3", "100.00", "%"]
    assert depths[1][:4] == ["2", "0", "0.00", "%"]
    (yes,) = [line.split() for line in lines if line.startswith("yes")]
    assert yes == ["yes", "2", "100.0", "%", "0.0", "%"]
    (unknown,) = [line.split() for line in lines if line.startswith("unknown")]
    assert unknown == ["unknown", "0", "-", "-"]


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        # tan(0.95 pi / 2); 0.95 sqrt(2 / (1 - 0.95 ** 2)).
        (1, 12.7062047),
        (2, 4.3026527),
        # Of the tables.
        (3, 3.1824463),
        (8, 2.3060041),
        (1000, 1.9623391),
    ],
)
def test_mean_interval_is_by_students_t(freedom, quantile):
    values = np.arange(freedom + 1.0)
    mean, low, high = metrics.mean_interval(values)
    error = np.std(values, ddof=1) / np.sqrt(freedom + 1)
    assert (high - mean) / error == pytest.approx(quantile, rel=1e-7)
    assert mean - low == pytest.approx(high - mean)


def test_mean_interval():
    mean, low, high = metrics.mean_interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert high - mean == pytest.approx(4.3026527 / 3**0.5)
    assert mean - low == pytest.approx(high - mean)
    with pytest.raises(ValueError, match="no interval from 1 values"):
        metrics.mean_interval([1.0])


def test_other_words_are_unknown_ones():
    names = ("yes", "_bed", "_cat", "unknown", "silence")
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 5))
    merged = metrics.as_unknown(logits, names)
    left = without_other_words(names)
    assert left == ("yes", "unknown", "silence")
    assert merged.shape == (200, 3)
    said = [names[i] for i in logits.argmax(axis=1)]
    expected = ["unknown" if x[0] == "_" else x for x in said]
    assert [left[i] for i in merged.argmax(axis=1)] == expected
    assert len(set(said)) == 5
    np.testing.assert_array_equal(
        metrics.as_unknown(logits, ("a", "b", "c", "unknown", "silence")),
        logits,
    )
