"""The commands end to end on a tiny synthetic set, and on bad input."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from ai_edge_litert import schema_py_generated as schema
from commands import Commands
from commands import run_apart

from bifsmn_tf import KeywordSpotter

TRAINING = [
    "--dataset=synthetic",
    "--words=yes,no,hello world",
    "--clips_per_word=60",
    "--architecture=bifsmn_s",
    "--blocks=4",
    "--batch_size=32",
    "--teacher_epochs=10",
    "--epochs=20",
    "--renditions=1",
    "--warmup_steps=5",
]


@pytest.fixture(scope="module")
def run():
    """Runs a command; its status is what is expected."""
    with Commands() as commands:
        yield commands


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    """A folder with a trained run, its files and their reports."""
    folder = tmp_path_factory.mktemp("made")
    cache = f"--cache_dir={folder / 'cache'}"
    run("train", *TRAINING, f"--run_dir={folder / 'run'}", cache)
    model = folder / "model.tflite"
    run("convert", f"--model={folder / 'run'}", f"--output={model}")
    full = folder / "float.tflite"
    run("convert", f"--model={folder / 'run'}", "--float", f"--output={full}")
    for name, path, *extra in (
        ("keras", folder / "run", "--integers"),
        ("floats", folder / "run"),
        ("tflite", model),
    ):
        run(
            "evaluate",
            f"--model={path}",
            cache,
            f"--json={folder / name}.json",
            *extra,
        )
    return folder


def _report(made, name):
    return json.loads((made / f"{name}.json").read_text())


def test_keras_and_the_file_decide_alike(made):
    keras, tflite = _report(made, "keras"), _report(made, "tflite")
    assert list(keras["deltas"]) == ["1", "2", "4"]
    for delta, figures in keras["deltas"].items():
        assert figures == tflite["deltas"][delta]
    assert keras["label_names"] == [
        "yes",
        "no",
        "hello world",
        "unknown",
        "silence",
    ]


def test_integers_cost_little(made):
    floats, tflite = _report(made, "floats"), _report(made, "tflite")
    for delta, figures in floats["deltas"].items():
        lost = figures["accuracy"] - tflite["deltas"][delta]["accuracy"]
        assert abs(lost) < 0.1


def test_it_has_learned_something(made):
    chance = 1 / 5
    best = max(f["accuracy"] for f in _report(made, "keras")["deltas"].values())
    assert best > 1.5 * chance


def test_pictures_are_there(made):
    for name in (
        "run/curves.png",
        "run/teacher/curves.png",
        "tflite_confusion_delta_1.png",
        "keras_confusion_delta_4.png",
    ):
        assert (made / name).read_bytes().startswith(b"\x89PNG")


def test_the_float_file_is_plain_and_larger(made):
    spotter = KeywordSpotter(made / "float.tflite")
    assert spotter.deltas == (1,)
    sizes = [(made / f"{n}.tflite").stat().st_size for n in ("model", "float")]
    assert sizes[0] < sizes[1]


def test_logits_agree_on_every_test_clip(made):
    """Keras in the file's integers, this machine's runtime: the same logits."""
    features, wanted = keras_logits(made)
    spotter = KeywordSpotter(made / "model.tflite")
    for delta, logits in wanted.items():
        spotter.delta = delta
        np.testing.assert_array_equal(spotter.logits(features), logits)


def test_emulated_aarch64_agrees_on_every_test_clip(made, aarch64, tmp_path):
    """As above, with ai-edge-litert under qemu on a Cortex-A53."""
    features, wanted = keras_logits(made)
    np.save(tmp_path / "features.npy", features)
    code = (
        "import sys, numpy\n"
        "from bifsmn_tf import KeywordSpotter\n"
        "model, folder = sys.argv[1:]\n"
        "spotter = KeywordSpotter(model)\n"
        "features = numpy.load(folder + '/features.npy')\n"
        "for delta in spotter.deltas:\n"
        "    spotter.delta = delta\n"
        "    logits = spotter.logits(features)\n"
        "    numpy.save(f'{folder}/logits_{delta}.npy', logits)\n"
    )
    done = aarch64("-c", code, made / "model.tflite", tmp_path)
    assert done.returncode == 0, done.stderr
    for delta, logits in wanted.items():
        found = np.load(tmp_path / f"logits_{delta}.npy")
        np.testing.assert_array_equal(found, logits)


def keras_logits(made):
    """Test features, and Keras's logits on them by δ."""
    from bifsmn_tf.conversion.integer_network import IntegerNetwork
    from bifsmn_tf.data import datasets
    from bifsmn_tf.data import evaluation
    from bifsmn_tf.training.run import RunFolder

    run_folder = RunFolder(made / "run")
    config = run_folder.read_config()
    clips = datasets.load(
        "synthetic",
        splits=("test",),
        cache_dir=made / "cache",
        **config.dataset["options"],
    ).splits["test"]
    features = evaluation.evaluation_features(
        clips, config.features, config.statistics
    )
    network = IntegerNetwork(run_folder.load_network())
    return features, {
        delta: network.infer(features, delta).numpy()
        for delta in config.network.deltas
    }


