r"""Trains a keyword spotter: the full-precision teacher, then BiFSMN.

    python -m bifsmn_tf.train --flagfile=configs/sc10_bifsmn.flags \
        --data_dir=SPEECH_COMMANDS --run_dir=runs/bifsmn

A run that was stopped, even by kill -9, goes on with the same command. With a
distillation and no --teacher, the teacher is trained first, into
RUN_DIR/teacher; and with --first_stage_epochs, before the run itself, a network
whose activations alone are one bit into RUN_DIR/first_stage. What a run leaves
behind is described in bifsmn_tf/training/run.py.
"""

import dataclasses
from typing import Any

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf._keras import tf
from bifsmn_tf.audio.log_mel import FeatureParameters
from bifsmn_tf.data.context import context_of
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import plots
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.config import FLOAT_WEIGHTS
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.training import recipes
from bifsmn_tf.training import research_flags
from bifsmn_tf.training import workers
from bifsmn_tf.training.data_config import DataConfig
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.flags import define_data
from bifsmn_tf.training.flags import define_fit
from bifsmn_tf.training.flags import define_network
from bifsmn_tf.training.flags import define_run
from bifsmn_tf.training.flags import define_teaching
from bifsmn_tf.training.flags import run_folder
from bifsmn_tf.training.flags import start
from bifsmn_tf.training.generated_flags import LeftTo
from bifsmn_tf.training.generated_flags import given
from bifsmn_tf.training.generated_flags import read
from bifsmn_tf.training.loop import fit
from bifsmn_tf.training.protocol import TrainableNetwork
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder
from bifsmn_tf.training.teacher_config import TeacherConfig

FLAGS = flags.FLAGS

_LEFT_TO_RECIPE = dict.fromkeys(recipes.SETTINGS, LeftTo("recipe"))

