"""Trains a keyword spotter: the full-precision teacher, then BiFSMN.

    python -m bifsmn_tf.train --flagfile=configs/sc10_bifsmn.flags \
        --data_dir=SPEECH_COMMANDS --run_dir=runs/bifsmn

A run that was stopped, even by kill -9, goes on with the same command. With a
distillation and no --teacher, the teacher is trained first, into
RUN_DIR/teacher; and with --first_stage_epochs, before the run itself, a network
whose activations alone are one bit into RUN_DIR/first_stage. What a run leaves
behind is described in bifsmn_tf/training/run.py.
"""

import dataclasses
from pathlib import Path
from typing import Any

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf._keras import lq
from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.distillation import losses
from bifsmn_tf.distillation.trainer import LossConfig
from bifsmn_tf.errors import UserError
from bifsmn_tf.network import architectures
from bifsmn_tf.network import config as networks
from bifsmn_tf.training.flags import TrainingFlags
from bifsmn_tf.training.loop import fit
from bifsmn_tf.training.run import RunFolder

_SHARED = TrainingFlags(learning_rate=1e-2, logit_weight=2.0)
_ARCHITECTURE = flags.DEFINE_enum(
    "architecture",
    "bifsmn",
    sorted(architectures.ARCHITECTURES),
    "bifsmn and bifsmn_s are binary, dfsmn and dfsmn_s full precision.",
)
_BINARIZER = flags.DEFINE_enum(
    "binarizer",
    None,
    sorted(architectures.BINARIZERS),
    "Binarize as another method does (bnn, dorefa, rad, xnor, bireal, irnet), "
    "or as the authors' code does by mistake (w32a1): sets the quantizers and "
    "what belongs to them where no other flag does.",
)
_NETWORK_FLAGS = (
    flags.DEFINE_list("deltas", None, "The depths δ, such as 1,2,4."),
    flags.DEFINE_integer("blocks", None, "N, the number of blocks."),
    flags.DEFINE_integer("memory_size", None, "Channels of the memory."),
    flags.DEFINE_integer("hidden_size", None, "Channels inside a block."),
    flags.DEFINE_integer("front_channels", None, "Of the first convolution."),
    flags.DEFINE_integer("front_kernel", None, "Width of its kernels."),
    flags.DEFINE_integer("look_back", None, "N1 of Eq. 3."),
    flags.DEFINE_integer("look_ahead", None, "N2 of Eq. 3."),
    flags.DEFINE_integer("stride_back", None, "s1 of Eq. 3."),
    flags.DEFINE_integer("stride_ahead", None, "s2 of Eq. 3."),
    flags.DEFINE_string(
        "activation_quantizer", None, "Of binary activations, by name."
    ),
    flags.DEFINE_string("kernel_quantizer", None, "Of binary weights."),
    flags.DEFINE_bool(
        "input_scale",
        None,
        "Multiply with XNOR-Net's K, the mean size of a layer's inputs; a file "
        "cannot.",
    ),
    flags.DEFINE_bool(
        "float_pointwise",
        None,
        "Leave the blocks' pointwise weights in 32 bits, as the authors' code "
        "does by mistake; to compare, no file.",
    ),
    flags.DEFINE_float(
        "distribution_weight",
        None,
        "Of RAD's loss on the distribution of what goes into each sign.",
    ),
    flags.DEFINE_bool("thresholds", None, "Learn activation thresholds."),
    flags.DEFINE_bool(
        "learned_window",
        None,
        "Learn the width of the surrogate gradients' windows (BiFSMNv2).",
    ),
    flags.DEFINE_bool(
        "dual_activations",
        None,
        "Activations of two bits in two scales (BiFSMNv2): twice the binary "
        "operations, and no deployed op.",
    ),
    flags.DEFINE_bool(
        "clip_latents", None, "Keep the weights behind one-bit ones in [-1, 1]."
    ),
    flags.DEFINE_enum(
        "prelu", None, ["channel", "shared"], "A slope for each of these."
    ),
    flags.DEFINE_bool(
        "projection_norm", None, "BatchNorm after the projection."
    ),
    flags.DEFINE_float(
        "residual_scale", None, "Initial BatchNorm scale of a block's stages."
    ),
    flags.DEFINE_float("dropout", None, "In training."),
    flags.DEFINE_integer(
        "memory_stages",
        None,
        "How often a block's memory is applied, each time with weights of its "
        "own.",
    ),
    flags.DEFINE_integer(
        "front_branches",
        None,
        "Second convolutions with a projection each, which are added.",
    ),
    flags.DEFINE_integer(
        "front_bases",
        None,
        "1, or as many as branches: each has thresholds of its own on the "
        "first convolution.",
    ),
    flags.DEFINE_integer(
        "front_outputs",
        None,
        "Of a second convolution, instead of twice front_channels.",
    ),
    flags.DEFINE_bool(
        "front_skip",
        None,
        "One more projection, of the first convolution, beside the second.",
    ),
    flags.DEFINE_list(
        "float_sites",
        None,
        f"What is not binarized, to see what it costs: some of "
        f"{', '.join(networks.SITES)}. Cannot be converted.",
    ),
    flags.DEFINE_list(
        "int8_sites",
        None,
        "What has 8 bits instead of one, likewise: mixed precision. Of these, "
        "conv2 can be converted, with or without projection.",
    ),
)
_FFT = flags.DEFINE_integer(
    "n_fft",
    FeatureParameters.n_fft,
    "Length of the features' Fourier transform, in samples; a file that takes "
    "sound wants a power of two.",
)
_FOLDS = flags.DEFINE_integer(
    "folds",
    FeatureParameters.folds,
    "Length of the features' frames in Fourier transforms: 2 folds a frame of "
    "1,024 samples into a transform of 512, which is far cheaper on a board.",
)
_TEACHER = flags.DEFINE_string(
    "teacher",
    None,
    "Folder of a trained teacher's run; by default one is trained first.",
)
_INITIALISE = flags.DEFINE_bool(
    "initialize_from_teacher", False, "Start from the teacher's weights."
)
_FIRST_STAGE_EPOCHS = flags.DEFINE_integer(
    "first_stage_epochs",
    0,
    "Epochs with one-bit activations and float weights before those with both "
    "one bit; 0 for one stage.",
    lower_bound=0,
)
_TEACHER_EPOCHS = flags.DEFINE_integer(
    "teacher_epochs", 20, "Epochs of a teacher trained first.", lower_bound=1
)
_TEACHER_RATE = flags.DEFINE_float(
    "teacher_learning_rate", 2e-3, "Of a teacher trained first.", lower_bound=0
)
_TEACHER_DROPOUT = flags.DEFINE_float(
    "teacher_dropout", 0.0, "Of a teacher trained first.", 0, 1
)
_DISTILLATION = flags.DEFINE_enum(
    "distillation",
    "hed",
    losses.METHODS,
    "hed emphasises the teacher's high frequencies (Eq. 8-10); fid compares "
    "high and low ones apart (BiFSMNv2).",
)
_DELTA_WEIGHTS = flags.DEFINE_list(
    "delta_weights", None, "Loss weight of each δ; by default 1/2^(δ-1)."
)
_DECAY = flags.DEFINE_float(
    "weight_decay", 0.0, "L2 on the kernels that are not one bit."
)
_MIXUP = flags.DEFINE_float(
    "mixup",
    0.0,
    "α of the Beta distribution that training clips are mixed by; 0 for none.",
    lower_bound=0,
)
_WEIGHT_AVERAGE = flags.DEFINE_float(
    "weight_average",
    0.0,
    "Decay of the moving average of the weights that is evaluated and kept, "
    "such as 0.999; 0 for none.",
    lower_bound=0,
)
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "none",
    ["none", "mirrored", "multi_worker"],
    "tf.distribute: several devices, or several machines given in TF_CONFIG.",
)