def test_training_again_reuses_what_is_done(run, made):
    before = (made / "run" / "metrics.json").stat().st_mtime_ns
    done = run(
        "train",
        *TRAINING,
        f"--run_dir={made / 'run'}",
        f"--cache_dir={made / 'cache'}",
    )
    assert "best epoch" in done.stdout
    assert (made / "run" / "metrics.json").stat().st_mtime_ns == before


def test_flags_txt_repeats_the_run(made):
    text = (made / "run" / "flags.txt").read_text()
    assert "--clips_per_word=60" in text
    assert "--architecture=bifsmn_s" in text


def _recordings(folder, labels):
    rng = np.random.default_rng(0)
    for label in labels:
        (folder / label).mkdir(parents=True)
        for i in range(2):
            soundfile.write(
                folder / label / f"{i}.wav",
                0.1 * rng.normal(size=8000),
                8000,
            )


def test_evaluates_a_folder_of_recordings_without_tensorflow(
    run, made, tmp_path
):
    _recordings(tmp_path / "mine", ["yes", "hello world", "_unknown_"])
    (tmp_path / "mine" / "yes" / "broken.wav").write_bytes(b"RIFF1234")
    code = (
        "import runpy, sys\n"
        "sys.modules['tensorflow'] = None\n"
        "runpy.run_module('bifsmn_tf.evaluate', run_name='__main__')\n"
    )
    done = run_apart(
        "evaluate",
        f"--model={made / 'model.tflite'}",
        "--dataset=folder",
        f"--data_dir={tmp_path / 'mine'}",
        f"--json={tmp_path / 'out.json'}",
        code=code,
    )
    assert done.returncode == 0, done.stderr
    assert "broken.wav" in done.stderr
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["clips"] == 6
    support = {
        name: figures["support"]
        for name, figures in report["deltas"]["1"]["classes"].items()
    }
    assert support == {
        "yes": 2,
        "no": 0,
        "hello world": 2,
        "unknown": 2,
        "silence": 0,
    }


def test_evaluate_refuses_strange_labels(run, made, tmp_path):
    _recordings(tmp_path, ["yes", "banana"])
    error = run.fails(
        "evaluate",
        f"--model={made / 'model.tflite'}",
        "--dataset=folder",
        f"--data_dir={tmp_path}",
    )
    assert "banana" in error


