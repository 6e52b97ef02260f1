r"""Trains a network that one would run instead of BiFSMN, and evaluates it.

    python -m bifsmn_tf.baselines.train --model=bc_resnet_1 \
        --dataset=speech_commands/v0.02-12-official --data_dir=RECORDINGS \
        --run_dir=runs/bc_resnet_1 --epochs=40
    python -m bifsmn_tf.baselines.train --model=fsmn --binarizer=sign \
        --teacher=runs/fsmn --distillation=hed ...

Data, features, augmentation, loop and run folder are those of bifsmn_tf.train;
a run that was stopped goes on with the same command. Audiomer reads the same
clips as waveforms, augmented anew in every epoch. What the run's folder holds
besides is described in bifsmn_tf/baselines/report.py.
"""

import dataclasses

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.baselines import report
from bifsmn_tf.baselines.layers import BINARIZERS
from bifsmn_tf.baselines.network import BASELINES
from bifsmn_tf.baselines.network import BaselineConfig
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import plots
from bifsmn_tf.training import research_flags
from bifsmn_tf.training.data_config import DataConfig
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.flags import define_data
from bifsmn_tf.training.flags import define_fit
from bifsmn_tf.training.flags import define_losses
from bifsmn_tf.training.flags import define_run
from bifsmn_tf.training.flags import run_folder
from bifsmn_tf.training.flags import start
from bifsmn_tf.training.generated_flags import read
from bifsmn_tf.training.loop import fit
from bifsmn_tf.training.protocol import TrainableNetwork
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder

_MODEL = flags.DEFINE_enum(
    "model",
    None,
    list(BASELINES),
    "The network to train (required). Audiomer reads waveforms, augmented anew "
    "in every epoch: --renditions and --spec_mask do not apply to it.",
    required=True,
)
_BINARIZER = flags.DEFINE_enum(
    "binarizer",
    "none",
    list(BINARIZERS),
    "How weights and activations of all but the first layer and the "
    "classifier become one bit: sign is Eq. 1 and 2, none keeps full "
    "precision.",
)
_LIMIT_CLIPS = flags.DEFINE_integer(
    "limit_clips",
    None,
    "The number of clips to train on, drawn once by --data_seed; by default "
    "all. Validation and test are whole.",
    lower_bound=1,
)
_TEACHER = flags.DEFINE_string(
    "teacher",
    None,
    "The folder of the run of the same network in full precision, for a "
    "distillation of the states of fsmn's layers, or of the logits.",
)

# A baseline has one depth, and its norms no statistics to estimate anew.
_WITHOUT = (
    *("delta_weights", "weight_decay", "embedding_weight", "embedding_hint"),
    *("mixup", "weight_average"),
)

GROUPS = (
    define_run(),
    cli.FlagGroup("Network", ["model", "binarizer"]),
    define_data(),
    define_fit(),
    cli.FlagGroup(
        "Teacher and distillation",
        ["teacher", *define_losses({"distillation": "none"}).names],
    ),
    cli.FlagGroup(
        "Data, for experiments",
        ["limit_clips", *research_flags.define_data().names],
        research=True,
    ),
    research_flags.define_fit(without=_WITHOUT),
    research_flags.define_losses(without=_WITHOUT),
)


def _drawn(clips: Clips, count: int | None, data_seed: int) -> Clips:
    """Returns some of the clips in their order, the same for the same seed."""
    if count is None or count >= len(clips):
        return clips
    rng = np.random.default_rng(data_seed)
    return clips.take(np.sort(rng.permutation(len(clips))[:count]))


def _teacher(loss: LossConfig) -> RunFolder | None:
    """The run of the teacher that the losses need."""
    if not loss.needs_teacher:
        if _TEACHER.value:
            raise UserError(
                "--teacher has nothing to teach: choose --distillation=hed or "
                "plain, or a --logit_weight"
            )
        return None
    if loss.distils_states and not BASELINES[_MODEL.value].blocks:
        taught = [
            name for name, baseline in BASELINES.items() if baseline.blocks
        ]
        raise UserError(
            f"--distillation: {_MODEL.value} has no states to compare, "
            f"only {', '.join(taught)} has"
        )
    if not _TEACHER.value:
        raise UserError(
            "a distillation needs --teacher: train the same --model with "
            "--binarizer=none first and give its --run_dir"
        )
    return RunFolder(_TEACHER.value)


def _load_teacher(run: RunFolder, config: RunConfig) -> TrainableNetwork:
    """Returns a teacher: the same network in full precision."""
    assert isinstance(config.network, BaselineConfig)
    wanted = dataclasses.replace(
        config, network=dataclasses.replace(config.network, binarizer="none")
    )
    run.check_fits(
        "teacher", wanted, ("network", "label_names", "features", "statistics")
    )
    return run.load_network()


def main() -> None:
    """Trains and evaluates what the flags say."""
    # All settings are checked here, before anything takes time.
    settings = read(FitConfig)
    start(settings.seed)
    data = read(DataConfig)
    loss = read(LossConfig)
    teacher = _teacher(loss)

    dataset = data.load()
    clips = _drawn(dataset.splits["train"], _LIMIT_CLIPS.value, data.data_seed)
    print(
        f"{dataset.name}: {len(clips)} clips to train on, "
        f"{len(dataset.splits['validation'])} to validate, "
        f"{len(dataset.splits['test'])} to test, "
        f"{len(dataset.label_names)} classes: {', '.join(dataset.label_names)}"
    )
    features = BASELINES[_MODEL.value].features
    pipeline = data.pipeline(clips, dataset.noise, features, settings.seed)
    config = RunConfig(
        network=BaselineConfig(
            _MODEL.value, len(dataset.label_names), _BINARIZER.value
        ),
        label_names=dataset.label_names,
        features=features,
        statistics=pipeline.statistics,
        dataset={"name": data.dataset, "options": data.options},
        training={
            **dataclasses.asdict(loss),
            **dataclasses.asdict(settings),
            **data.variation,
            "limit_clips": _LIMIT_CLIPS.value,
        },
    )
    run = run_folder()
    held_out = dataset.splits["validation"]
    metrics = fit(
        run,
        config,
        cli.flagfile(),
        loss,
        settings,
        pipeline,
        (
            evaluation_features(held_out, features, pipeline.statistics),
            held_out.labels,
        ),
        teacher=_load_teacher(teacher, config) if teacher else None,
        description=_MODEL.value,
    )
    if not run.curves.exists():
        plots.training_curves(metrics["history"], run.curves)
    best = metrics["history"][metrics["best"]["epoch"]]
    print(
        f"best epoch {best['epoch'] + 1} of {len(metrics['history'])}: "
        f"{100 * best[epoch_accuracy.validation(1)]:.2f} % on validation"
    )
    calibration = _drawn(clips, report.CALIBRATION_CLIPS, data.data_seed)
    for form, figures in report.write(run, dataset, calibration).items():
        found = figures["deltas"]["1"]
        low, high = found["interval"]
        size = f", {figures['bytes']:,} bytes" if figures["bytes"] else ""
        print(
            f"{form:8} {100 * found['accuracy']:.2f} % "
            f"({100 * low:.2f}-{100 * high:.2f} %) on test{size}"
        )
    print(f"curves: {run.curves}, reports: {run.path}")


if __name__ == "__main__":
    cli.run(main, GROUPS)
