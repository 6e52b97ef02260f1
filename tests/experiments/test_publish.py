"""Which run goes into the package, and what its card says."""

import json

import pytest

from bifsmn_tf.errors import UserError
from bifsmn_tf.experiments import publish
from bifsmn_tf.network.config import SITES


@pytest.fixture
def wrong(monkeypatch):
    """Names of runs whose models take silence for a word."""
    names: set[str] = set()
    monkeypatch.setattr(
        publish,
        "says_silence_to_zeros",
        lambda model: model.parent.name not in names,
    )
    return names


@pytest.fixture
def runs(tmp_path, wrong):
    """Runs of two rows; the second seed of the first one is the best."""
    entries = []
    for row, seed, validation in (
        ("bifsmn", 0, 0.91),
        ("bifsmn", 1, 0.93),
        ("bifsmn", 2, 0.99),
        ("bifsmn_s", 0, 0.95),
    ):
        folder = tmp_path / "runs" / f"{row}_{seed}"
        folder.mkdir(parents=True)
        if (row, seed) != ("bifsmn", 2):
            (folder / "model.tflite").write_bytes(b"x" * 1234)
        entries.append(
            {
                "row": row,
                "seed": seed,
                "run": folder.name,
                "validation": validation,
                "command": "bifsmn_tf.train",
                "flags": ["--flagfile=configs/a.flags", "--epochs=3"],
            }
        )
    (tmp_path / "results.json").write_text(json.dumps({"runs": entries}))
    return tmp_path


def best(runs, row):
    return publish._best(runs / "runs", runs / "results.json", row)


def test_the_best_on_validation_that_has_a_file(runs):
    folder, found = best(runs, "bifsmn")
    assert folder == runs / "runs" / "bifsmn_1"
    assert found["seed"] == 1


def test_one_that_takes_silence_for_a_word_stays_out(runs, wrong):
    wrong.add("bifsmn_1")
    assert best(runs, "bifsmn")[1]["seed"] == 0
    wrong.add("bifsmn_0")
    with pytest.raises(UserError, match="no model of bifsmn says silence"):
        best(runs, "bifsmn")


def test_refusals(runs):
    with pytest.raises(UserError, match="no finished run of dfsmn"):
        best(runs, "dfsmn")
    with pytest.raises(UserError, match="--results: there is no file"):
        publish._best(runs, runs / "nothing.json", "bifsmn")


def test_card(runs):
    folder, found = best(runs, "bifsmn")
    for name, values in {
        "run": {
            "label_names": ["yes", "no", "_bed", "unknown", "silence"],
            "dataset": {"name": "speech_commands/x"},
            "network": {
                "deltas": [1, 2],
                "int8_sites": ["conv2", "projection"],
            },
        },
        "metrics": {"best": {"score": 0.934}},
        "test_tflite": {
            "label_names": ["yes", "no", "unknown"],
            "clips": 200,
            "deltas": {
                "1": {
                    "correct": 180,
                    "accuracy": 0.9,
                    "interval": [0.85, 0.935],
                }
            },
        },
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(values))
    results = folder.parent / "results"
    assert publish._false_accepts("bifsmn-sc12", results) == []
    (results / "quiet").mkdir(parents=True)
    measured = {
        "threshold": 0.8,
        "false_accepts_per_hour": 1234,
        "missed": 320,
        "words": 3200,
        "curve": [
            {"threshold": 0.8, "false_accepts_per_hour": 1234, "missed": 320},
            {"threshold": 0.95, "false_accepts_per_hour": 9, "missed": 800},
        ],
    }
    (results / "quiet" / "packaged.json").write_text(
        json.dumps({"bifsmn-sc12": measured})
    )
    assert publish._false_accepts("bifsmn_s-sc12", results) == []
    assert publish._curve("bifsmn_s-sc12", results) == []
    card = publish._card("bifsmn-sc12", "sc10", folder, found, results)
    for part in (
        "**Keywords**: yes, no; besides, `unknown`, `silence` and `_bed`, "
        "which are never an event.",
        "1,234 bytes, for all depths.",
        "1,234 an hour of speech at the threshold 0.8, missing 10 % of 3,200 "
        "words (results/quiet.md).",
        "Of 3,200 words, and in 45 minutes",
        "|                   1,234 |   10.0 % |",
        "|                       9 |   25.0 % |",
        "|       180 | 90.0 % (85.0-93.5) |",
        "CC BY 4.0",
        "93.4 %",
        "Row `bifsmn`, seed 1: `python -m bifsmn_tf.train "
        "--flagfile=configs/a.flags --epochs=3`.",
    ):
        assert part in card
    assert "more speakers and 8 more keywords" in card
    (results / "quiet" / "packaged.json").write_text(
        json.dumps({"bifsmn-sc12": measured | {"threshold": 0}})
    )
    (accepts,) = publish._false_accepts("bifsmn-sc12", results)
    assert "1,234 an hour of speech at its own thresholds, missing" in accepts
    assert publish._seed_choice(found | {"seeds": 1}) == ""
    assert "of 3 seeds the one" in publish._seed_choice(found | {"seeds": 3})
    taught = found | {"teacher": "dfsmn", "ensemble": [0, 1]}
    assert publish._making("sc12", taught)[-1].endswith(
        "--epochs=3`, taught by `dfsmn` of seeds 0, 1."
    )


