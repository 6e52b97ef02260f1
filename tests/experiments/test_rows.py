"""Which rows and seeds are selected."""

import pytest

from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments.rows import Row
from bifsmn_tf.experiments.rows import Selection

ROWS = [
    Row("teacher", "Teacher", "teacher.flags", seeds=(0, 1, 2)),
    Row(
        "student",
        "Student",
        "student.flags",
        seeds=(0, 1, 2),
        teacher="teacher",
    ),
    Row("small", "Small", "small.flags"),
]


def chosen(rows=None, seeds=None):
    selected = Selection(rows, seeds).of(ROWS)
    return [(row.name, row.seeds) for row in selected]


def test_everything_by_default():
    assert Selection().of(ROWS) == ROWS


def test_rows_and_seeds():
    assert chosen(rows=["small"]) == [("small", (0,))]
    assert chosen(seeds=[0, 2]) == [
        ("teacher", (0, 2)),
        ("student", (0, 2)),
        ("small", (0,)),
    ]
    assert chosen(["student", "small"], [1]) == [("student", (1,))]


def test_what_there_is_not_is_refused():
    with pytest.raises(UserError, match="no row tiny: one of teacher"):
        chosen(rows=["tiny"])
    with pytest.raises(UserError, match="no row has one of the seeds"):
        chosen(seeds=[9])
