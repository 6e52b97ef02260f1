"""Pages and their JSON from runs that took no time."""

import json
from pathlib import Path

import pytest
from fake_rows import row

from bifsmn_tf.data.speech_commands.protocol import NOT_COMPARABLE
from bifsmn_tf.experiments import always_on
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import gamma
from bifsmn_tf.experiments import pages
from bifsmn_tf.experiments import pareto
from bifsmn_tf.experiments import speed
from bifsmn_tf.experiments.catalogue import EXPERIMENTS
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Selection
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.experiments.runner import Runner
from bifsmn_tf.network.architectures import bifsmn

MISSING = ("8 of the 10 keywords are there.", "Words missing: visual.")


def table_rows(text):
    """The cells of each row of the tables in a page."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]


def outcome(one, seed, correct, **more):
    """A run whose depths get so many of 200 clips right."""
    return Outcome(
        **{
            "row": one,
            "seed": seed,
            "folder": Path(f"run{seed}"),
            "run": {
                "kind": "fsmn",
                "network": bifsmn(10).to_dict(),
                "dataset": {"name": "speech_commands/x", "options": {}},
            },
            "metrics": {
                "history": [{"seconds": 2.0}] * 3,
                "best": {"epoch": 1, "score": 0.5},
                "complete": True,
            },
            "report": {
                "clips": 200,
                "label_names": ["yes", "no"],
                "notes": [MISSING[0], f"{MISSING[1]} {NOT_COMPARABLE}"],
                "deltas": {
                    delta: {
                        "correct": count,
                        "accuracy": count / 200,
                        "interval": [0.8, 0.9],
                    }
                    for delta, count in correct.items()
                },
            },
            "file_bytes": 1000 + seed,
            **more,
        }
    )


@pytest.fixture
def recordings(tmp_path):
    (tmp_path / "recordings").mkdir()
    return str(tmp_path / "recordings")


def make(tmp_path, recordings, table, found, body=None, **selection):
    experiment = Experiment(
        "trial", "A trial", "Why.", table, body or comparison.body(), 3
    )
    runner = Runner(
        tmp_path / "runs",
        recordings,
        collect=True,
        selection=Selection(**selection),
    )
    folder = tmp_path / "results" / "trial"
    return Results(experiment, runner, found, folder)


@pytest.fixture
def results(tmp_path, recordings):
    """A teacher with one depth, a student with two, and one not run."""
    rows = (row("dfsmn"), row("student", teacher="dfsmn"), row("absent"))
    found = {
        ("dfsmn", 0): outcome(rows[0], 0, {"1": 190}),
        ("dfsmn", 1): outcome(rows[0], 1, {"1": 186}),
        ("student", 0): outcome(rows[1], 0, {"1": 180, "2": 178}),
        ("student", 1): outcome(rows[1], 1, {"1": 184, "2": 182}),
    }
    return make(tmp_path, recordings, rows, found)


def test_cells(results):
    # 95 and 93: mean 94, s.d. sqrt(2).
    assert results.accuracy("dfsmn", "1") == "**94.00** ± 1.41"
    assert results.accuracy("dfsmn", "2") == ""
    assert results.accuracy("absent", "1") == "*not run*"
    # (95 - 90 + 93 - 92) / 2
    assert results.gap("student", "1", "dfsmn") == "3.00"
    assert results.gap("dfsmn", "1", "dfsmn") == ""
    assert results.gap("absent", "1", "dfsmn") == ""
    assert comparison.file_bytes(results, "student", "1") == "1,000"


def test_one_run_has_its_interval(results):
    del results.outcomes["student", 1]
    assert results.accuracy("student", "1") == "**90.00** (80.0-90.0)"
    # Of the seeds that both have.
    assert results.gap("student", "1", "dfsmn") == "5.00"


def test_costs_are_those_of_the_network_or_of_a_baseline(results):
    # The paper has 40.46 for 12 classes. A classifier of 10 multiplies 2,048
    # times less, and what counts is a batch of 128.
    found = float(comparison.flops(results, "student", "1"))
    assert found == pytest.approx(40.46 - 0.26, abs=0.011)
    baseline = {"parameters": 1_234_567, "paper_mflops_batch_128": 5.678}
    results.outcomes["student", 0] = outcome(
        results.rows[1], 0, {"1": 1}, cost=baseline
    )
    assert comparison.flops(results, "student", "1") == "5.68"
    assert comparison.parameters(results, "student", "1") == "1.23"


def test_cycles_by_name(results):
    results.cycles = {
        "DS-CNN int8": {"strict": 5.0},
        "BiFSMN δ=2": {"strict": 7.0},
        "front_skip=True": {"cycles": {"4": {"strict": 9.0}}},
    }
    assert results.strict_cycles("DS-CNN int8", "1") == 5.0
    assert results.strict_cycles("DS-CNN int8", "2") is None
    assert results.strict_cycles("BiFSMN", "2") == 7.0
    assert results.strict_cycles("front_skip=True", "4") == 9.0
    assert results.strict_cycles("nothing", "1") is None


def test_comparison_puts_the_paper_beside_ours(results):
    paper = {"student": {"1": ("50",)}, "absent": {"1": ("40",), "2": ("30",)}}
    lines = comparison.table(results, paper, ("paper: V1",))
    head = ["network", "δ", "test accuracy, %"]
    head += ["points below dfsmn", "*paper: V1*"]
    assert table_rows("\n".join(lines)) == [
        head,
        ["Dfsmn", "1", "**94.00** ± 1.41", "", ""],
        ["Student", "1", "**91.00** ± 1.41", "3.00", "50"],
        ["Student", "2", "**90.00** ± 1.41", "4.00", ""],
        ["Absent", "1", "*not run*", "", "40"],
        ["Absent", "2", "*not run*", "", "30"],
    ]
    assert "full data set, with its own protocol" in lines[-2]


def written(results, budget=3):
    page = results.folder.with_suffix(".md")
    pages.write(results, page, "python -m command", budget)
    content = json.loads((results.folder / "results.json").read_text())
    return page.read_text(), content


def test_page_says_what_a_reader_has_to_know(results):
    text, content = written(results)
    for part in (
        "    python -m command\n",
        "`speech_commands/x`, 2 classes: yes, no. Test split: 200 clips.",
        "CC BY 4.0",
        f"\n**{NOT_COMPARABLE}** {' '.join(MISSING)}\n",
        "Epochs: 3 for each row. Seeds: 0, 1.",
        "--flagfile=configs/sc10_baselines.flags --epochs=3 --seed=SEED "
        "--teacher=RUN_OF_dfsmn",
        "* `absent`, seed 0, 1",
    ):
        assert part in text
    assert "What we make of it" not in text
    assert [(run["row"], run["seed"]) for run in content["runs"]] == list(
        results.outcomes
    )
    assert content["runs"][2]["test"]["2"]["correct"] == 178
    assert content["runs"][2]["epochs"] == 3
    assert content["not_run"] == [["absent", 0], ["absent", 1]]
    assert (results.folder / "accuracies.png").is_file()


def test_reports_with_the_same_sentence_twice_say_it_once(results):
    for one in results.outcomes.values():
        one.report["notes"] = [f"{note} {NOT_COMPARABLE}" for note in MISSING]
    text, _ = written(results)
    assert f"\n**{NOT_COMPARABLE}** {' '.join(MISSING)}\n" in text
    assert text.count("not comparable") == 1


def test_the_discussion_stays_as_it_is(results):
    results.folder.mkdir(parents=True)
    words = "It *agrees*,\nmostly."
    (results.folder / "discussion.md").write_text(f"{words}\n")
    for _ in range(2):
        assert f"## What we make of it\n\n{words}\n" in written(results)[0]
    assert (results.folder / "discussion.md").read_text() == f"{words}\n"


def test_epochs_are_those_that_were_run(results):
    one = results.outcomes["dfsmn", 0]
    one.metrics["history"].append({"seconds": 1.0})
    text, _ = written(results)
    assert "Epochs: Dfsmn 4, Student 3." in text
    text, _ = written(results, budget=None)
    assert "Epochs: Dfsmn 4, Student 3." in text


def test_a_page_without_any_run(tmp_path, recordings):
    empty = make(tmp_path, recordings, (row("one"),), {})
    text, content = written(empty)
    assert "No row has been run yet" in text
    assert "* `one`, seed 0, 1" in text
    assert content["runs"] == []


def test_what_is_not_selected_is_not_missing(tmp_path, recordings):
    rows = (row("one"), row("two"))
    part = make(tmp_path, recordings, rows, {}, rows=["two"], seeds=[1])
    assert [(r.name, seed) for r, seed in part.missing] == [("two", 1)]


def test_gamma_pairs_runs_of_the_same_seed(tmp_path, recordings):
    by_name = {one.name: one for one in gamma.ROWS}
    found = {}
    for name, counts in {
        "dfsmn": (190, 190, 190),
        "none": (170, 172, 174),
        "hed_0.1": (182, 184, 186),
        # 1, 0 and -1 clips of 200 less: the mean of the differences is 0.
        "plain_0.1": (181, 184, 187),
    }.items():
        for seed, count in enumerate(counts):
            one = outcome(by_name[name], seed, {"1": count, "2": count})
            found[name, seed] = one
    results = make(
        tmp_path, recordings, gamma.ROWS, found, gamma.EXPERIMENT.body
    )
    text, content = written(results)
    pair = content["figures"]["hed_minus_plain"]["0.1"]
    assert pair["differences"] == pytest.approx([0.5, 0.0, -0.5])
    assert pair["mean"] == pytest.approx(0.0, abs=1e-12)
    # t of 2 degrees, times 0.5 / sqrt(3).
    half = 4.302653 * 0.5 / 3**0.5
    assert pair["interval"] == pytest.approx([-half, half], rel=1e-6)
    rows = table_rows(text)
    assert ["0.1", "3", "+0.00", "0.50", "-1.24 to +1.24"] in rows
    assert ["1", "0", "*not run*", "", ""] in rows
    assert (results.folder / "gamma.png").is_file()


def test_pareto_names_files_for_the_model_of_the_board(tmp_path, recordings):
    by_name = {one.name: one for one in pareto.ROWS}
    found = {
        (name, 0): outcome(by_name[name], 0, correct, **more)
        for name, correct, more in (
            ("bifsmn", {"1": 180, "2": 182}, {}),
            (
                "ds_cnn_int8",
                {"1": 190},
                {"cost": {"macs": 640, "one_bit_macs": 64}},
            ),
        )
    }
    results = make(
        tmp_path, recordings, pareto.ROWS, found, pareto.EXPERIMENT.body
    )
    assert [
        (entry["name"], entry["file"], entry["signature"])
        for entry in pareto.models(results)
    ] == [
        ("bifsmn δ=1", "run0/model.tflite", "delta_1"),
        ("bifsmn δ=2", "run0/model.tflite", "delta_2"),
        ("ds_cnn_int8", "run0/model_int8.tflite", None),
    ]
    results.cycles = {
        "bifsmn δ=1": {"strict": 111.0},
        "BiFSMN δ=1": {"strict": 222.0},
        "BiFSMN δ=2": {"strict": 333.0},
        # Of other features.
        "DS-CNN int8": {"strict": 444.0},
    }
    text, _ = written(results)
    rows = table_rows(text)
    for delta, cycles in (("1", "111"), ("2", "333")):
        assert any(
            row[:2] == ["BiFSMN", delta] and row[-1] == cycles for row in rows
        )
    # 576 of eight bits, and 64 of one bit.
    accuracy = "**95.00** (80.0-90.0)"
    assert ["DS-CNN, int8", "1", accuracy, "1,000", "577", ""] in rows


def test_speed_takes_its_figures_from_the_benchmark(tmp_path, recordings):
    results = make(tmp_path, recordings, (), {}, speed.EXPERIMENT.body)
    text, _ = written(results)
    assert "The benchmark: *not run*" in text
    folder = tmp_path / "results" / "benchmark"
    folder.mkdir()
    ratio = {"low": 1.0, "median": 2.0, "high": 3.0}
    names = [f"BiFSMN δ={delta}" for delta in (1, 2, 4)]
    report = {
        "machine": {"cpu": "a CPU"},
        "models": [
            {"name": "D-FSMN fp32", "file_bytes": 3000},
            *({"name": name, "file_bytes": 200} for name in names),
        ],
        "speedups": {"D-FSMN fp32": dict.fromkeys(names, ratio)},
    }
    (folder / "results.json").write_text(json.dumps(report))
    results.cycles = {
        "D-FSMN fp32": {"strict": 300.0},
        "BiFSMN δ=1": {"strict": 20.0},
        "BiFSMN δ=1, FBCK": {"strict": 30.0},
    }
    text, _ = written(results)
    one, two = (
        next(row for row in table_rows(text) if row[0] == delta)
        for delta in ("1", "2")
    )
    measured = "2.0 (1.0-3.0)"
    assert one == ["1", measured, "15.0", "10.0", "10.9", "15.0", "15.5"]
    assert two[:5] == ["2", measured, "*not run*", "*not run*", "15.5"]


def _listener(name, group, parts, microseconds):
    times = dict.fromkeys(("minimum", "low", "median", "high"), microseconds)
    return {
        "name": name,
        "group": group,
        "decisions": 8.0,
        "file_bytes": 1000,
        "state_bytes": 40,
        "parts": [
            {"name": part, "rate": rate, "microseconds": times}
            for part, rate in parts.items()
        ],
        "inside_microseconds": times,
        "python_microseconds": None,
    }


def test_a_second_of_sound(tmp_path, recordings):
    results = make(tmp_path, recordings, (), {}, always_on.EXPERIMENT.body)
    text, _ = written(results)
    assert "The benchmark: *not run*" in text
    micro = {"microWakeWord, front end": 100.0, "microWakeWord, x": 10.0}
    ratio = {"low": 15.0, "median": 16.0, "high": 17.0}
    ours = "BiFSMN of a stream δ=1"
    report = {
        "machine": {
            "cpu": "a CPU",
            "architecture": "x",
            "cores": 2,
            "instructions": [],
            "load_average": 1.0,
            "load_average_after": 2.0,
        },
        "date": "2026-01-01",
        "versions": {},
        "settings": {"rounds": 1, "turn_milliseconds": 1.0},
        "skipped": ["open_wake_word: pip install it"],
        "memory": {
            ours: {
                "spotter": 9000,
                "interpreter": 20,
                "plan": 10,
                "without_runtime": 7000,
                "native": 5000,
            }
        },
        "listeners": [
            _listener(ours, "ours", {ours: 8.0}, 30.0),
            _listener("microWakeWord, x", "peers", micro, 480.0),
        ],
        "ratios": {"microWakeWord, x": {ours: ratio}},
    }
    (results.folder / "measured.json").write_text(json.dumps(report))
    (results.folder / "a53_cycles.json").write_text(
        json.dumps(
            {
                ours: {"strict": 50_000, "ideal": 40_000},
                "microWakeWord, x": {"strict": 200_000, "ideal": 100_000},
            }
        )
    )
    stream = results.folder.parent / "stream"
    stream.mkdir()
    run = {"row": "bifsmn_stream", "test": {"1": {"accuracy": 0.925}}}
    (stream / "results.json").write_text(json.dumps({"runs": [run]}))
    text, values = written(results)
    rows = table_rows(text)
    assert ["modelled A53 Mcycles, δ = 1", "0.40", "1.0", "0.60"] in rows
    (network, inside) = (row for row in rows if "microWakeWord's" in row[0])
    assert network[1:] == ["5.0", "2", "3.5"]
    assert inside[1:] == ["16.0", "5", "15"]
    assert ["RAM of a spotter in C, kB", "5", "< 300", ""] in rows
    assert values["figures"]["accuracy"] == {"BiFSMN of a stream, δ = 1": 92.5}
    assert (results.folder / "always_on.png").is_file()
    assert "load average 1.0 before and 2.0 after" in text
    assert "Skipped: open_wake_word: pip install it." in text


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_writes_a_page_of_the_runs_there_are(
    tmp_path, recordings, name
):
    """Of the full-precision D-FSMN alone, where a row is that."""
    experiment = EXPERIMENTS[name]
    runner = Runner(tmp_path / "runs", recordings, collect=True)
    folder = tmp_path / "runs" / "x"
    folder.mkdir(parents=True)
    found = {
        (one.name, 0): outcome(one, 0, {"1": 190}, folder=folder)
        for one in experiment.rows
        if one.name == "dfsmn"
    }
    for entries in found.values():
        entries.metrics["history"][:] = [
            {
                "epoch": epoch,
                "seconds": 1.0,
                "loss": 1.0,
                "accuracy_delta_1": 0.5,
                "val_accuracy_delta_1": 0.5,
            }
            for epoch in range(3)
        ]
    results = Results(experiment, runner, found, tmp_path / "results" / name)
    text, content = written(results)
    assert text.startswith(f"# {experiment.title}\n")
    assert len(content["runs"]) == len(found)
    for picture in (tmp_path / "results").glob("**/*.png"):
        assert picture.name in text
