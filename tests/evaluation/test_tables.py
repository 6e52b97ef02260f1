"""Tables of text."""

import pytest

from bifsmn_tf.evaluation import tables

HEAD = ("network", "δ", "accuracy, %")
ROWS = (("a", "1", "**94.62** ± 0.34"), ("b, long", "2", "007"))


def cells(line, separator):
    return [cell.strip() for cell in line.strip("|").split(separator)]


def test_markdown():
    head, rule, *rows = tables.markdown(HEAD, ROWS).splitlines()
    assert cells(head, "|") == list(HEAD)
    assert [cells(row, "|") for row in rows] == [list(row) for row in ROWS]
    name, *figures = cells(rule, "|")
    assert name.startswith(":--") and not name.endswith(":")
    assert all(x.startswith("--") and x.endswith("-:") for x in figures)


@pytest.mark.parametrize("left", [0, 1, 3])
def test_columns_flush_left(left):
    _, rule, *_ = tables.markdown(HEAD, ROWS, left).splitlines()
    assert [c.startswith(":") for c in cells(rule, "|")] == [
        i < left for i in range(3)
    ]


def test_plain():
    head, rule, first, second = tables.plain(HEAD, ROWS).splitlines()
    assert head.split() == ["network", "δ", "accuracy,", "%"]
    assert set(rule) == {"-", " "}
    assert first.startswith("a ") and first.endswith("  **94.62** ± 0.34")
    # Not a number: its zeros stay.
    assert second.startswith("b, long ") and second.endswith("  007")
    assert len(head) == len(rule) == len(first) == len(second)


def test_a_table_without_rows_has_its_head():
    assert cells(tables.markdown(HEAD, ()).splitlines()[0], "|") == list(HEAD)
    assert len(tables.plain(HEAD, ()).splitlines()) == 2
