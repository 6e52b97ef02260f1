"""What the flags of training mean, and which are refused."""

import json

import pytest
from commands import Commands
from commands import run_apart

from bifsmn_tf.audio.log_mel import BOARD_FEATURES
from bifsmn_tf.network import architectures


@pytest.fixture(scope="module")
def run():
    """Runs a command; its status is what is expected."""
    with Commands() as commands:
        yield commands


@pytest.fixture(scope="module")
def settings(run):
    """What the training command makes of flags."""

    def read(*flags) -> dict:
        done = run("tests.support.print_settings", *flags, "--run_dir=x")
        return json.loads(done.stdout)

    return read


PAPER = [
    "--activation_quantizer=bifsmn_sign",
    "--thresholds=false",
    "--prelu=shared",
    "--projection_norm=false",
    "--residual_scale=1",
    "--logit_weight=0",
    "--optimizer=sgd",
    "--learning_rate=5e-3",
    "--weight_decay=1e-4",
    "--spec_mask=0",
]

OURS = [
    "--activation_quantizer=bifsmn_approx_sign",
    "--thresholds",
    "--prelu=channel",
    "--projection_norm",
    "--residual_scale=0.3",
    "--logit_weight=2",
    "--learning_rate=1e-2",
]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ([], OURS),
        (["--recipe=ours"], OURS),
        (["--recipe=paper"], PAPER),
        (["--features=board"], ["--n_fft=512", "--folds=2"]),
        (["--features=paper"], ["--n_fft=2048", "--folds=1"]),
        (
            ["--recipe=paper", "--binarizer=bnn"],
            [*PAPER, "--activation_quantizer=ste_sign"]
            + ["--kernel_quantizer=ste_sign"],
        ),
    ],
)
def test_a_name_stands_for_what_belongs_together(settings, short, long):
    assert settings(*short) == settings(*long)


def test_single_flags_override_what_a_name_stands_for(settings):
    names = ["--recipe=paper", "--features=board"]
    found = settings(*names, "--thresholds", "--folds=1", "--epochs=7")
    plain = settings(*names)
    plain["student"]["thresholds"] = True
    plain["features"]["folds"] = 1
    plain["fit"]["epochs"] = 7
    assert found == plain
    assert settings(*names)["features"] == BOARD_FEATURES.to_dict()


def test_a_network_in_full_precision_has_no_recipe(settings):
    found = settings("--architecture=dfsmn")
    network = architectures.dfsmn(1)
    assert found["student"] == network.to_dict()
    assert found["fit"]["learning_rate"] == 2e-3
    assert found["loss"]["distillation"] == "none"
    assert found["loss"]["logit_weight"] == 0


def test_a_network_in_full_precision_learns_from_logits(settings):
    flags = ("--architecture=dfsmn", "--distillation=none", "--logit_weight=2")
    loss = settings(*flags, "--teacher=somewhere")["loss"]
    assert (loss["distillation"], loss["logit_weight"]) == ("none", 2)
    # With nobody to learn from.
    assert settings(*flags)["loss"]["logit_weight"] == 0