def _strategy() -> tf.distribute.Strategy:
    if _STRATEGY.value == "mirrored":
        return tf.distribute.MirroredStrategy()
    if _STRATEGY.value == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def _features() -> FeatureParameters:
    try:
        return FeatureParameters(n_fft=_FFT.value, folds=_FOLDS.value)
    except ValueError as error:
        raise UserError(f"--n_fft, --folds: {error}") from None


def _network_config(features: FeatureParameters) -> networks.NetworkConfig:
    """The student, of one class: a data set says later how many."""
    architecture = _ARCHITECTURE.value
    changes: dict[str, Any] = {
        **(
            architectures.BINARIZERS[_BINARIZER.value]
            if _BINARIZER.value
            else {}
        ),
        **{f.name: f.value for f in _NETWORK_FLAGS if f.value is not None},
    }
    if "deltas" in changes:
        changes["deltas"] = tuple(_integers("deltas", changes["deltas"]))
    frames, mels = features.shape
    config = architectures.ARCHITECTURES[architecture](
        classes=1, frames=frames, mels=mels, **changes
    )
    for name in ("activation_quantizer", "kernel_quantizer"):
        quantizer = getattr(config, name)
        try:
            lq.quantizers.get(quantizer)
        except ValueError:
            raise UserError(
                f"--{name}: there is no quantizer {quantizer!r}, see "
                "bifsmn_tf/network/quantizers/__init__.py"
            ) from None
    if _BINARIZER.value and not config.binary:
        raise UserError(
            f"--binarizer: {architecture} is full precision; choose "
            "--architecture=bifsmn or bifsmn_s"
        )
    return config


def _teacher_config(student: networks.NetworkConfig):
    """Full precision in the student's sizes."""
    sizes = {
        name: getattr(student, name)
        for name in (
            "frames",
            "mels",
            "front_channels",
            "front_kernel",
            "memory_size",
            "hidden_size",
            "blocks",
            "look_back",
            "look_ahead",
            "stride_back",
            "stride_ahead",
            "projection_norm",
        )
    }
    return architectures.dfsmn(
        student.classes, dropout=_TEACHER_DROPOUT.value, **sizes
    )


