import functools

import pytest

from bifsmn_tf.baselines import audiomer
from bifsmn_tf.baselines import summary
from bifsmn_tf.baselines.network import BaselineConfig


@pytest.fixture(scope="module", autouse=True)
def counted_once():
    """To make a network takes seconds, and several tests need the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "of", functools.cache(summary.of))
        yield


@pytest.mark.parametrize(
    "row",
    [
        ("vgg19_bn", "none"),
        ("fsmn", "none"),
        ("fsmn", "xnor"),
        ("fsmn", "irnet"),
        ("fsmn", "sign"),
    ],
)
def test_the_papers_own_figures(row):
    millions, mflops = summary.PAPER[row]
    cost = summary.of(BaselineConfig(row[0], 12, row[1]))
    assert round(cost.parameters / 1e6, 2) == millions
    assert round(cost.paper_mflops, 2) == mflops


@pytest.mark.parametrize(
    ("row", "ours", "theirs"),
    [
        (("vgg19_bn", "xnor"), 1037.65, 1061.63),
        (("vgg19_bn", "irnet"), 1006.19, 1030.18),
        (("bc_resnet_8", "none"), 3117.02, 3749.71),
        (("bc_resnet_8", "irnet"), 450.72, 541.70),
    ],
)
def test_where_ours_are_another_network(row, ours, theirs):
    assert summary.PAPER[row][1] == theirs
    cost = summary.of(BaselineConfig(row[0], 12, row[1]))
    assert round(cost.paper_mflops, 2) == ours


def test_a_binary_vgg_misses_the_norms_in_front_of_poolings_alone():
    """The paper's has them there: three of four elements go with a pooling."""
    pooled = (
        32 * 32 * 64 + 16 * 16 * 128 + 8 * 8 * 256 + 4 * 4 * 512 + 2 * 2 * 512
    )
    for binarizer in ("xnor", "irnet"):
        row = ("vgg19_bn", binarizer)
        cost = summary.of(BaselineConfig(*row[:1], 12, binarizer))
        missing = 128 * 2 * pooled * 3 / 4 / 1e6
        assert round(cost.paper_mflops + missing, 2) == summary.PAPER[row][1]


def test_the_table_has_every_row(monkeypatch):
    # Short ones: to build all of Audiomer takes longer than all the rest.
    for size in audiomer.WIDTHS:
        monkeypatch.setitem(audiomer.WIDTHS, size, (4, 8))
    table = summary.table(12)
    for baseline, binarizer in summary.PAPER:
        assert any(
            line.split()[:2] == [baseline, binarizer]
            for line in table.splitlines()
        )
    assert "53348.40" in table