def test_what_has_more_than_a_bit_is_named():
    assert publish._more_bits({"network": {}}) == ""
    mixed = {"network": {"int8_sites": ["conv2"]}}
    assert publish._more_bits(mixed) == ", the second convolution"
    assert publish._two_bits({"network": {}}) == ""
    two = {"network": {"two_bit_sites": ["conv2", "projection"]}}
    assert publish._two_bits(two) == (
        " Activations into the second convolution and the projection have two "
        "bits."
    )
    three = {"network": {"two_bit_sites": ["conv2", "memory", "expand"]}}
    assert publish._two_bits(three) == (
        " Activations into the second convolution, the memories and the "
        "expanding layers have two bits."
    )


def test_bits_of_every_layer():
    everywhere = {"network": {"two_bit_sites": list(SITES)}}
    assert publish._two_bits(everywhere) == ""
    assert publish._bits_of_all(everywhere).endswith("activations two,")
    blocks = {
        "network": {
            "int8_sites": ["conv2", "projection"],
            "two_bit_sites": ["memory", "expand", "shrink"],
        }
    }
    assert publish._two_bits(blocks) == ""
    assert publish._bits_of_all(blocks).endswith("activations two,")
    assert publish._more_bits(blocks).endswith(", the projection")
    some = {"network": {"two_bit_sites": ["conv2"]}}
    for run in (some, {"network": {}}):
        assert publish._bits_of_all(run).endswith("are one bit")


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({}, "chosen by validation"),
        ({"keep": "best", "weight_average": 0.9}, "chosen by validation"),
        ({"keep": "last"}, "those of the last epoch"),
        ({"keep": "last", "weight_average": 0.9}, "an average"),
    ],
)
def test_the_epoch_of_a_card(training, said):
    assert said in publish._chosen_epoch({"training": training})


def test_the_card_of_a_wake_word(runs):
    folder, found = best(runs, "bifsmn")
    own = {
        "false_accepts_per_hour": 12.34,
        "missed": 41,
        "words": 411,
        "miss_rate": 41 / 411,
    }
    labels = ["computer", "_yes", "_no", "unknown", "silence"]
    for name, values in {
        "run": {
            "label_names": labels,
            "network": {
                "streaming": True,
                "deltas": [1],
                "int8_sites": ["conv2", "projection"],
                "two_bit_sites": ["memory", "expand", "shrink"],
            },
            "training": {"embedding_weight": 1.0},
        },
        "people": {"models": {"model.tflite": {"own": {"figures": own}}}},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(values))
    results = runs / "pages"
    (results / "wake_word").mkdir(parents=True)
    of_seed = {"60": 0.1234, "1.4": None}
    missed = {"bifsmn": {str(found["seed"]): of_seed, "7": {"60": 0.5}}}
    (results / "wake_word" / "results.json").write_text(
        json.dumps({"figures": {"missed": missed}})
    )
    card = publish._phrase_card("bifsmn-computer", folder, found, results)
    assert card.startswith("# bifsmn-computer\n")
    for label in labels:
        assert label in card
    assert "12 an hour" in card
    assert (
        "Weights are one bit, and activations two, everywhere but in the first "
        "convolution, the second convolution, the projection and the "
        "classifier (8 bits)."
    ) in card
    assert "missing 41 of 411 people (10%)" in card
    assert "whether the phrase was among it is not known" in card
    lines = [line for line in card.splitlines() if line.startswith("|")]
    assert [x.strip() for x in lines[2].split("|")[1:3]] == ["60", "12.3 %"]
    assert [x.strip() for x in lines[3].split("|")[1:3]] == ["1.4", "-"]
    assert "1,234 bytes" in card
