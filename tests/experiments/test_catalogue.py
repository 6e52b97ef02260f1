"""The rows of all experiments are what the training commands take."""

import json
import subprocess
import sys

import pytest

from bifsmn_tf.experiments import table1
from bifsmn_tf.experiments import table2
from bifsmn_tf.experiments import table3
from bifsmn_tf.experiments.catalogue import EXPERIMENTS
from bifsmn_tf.experiments.checkout import ROOT
from bifsmn_tf.experiments.runner import Runner

# Reads a list of flags of one command from its input, and builds each network.
_PARSE = """
import importlib, json, sys
from absl import flags
train = importlib.import_module(sys.argv[1])
for words in json.load(sys.stdin):
    flags.FLAGS.unparse_flags()
    try:
        flags.FLAGS(["train", *words, "--run_dir=x"])
        if hasattr(train, "read_settings"):
            train.read_settings()
        else:
            train.BaselineConfig(flags.FLAGS.model, 10, flags.FLAGS.binarizer)
    except (flags.Error, ValueError) as error:
        print(f"{' '.join(words)}: {error}")
"""


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_rows_fit_together(experiment):
    names = [row.name for row in experiment.rows]
    assert len(names) == len(set(names))
    for row in experiment.rows:
        assert (ROOT / "configs" / row.flagfile).is_file()
        if row.teacher:
            (teacher,) = (r for r in experiment.rows if r.name == row.teacher)
            assert set(row.seeds) <= set(teacher.seeds)
            assert set(row.ensemble) <= set(teacher.seeds)
        else:
            assert not row.ensemble


@pytest.mark.parametrize("table", [table1, table2, table3])
def test_every_figure_of_the_paper_has_a_row(table):
    names = {row.name for row in table.ROWS}
    # The authors' code as it is stands in no table of theirs.
    assert names - table.PAPER.keys() <= {"w32a1"}
    assert table.PAPER.keys() <= names


def test_tables_share_what_they_have_in_common(tmp_path):
    runner = Runner(tmp_path, str(tmp_path))

    def path(experiment, name):
        rows = EXPERIMENTS[experiment].rows
        (row,) = (row for row in rows if row.name == name)
        training = runner.training(rows, row, 0, EXPERIMENTS[experiment].epochs)
        return runner.path(training)

    for one, other in (
        (("table1", "bifsmn_hed"), ("gamma", "hed_0.01")),
        (("table1", "bifsmn_plain"), ("gamma", "plain_0.01")),
        (("table1", "bifsmn_vanilla"), ("gamma", "none")),
        (("table1", "dfsmn_hed"), ("table3", "dfsmn_hed")),
        (("table2", "irnet"), ("table3", "irnet")),
        (("ablation", "full"), ("bifsmnv2", "hed")),
        (("ablation", "full"), ("precision_sites", "bifsmn")),
        (("sc10", "bifsmn"), ("pareto", "bifsmn")),
        (("sc10", "dfsmn"), ("table1", "dfsmn")),
        (("pareto", "ds_cnn_int8"), ("pareto", "ds_cnn_float32")),
    ):
        assert path(*one) == path(*other), (one, other)
    assert path("ablation", "full") != path("table1", "bifsmn_hed")


@pytest.mark.parametrize(
    "command",
    sorted({r.command for e in EXPERIMENTS.values() for r in e.rows}),
)
def test_every_row_is_what_its_command_takes(command, tmp_path):
    runner = Runner(tmp_path, str(tmp_path))
    words = {
        runner.training(experiment.rows, row, 0, experiment.epochs).flags
        for experiment in EXPERIMENTS.values()
        for row in experiment.rows
        if row.command == command
    }
    assert words
    done = subprocess.run(
        [sys.executable, "-c", _PARSE, command],
        input=json.dumps(sorted(words)),
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