@pytest.mark.parametrize(
    ("command", "flags", "message"),
    [
        ("train", ["--weight_average=1"], "--weight_average must be in [0, 1)"),
        ("train", ["--mixup=-1"], "--mixup must not be negative or infinite"),
        ("train", ["--mixup=inf"], "--mixup is inf"),
        ("train", ["--teacher_dropout=1"], "--teacher_dropout must be in"),
        ("train", ["--gamma=-1"], "--gamma must not be negative"),
        (
            "train",
            ["--delta_weights=1,2"],
            "--delta_weights: 2 loss weights for 3",
        ),
        ("train", ["--n_fft=33"], "--n_fft has to be even"),
        ("train", ["--folds=16"], "--folds * --n_fft = 32768 samples"),
        ("train", ["--deltas=1,3"], "delta 3 must be a power of two"),
        (
            "train",
            ["--kernel_quantizer=best"],
            "--kernel_quantizer: there is no quantizer 'best'",
        ),
        (
            "train",
            ["--architecture=dfsmn", "--binarizer=bnn"],
            "--binarizer is a choice of binary networks",
        ),
        (
            "train",
            ["--architecture=dfsmn", "--recipe=paper"],
            "--recipe is a choice of binary networks",
        ),
        ("train", ["--features=board", "--folds=99"], "--folds * --n_fft"),
        ("train", ["--memory_size=0"], "--memory_size must be at least 1"),
        ("train", ["--prelu=best"], "--prelu=best"),
        ("train", ["--deltas=1,two"], "not whole numbers"),
        ("train", ["--nothing=1"], "nothing"),
        (
            "train",
            ["--first_stage_epochs=2", "--initial=elsewhere"],
            "--first_stage_epochs and --initial each say",
        ),
        ("train", ["--mining_epochs=2"], "--mining_epochs looks for"),
        (
            "train",
            ["--student_mining_epochs=2"],
            "--student_mining_epochs asks the network after its teacher",
        ),
        (
            "train",
            [
                *("--student_mining_epochs=2", "--mining_epochs=2"),
                *("--spoken_minutes=1", "--architecture=bifsmn_stream"),
                *("--distillation=none", "--logit_weight=0"),
            ],
            "--student_mining_epochs is for a network that has a teacher",
        ),
        (
            "train",
            ["--embedding_weight=1"],
            "--embedding_weight is for networks that read a stream",
        ),
        (
            "train",
            [
                *("--embedding_weight=1", "--architecture=bifsmn_stream"),
                "--renditions=0",
            ],
            "--embedding_weight: what is heard is computed once",
        ),
        (
            "train",
            [
                *("--embedding_weight=1", "--architecture=bifsmn_stream"),
                "--mixup=0.2",
            ],
            "--embedding_weight: nobody hears clips that are mixed",
        ),
        (
            "train",
            ["--phrase_seconds=1.5"],
            "--phrase_seconds is for networks that read a stream",
        ),
        (
            "train",
            ["--false_accepts_per_hour=1"],
            "--false_accepts_per_hour is for one-bit networks that read",
        ),
        (
            "train",
            ["--false_accepts_per_hour=1", "--architecture=bifsmn_stream"],
            "--false_accepts_per_hour is told from speech",
        ),
        (
            "train",
            ["--architecture=dfsmn", "--first_stage_epochs=2"],
            "--first_stage_epochs is for one-bit weights",
        ),
        (
            "train",
            ["--architecture=dfsmn", "--teacher=somewhere"],
            "--teacher: a network in full precision learns from its logits",
        ),
        (
            "train",
            [
                *("--architecture=dfsmn", "--distillation=none"),
                *("--more_teachers=somewhere", "--logit_weight=2"),
            ],
            "--more_teachers teach beside another",
        ),
        (
            "train",
            [
                *("--architecture=dfsmn", "--distillation=none"),
                *("--teacher=somewhere", "--logit_weight=0"),
            ],
            "give --distillation=none and a --logit_weight, or no --teacher",
        ),
        (
            "baselines.train",
            ["--model=ds_cnn", "--label_smoothing=1"],
            "--label_smoothing must be in [0, 1)",
        ),
        (
            "baselines.train",
            ["--model=fsmn", "--distillation=hed"],
            "a distillation needs --teacher",
        ),
    ],
)
def test_settings_are_refused_before_the_data_is_read(
    run, tmp_path, command, flags, message
):
    error = run.fails(
        command,
        *flags,
        "--dataset=folder",
        f"--data_dir={tmp_path / 'nowhere'}",
        f"--run_dir={tmp_path / 'run'}",
    )
    assert message in error
    assert not list(tmp_path.iterdir())


def test_threads_are_set_before_a_quantizer_starts_tensorflow(tmp_path):
    """IR-Net's has a variable."""
    done = run_apart(
        "train",
        "--binarizer=irnet",
        "--threads=1",
        "--dataset=folder",
        f"--data_dir={tmp_path / 'nowhere'}",
        f"--run_dir={tmp_path / 'run'}",
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "nowhere" in done.stderr