def _integers(name: str, values: list[str]) -> list[int]:
    try:
        return [int(v) for v in values]
    except ValueError:
        raise UserError(f"--{name}: {values} are not whole numbers") from None


def _numbers(name: str, values: list[str] | None) -> tuple[float, ...]:
    try:
        return tuple(float(v) for v in values or ())
    except ValueError:
        raise UserError(f"--{name}: {values} are not numbers") from None


def _loss_config(student: networks.NetworkConfig) -> LossConfig:
    """What the student minimises; a full-precision one has no teacher."""
    loss = _SHARED.loss_config(
        _DISTILLATION.value,
        delta_weights=_numbers("delta_weights", _DELTA_WEIGHTS.value),
        weight_decay=_DECAY.value,
    )
    if not student.binary:
        loss = _without_distillation(loss)
    loss.weights_by_depth(student.deltas)
    return loss


def _without_distillation(loss: LossConfig) -> LossConfig:
    return dataclasses.replace(
        loss, distillation="none", logit_weight=0.0, delta_weights=()
    )


def main() -> None:
    """Trains what the flags say."""
    # Threads and devices are fixed with TensorFlow's first operation, and a
    # quantizer may have one.
    _SHARED.start()
    strategy = _strategy()
    # All settings are checked here, before anything takes time.
    features = _features()
    student = _network_config(features)
    teacher_network = _teacher_config(student)
    loss = _loss_config(student)
    settings = _SHARED.fit_config(
        mixup=_MIXUP.value, weight_average=_WEIGHT_AVERAGE.value
    )
    teacher_settings = dataclasses.replace(
        settings,
        epochs=_TEACHER_EPOCHS.value,
        learning_rate=_TEACHER_RATE.value,
        optimizer="adam",
        mixup=0.0,
        weight_average=0.0,
    )
    if _FIRST_STAGE_EPOCHS.value and not student.one_bit_weights:
        raise UserError(
            "--first_stage_epochs is for one-bit weights, which "
            f"--architecture={_ARCHITECTURE.value} "
            f"--kernel_quantizer={student.kernel_quantizer} has not"
        )

    dataset = _SHARED.load(splits=("train", "validation"))
    print(
        f"{dataset.name}: {len(dataset.splits['train'])} clips to train on, "
        f"{len(dataset.splits['validation'])} to validate, "
        f"{len(dataset.label_names)} classes: {', '.join(dataset.label_names)}"
    )
    student, teacher_network = (
        dataclasses.replace(network, classes=len(dataset.label_names))
        for network in (student, teacher_network)
    )
    pipeline = _SHARED.pipeline(
        dataset.splits["train"], dataset.noise, features
    )
    held_out = dataset.splits["validation"]
    validation = (
        evaluation_features(held_out, features, pipeline.statistics),
        held_out.labels,
    )
    config = _SHARED.run_config(student, dataset, features, pipeline)

    run = _SHARED.run
    teacher = None
    if student.binary and (
        loss.distillation != "none" or loss.logit_weight or _INITIALISE.value
    ):
        teacher_run = RunFolder(_TEACHER.value or Path(run.path) / "teacher")
        if not _TEACHER.value:
            fit(
                teacher_run,
                dataclasses.replace(config, network=teacher_network),
                cli.flagfile(),
                _without_distillation(loss),
                teacher_settings,
                pipeline,
                validation,
                strategy=strategy,
                description="teacher",
            )
        teacher_run.check_teacher(
            config, ("label_names", "features", "statistics")
        )
        with strategy.scope():
            teacher = teacher_run.load_network()

    initial = teacher if _INITIALISE.value else None
    if _FIRST_STAGE_EPOCHS.value:
        first = RunFolder(Path(run.path) / "first_stage")
        fit(
            first,
            dataclasses.replace(
                config,
                network=dataclasses.replace(
                    student, kernel_quantizer=networks.FLOAT_WEIGHTS
                ),
            ),
            cli.flagfile(),
            loss,
            dataclasses.replace(settings, epochs=_FIRST_STAGE_EPOCHS.value),
            pipeline,
            validation,
            teacher=teacher,
            initial=initial,
            strategy=strategy,
            description="first stage",
        )
        with strategy.scope():
            initial = first.load_network()

    metrics = fit(
        run,
        config,
        cli.flagfile(),
        loss,
        settings,
        pipeline,
        validation,
        teacher=teacher,
        initial=initial,
        strategy=strategy,
        description=_ARCHITECTURE.value,
    )
    best = metrics["history"][metrics["best"]["epoch"]]
    print(f"best epoch {best['epoch'] + 1} of {len(metrics['history'])}:")
    for delta in student.deltas:
        accuracy = best[f"val_accuracy_delta_{delta}"]
        print(f"  δ = {delta}: {100 * accuracy:.2f} % on validation")
    print(
        f"curves: {run.path / 'curves.png'}\n"
        f"next: python -m bifsmn_tf.evaluate --model={run.path} or "
        f"python -m bifsmn_tf.convert --model={run.path}"
    )


if __name__ == "__main__":
    cli.run(main)