def test_evaluate_refuses_bad_models(run, made, tmp_path):
    assert "nowhere" in run.fails("evaluate", "--model=nowhere")
    content = (made / "model.tflite").read_bytes()
    (tmp_path / "half.tflite").write_bytes(content[: len(content) // 2])
    error = run.fails("evaluate", f"--model={tmp_path / 'half.tflite'}")
    assert "half.tflite" in error
    error = run.fails("evaluate", f"--model={tmp_path}")
    assert "not the folder of a run" in error
    error = run.fails(
        "evaluate", f"--model={made / 'model.tflite'}", "--deltas=1,3"
    )
    assert "no delta 3" in error


def test_train_refuses_bad_data(run, tmp_path):
    run_dir = f"--run_dir={tmp_path / 'run'}"
    error = run.fails("train", run_dir, "--dataset=speech_commands/v9")
    assert "v0.02-12-official" in error
    (tmp_path / "empty").mkdir()
    error = run.fails(
        "train", run_dir, "--dataset=folder", f"--data_dir={tmp_path / 'empty'}"
    )
    assert "empty" in error
    assert not (tmp_path / "run").exists()


def test_train_refuses_bad_settings(run, made, tmp_path):
    common = [f"--cache_dir={made / 'cache'}", f"--run_dir={tmp_path / 'run'}"]
    error = run.fails("train", *TRAINING, *common, "stray")
    assert "stray" in error
    error = run.fails(
        "train", *TRAINING, *common, f"--teacher={tmp_path / 'none'}"
    )
    assert "not the folder of a run" in error
    one = made / "run" / "teacher"
    error = run.fails(
        *("train", *TRAINING, *common, f"--teacher={one}"),
        f"--more_teachers={one},{tmp_path / 'none'}",
    )
    assert "none" in error and "not the folder of a run" in error
    error = run.fails(
        *("train", *TRAINING, *common, f"--more_teachers={one}"),
        "--logit_weight=0",
    )
    assert "--more_teachers teach" in error and "--logit_weight" in error
    assert not (tmp_path / "run").exists()


def test_train_refuses_another_configuration_and_loses_nothing(run, made):
    before = (made / "run" / "metrics.json").read_bytes()
    error = run.fails(
        "train",
        *TRAINING,
        f"--run_dir={made / 'run'}",
        f"--cache_dir={made / 'cache'}",
        "--gamma=0.5",
    )
    assert "gamma: 0.01 there, 0.5 here" in error
    assert (made / "run" / "metrics.json").read_bytes() == before


def test_convert_refuses_bad_runs_and_places(run, made, tmp_path):
    error = run.fails(
        "convert",
        f"--model={made / 'run'}",
        f"--output={tmp_path / 'no' / 'm.tflite'}",
    )
    assert "there is no folder" in error
    error = run.fails(
        "convert",
        f"--model={tmp_path}",
        f"--output={tmp_path / 'm.tflite'}",
    )
    assert "not the folder of a run" in error
    copy = tmp_path / "copy"
    shutil.copytree(made / "run", copy)
    shutil.rmtree(copy / "checkpoints")
    error = run.fails(
        "convert", f"--model={copy}", f"--output={tmp_path / 'm.tflite'}"
    )
    assert "no complete epoch yet" in error
    assert not (tmp_path / "m.tflite").exists()


def test_convert_says_where_the_bytes_are(run, made, tmp_path):
    output = tmp_path / "m.tflite"
    command = ["convert", f"--model={made / 'run'}", f"--output={output}"]

    def sizes(*flags):
        lines = run(*command, *flags).stdout.splitlines()
        assert lines[0] == f"{output}: {output.stat().st_size:,} bytes"
        return [
            int(line.split()[0].replace(",", ""))
            for line in lines
            if " %  " in line
        ]

    brief, full = sizes(), sizes("--parts")
    assert sum(brief) == sum(full) == output.stat().st_size
    assert len(brief) == 5 < len(full)
    assert brief[:4] == full[:4]
    assert full == sorted(full, reverse=True)


def deployed(model: Path) -> list:
    """What a file computes: its operators, and tensors but for their values.

    Packed integers, rows of bytes, take more or fewer by their values.
    """
    file = schema.ModelT.InitFromPackedBuf(model.read_bytes(), 0)

    def shape(tensor):
        sizes = list(tensor.shape)
        packed = tensor.type == schema.TensorType.INT8 and len(sizes) == 1
        return [] if packed else sizes

    return [
        (
            [
                (
                    file.operatorCodes[operator.opcodeIndex].customCode,
                    list(operator.inputs),
                    list(operator.outputs),
                )
                for operator in graph.operators
            ],
            [(tensor.type, shape(tensor)) for tensor in graph.tensors],
        )
        for graph in file.subgraphs
    ]


def test_two_stages_with_every_option_that_folds_away(run, made, tmp_path):
    folder = tmp_path / "run"
    command = [
        *TRAINING,
        "--epochs=1",
        "--first_stage_epochs=1",
        "--distillation=fid",
        "--learned_window",
        "--noclip_latents",
        "--mixup=0.2",
        "--weight_average=0.9",
        f"--teacher={made / 'run' / 'teacher'}",
        f"--more_teachers={made / 'run' / 'teacher'}",
        f"--run_dir={folder}",
        f"--cache_dir={made / 'cache'}",
    ]
    run("train", *command)
    for stage in (folder / "first_stage", folder):
        assert json.loads((stage / "metrics.json").read_text())["complete"]
    output = tmp_path / "model.tflite"
    run("convert", f"--model={folder}", f"--output={output}")
    assert deployed(output) == deployed(made / "model.tflite")
    refused = ["convert", f"--model={folder / 'first_stage'}"]
    error = run.fails(*refused, f"--output={tmp_path / 'first.tflite'}")
    assert "the first of two stages" in error
    assert not (tmp_path / "first.tflite").exists()