GROUPS = (
    define_run(),
    define_data(_LEFT_TO_RECIPE),
    define_network(),
    define_teaching(),
    define_fit(defaults=_LEFT_TO_RECIPE),
    research_flags.define_data(),
    research_flags.define_network(),
    research_flags.define_teaching(_LEFT_TO_RECIPE),
    research_flags.define_fit(defaults=_LEFT_TO_RECIPE),
    research_flags.define_stages(),
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the flags say, checked before anything takes time.

    Attributes:
        data: Which recordings are read and varied.
        features: What the networks read of them.
        student: The network to train, with one class.
        teacher: Which teacher there is, or how one is trained first.
        loss: What the student minimises.
        fit: How long and how fast it trains.
        first_stage_epochs: Epochs with float weights before; 0 for none.
        strategy: The devices to train on.
    """

    data: DataConfig
    features: FeatureParameters
    student: NetworkConfig
    teacher: TeacherConfig
    loss: LossConfig
    fit: FitConfig
    first_stage_epochs: int
    strategy: tf.distribute.Strategy


def _recipe() -> recipes.Recipe:
    """Returns the recipe, which networks in full precision have not."""
    if ARCHITECTURES[FLAGS.architecture](classes=1).binary:
        return recipes.RECIPES[FLAGS.recipe]
    for name in ("recipe", "binarizer"):
        if FLAGS[name].present:
            raise UserError(
                f"{name} is a choice of binary networks, and "
                f"--architecture={FLAGS.architecture} is full precision: "
                f"leave --{name} out, or choose --architecture=bifsmn"
            )
    return recipes.NO_RECIPE


def read_settings() -> Settings:
    """Reads the flags, and makes TensorFlow ready for what they say.

    Raises:
        UserError: A setting is impossible, or settings exclude each other.
    """
    recipe = _recipe()
    fit_config = read(FitConfig, **recipe.fit)
    # A quantizer may have TensorFlow's first operation, which fixes threads
    # and devices.
    start(fit_config.seed)
    strategy = research_flags.strategy()
    features = dataclasses.replace(
        recipes.FEATURES[FLAGS.features], **given(FeatureParameters)
    )
    student = recipes.student(
        FLAGS.architecture,
        features,
        recipe,
        FLAGS.binarizer,
        **given(NetworkConfig),
    )
    loss = read(LossConfig, **recipe.loss)
    if not student.binary:
        loss = loss.alone()
    loss.weights_by_depth(student.deltas)
    if FLAGS.first_stage_epochs and not student.one_bit_weights:
        raise UserError(
            "first_stage_epochs is for one-bit weights, which "
            f"--architecture={FLAGS.architecture} "
            f"--kernel_quantizer={student.kernel_quantizer} has not"
        )
    return Settings(
        read(DataConfig, **recipe.data),
        features,
        student,
        read(TeacherConfig),
        loss,
        fit_config,
        FLAGS.first_stage_epochs,
        strategy,
    )


class _Session:
    """Trains networks on the same data, one after the other.

    Args:
        settings: What the flags say.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._strategy = settings.strategy
        self._dataset = settings.data.load(splits=("train", "validation"))
        train, held_out = (
            self._dataset.splits[split] for split in ("train", "validation")
        )
        labels = self._dataset.label_names
        print(
            f"{self._dataset.name}: {len(train)} clips to train on, "
            f"{len(held_out)} to validate, {len(labels)} classes: "
            f"{', '.join(labels)}"
        )
        self._pipeline = settings.data.pipeline(
            train,
            self._dataset.noise,
            settings.features,
            settings.fit.seed,
            context_of(settings.student, train),
            labels,
        )
        self._validation = (
            evaluation_features(
                held_out,
                settings.features,
                self._pipeline.statistics,
                context=context_of(settings.student, held_out),
            ),
            held_out.labels,
        )

    @property
    def classes(self) -> int:
        """The number of classes of the data set."""
        return len(self._dataset.label_names)

    def config(
        self,
        network: NetworkConfig,
        loss: LossConfig,
        fit_config: FitConfig,
        **others: Any,
    ) -> RunConfig:
        """Returns what a run trains, with all that its outcome depends on."""
        data = self._settings.data
        return RunConfig(
            network=network,
            label_names=self._dataset.label_names,
            features=self._settings.features,
            statistics=self._pipeline.statistics,
            dataset={"name": data.dataset, "options": data.options},
            training={
                **dataclasses.asdict(loss),
                **dataclasses.asdict(fit_config),
                **data.variation,
                "strategy": FLAGS.strategy,
                **others,
            },
        )

    def train(
        self,
        folder: RunFolder,
        config: RunConfig,
        loss: LossConfig,
        fit_config: FitConfig,
        description: str,
        **networks: Any,
    ) -> dict[str, Any]:
        """Trains a run, draws its curves and returns its metrics.

        Args:
            folder: The run's folder.
            config: What :meth:`config` gave.
            loss: What is minimised.
            fit_config: How long and how fast.
            description: What stands in front of the progress bar.
            **networks: ``teacher`` and ``initial``, if there are such.
        """
        metrics = fit(
            folder,
            config,
            cli.flagfile(),
            loss,
            fit_config,
            self._pipeline,
            self._validation,
            strategy=self._strategy,
            description=description,
            **networks,
        )
        if workers.is_chief(self._strategy) and not folder.curves.exists():
            plots.training_curves(metrics["history"], folder.curves)
        return metrics

    def load(self, folder: RunFolder) -> TrainableNetwork:
        """Returns the trained network of a run."""
        with self._strategy.scope():
            return folder.load_network()


def _teacher(
    session: _Session, settings: Settings, folder: RunFolder, wanted: RunConfig
) -> TrainableNetwork:
    """Returns the teacher, trained into a folder unless there is one."""
    if settings.teacher.teacher:
        folder = RunFolder(settings.teacher.teacher)
    else:
        assert isinstance(wanted.network, NetworkConfig)
        network = settings.teacher.network(wanted.network)
        loss = settings.loss.alone()
        fit_config = settings.teacher.fit_config(settings.fit)
        config = session.config(network, loss, fit_config)
        session.train(folder, config, loss, fit_config, "teacher")
    folder.check_teacher(wanted, ("label_names", "features", "statistics"))
    return session.load(folder)


def _first_stage(
    session: _Session,
    settings: Settings,
    folder: RunFolder,
    student: NetworkConfig,
    teacher: TrainableNetwork | None,
) -> TrainableNetwork:
    """Returns the student with float weights, trained into a folder."""
    network = dataclasses.replace(student, kernel_quantizer=FLOAT_WEIGHTS)
    fit_config = dataclasses.replace(
        settings.fit, epochs=settings.first_stage_epochs
    )
    session.train(
        folder,
        session.config(network, settings.loss, fit_config),
        settings.loss,
        fit_config,
        "first stage",
        teacher=teacher,
    )
    return session.load(folder)


def main() -> None:
    """Trains what the flags say."""
    settings = read_settings()
    session = _Session(settings)
    student = dataclasses.replace(settings.student, classes=session.classes)
    run = run_folder()
    config = session.config(
        student,
        settings.loss,
        settings.fit,
        first_stage_epochs=settings.first_stage_epochs,
    )
    teacher = initial = None
    if settings.loss.needs_teacher:
        folder = RunFolder(run.path / "teacher")
        teacher = _teacher(session, settings, folder, config)
    if settings.first_stage_epochs:
        folder = RunFolder(run.path / "first_stage")
        initial = _first_stage(session, settings, folder, student, teacher)
    metrics = session.train(
        run,
        config,
        settings.loss,
        settings.fit,
        FLAGS.architecture,
        teacher=teacher,
        initial=initial,
    )
    best = metrics["history"][metrics["best"]["epoch"]]
    print(f"best epoch {best['epoch'] + 1} of {len(metrics['history'])}:")
    for delta in student.deltas:
        accuracy = best[f"val_accuracy_delta_{delta}"]
        print(f"  δ = {delta}: {100 * accuracy:.2f} % on validation")
    print(
        f"curves: {run.curves}\n"
        f"next: python -m bifsmn_tf.evaluate --model={run.path} or "
        f"python -m bifsmn_tf.convert --model={run.path}"
    )


if __name__ == "__main__":
    cli.run(main, GROUPS)
