r"""Trains a keyword spotter: the full-precision teacher, then BiFSMN.

    python -m bifsmn_tf.train --flagfile=configs/sc10_bifsmn.flags \
        --data_dir=SPEECH_COMMANDS --run_dir=runs/bifsmn

A run that was stopped, even by kill -9, goes on with the same command. With a
distillation and no --teacher, the teacher is trained first, into
RUN_DIR/teacher; and with --first_stage_epochs, before the run itself, a network
whose activations alone are one bit into RUN_DIR/first_stage. What a run leaves
behind is described in bifsmn_tf/training/run.py.

    python -m bifsmn_tf.train --flagfile=configs/wake_word.flags \
        --words="hey robin" --run_dir=runs/hey_robin

makes a wake word from text: RUN_DIR/model.tflite has its thresholds in it, and
RUN_DIR/report.md says how it does. --negatives=FOLDER with people speaking
makes it keep quiet where people speak.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf import whole_file
from bifsmn_tf.data.clips import UNKNOWN
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.context import context_of
from bifsmn_tf.data.evaluation import evaluation_features
from bifsmn_tf.data.pieces import Moments
from bifsmn_tf.data.pipeline import Mined
from bifsmn_tf.data.speech_embedding import SpeechEmbedding
from bifsmn_tf.data.synthetic import sentences
from bifsmn_tf.distillation import epoch_accuracy
from bifsmn_tf.distillation.loss_config import LossConfig
from bifsmn_tf.evaluation import deployment
from bifsmn_tf.evaluation import plots
from bifsmn_tf.model_file.detection import is_keyword
from bifsmn_tf.network.config import FLOAT_WEIGHTS
from bifsmn_tf.network.config import NetworkConfig
from bifsmn_tf.training import embedding_teacher
from bifsmn_tf.training import mining
from bifsmn_tf.training import recipes
from bifsmn_tf.training import research_flags
from bifsmn_tf.training import workers
from bifsmn_tf.training.embedding_teacher import EmbeddingTeacher
from bifsmn_tf.training.fit_config import FitConfig
from bifsmn_tf.training.flags import define_data
from bifsmn_tf.training.flags import define_deployment
from bifsmn_tf.training.flags import define_fit
from bifsmn_tf.training.flags import define_network
from bifsmn_tf.training.flags import define_run
from bifsmn_tf.training.flags import define_sound
from bifsmn_tf.training.flags import define_teaching
from bifsmn_tf.training.flags import run_folder
from bifsmn_tf.training.generated_flags import LeftTo
from bifsmn_tf.training.loop import fit
from bifsmn_tf.training.protocol import TrainableNetwork
from bifsmn_tf.training.run import RunConfig
from bifsmn_tf.training.run import RunFolder
from bifsmn_tf.training.run import read_arrays
from bifsmn_tf.training.train_settings import Settings
from bifsmn_tf.training.train_settings import read_settings

FLAGS = flags.FLAGS

_LEFT_TO_RECIPE = dict.fromkeys(recipes.SETTINGS, LeftTo("recipe"))

GROUPS = (
    define_run(),
    define_data(_LEFT_TO_RECIPE),
    define_sound(),
    define_network(),
    define_teaching(),
    define_fit(defaults=_LEFT_TO_RECIPE),
    define_deployment(),
    research_flags.define_data(),
    research_flags.define_sound(),
    research_flags.define_network(),
    research_flags.define_teaching(_LEFT_TO_RECIPE),
    research_flags.define_fit(defaults=_LEFT_TO_RECIPE),
    research_flags.define_stages(),
)


_SHARED = ("label_names", "features", "statistics")
"""What a training and the runs that it builds on have in common."""


_VOICES = 3
"""Voices that say each text that sounds like a keyword, for the report."""


_MINED = 0.25
"""Of the pieces in an epoch, those that a network was asked for."""

_MINED_FILE = "mined.npz"

_EMBEDDING_FILE = "embedding.npz"


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
            settings.sound,
            SpeechEmbedding() if settings.loss.hears_embeddings else None,
        )
        self._hearing: EmbeddingTeacher | None = None
        self._validation = self._held_out(held_out)

    def hear_embeddings(self, run: RunFolder) -> None:
        """Teaches from now on what speech embeddings tell, if it has weight.

        Args:
            run: The run, in whose folder it is kept.
        """
        loss = self._settings.loss
        if not loss.hears_embeddings:
            return
        self._hearing, taught = embedding_teacher.trained(
            self._pipeline,
            self.classes,
            run.path / _EMBEDDING_FILE,
            self._settings.fit.seed,
        )
        self._pipeline.logits = taught.logits
        if loss.embedding_hint:
            self._pipeline.hints = taught.hints

    def _held_out(self, clips: Clips) -> tuple[np.ndarray, np.ndarray]:
        """Returns features and labels to validate on: clips, then pieces."""
        settings, labels = self._settings, self._dataset.label_names
        context = context_of(settings.student, clips)
        statistics = self._pipeline.statistics
        features = evaluation_features(
            clips, settings.features, statistics, context=context
        )
        pieces = None
        if context is not None:
            pieces = settings.sound.held_out(
                labels,
                settings.features,
                context.frames,
                settings.data.cache_dir,
                settings.data.similar(labels),
                settings.data.voices,
            )
        if pieces is None:
            return features, clips.labels
        number = len(clips)
        heard = pieces.extract(clips.waveforms, np.arange(number), None)
        unknown = np.full(number, labels.index(UNKNOWN), np.int32)
        return (
            np.concatenate([features, statistics.normalise(heard)]),
            np.concatenate([clips.labels, unknown]),
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
                **dataclasses.asdict(self._settings.sound),
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
            **networks: ``teacher``, ``more_teachers`` and ``initial``, if
                there are such.
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

    def write_look_alikes(self, run: RunFolder) -> None:
        """Lists what is said because it sounds like a keyword."""
        similar = self._settings.data.similar(self._dataset.label_names)
        if similar and workers.is_chief(self._strategy):
            run.path.mkdir(parents=True, exist_ok=True)
            text = "".join(f"{line}\n" for line in similar)
            whole_file.write_text(run.path / "look_alikes.txt", text)

    def deploy(self, run: RunFolder, rate: float) -> None:
        """Writes a run's file and report, and says where they are."""
        settings, labels = self._settings, self._dataset.label_names
        similar = settings.data.similar(labels)
        speech = settings.sound.speech(
            "validation",
            labels,
            settings.data.cache_dir,
            similar,
            settings.data.voices,
        )
        chosen = deployment.deploy(
            run.path,
            deployment.Sounds(
                self._dataset,
                {name: heard.sound for name, heard in speech.items()},
                sentences.renderings(similar, "validation", _VOICES),
            ),
            rate,
        )
        figures = chosen.point.figures(chosen.measurement.hours)
        print(
            f"{run.path / deployment.MODEL}: "
            f"{figures['false_accepts_per_hour']:.2g} false accepts an hour, "
            f"{figures['miss_rate']:.1%} missed, on validation sound\n"
            f"report: {run.path / deployment.REPORT}"
        )

    def mine(self, network: Any, path: Path) -> None:
        """Trains from now on with pieces that wake a network, too.

        Args:
            network: The one that listens.
            path: The file that they are kept in, for a run that goes on.
        """
        sound, labels = self._settings.sound, self._dataset.label_names
        step_frames = network.config.step_frames
        if not path.exists():
            features, moments = mining.hardest(
                network,
                self._pipeline.pool(sound.mining_pool, step_frames),
                self._pipeline.statistics,
                [is_keyword(label) for label in labels],
                math.ceil(_MINED * self._pipeline.number),
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            arrays = {"features": features, **moments._asdict()}
            whole_file.write_arrays(path, arrays)
        found = read_arrays(path)
        mined = Mined(found.pop("features"))
        if self._hearing is not None:
            heard = self._pipeline.heard_at(Moments(**found), step_frames)
            mined = Mined(mined.features, *self._hearing.teach(heard))
        before = self._pipeline.mined
        self._pipeline.mined = (
            mined if before is None else before.and_more(mined)
        )

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
        initial = None
        if settings.sound.mining_epochs:
            initial = _before_mining(
                session,
                folder.path.parent,
                settings.sound.mining_epochs,
                network,
                loss,
                fit_config,
            )
        config = session.config(network, loss, fit_config)
        session.train(
            folder, config, loss, fit_config, "teacher", initial=initial
        )
    teacher = _load_teacher(session, folder, wanted)
    if settings.sound.mining_epochs and settings.teacher.teacher:
        session.mine(teacher, run_folder().path / _MINED_FILE)
    return teacher


def _load_teacher(
    session: _Session, folder: RunFolder, wanted: RunConfig
) -> TrainableNetwork:
    folder.check_fits("teacher", wanted, _SHARED)
    return session.load(folder)


def _before_mining(
    session: _Session,
    path: Path,
    epochs: int,
    network: NetworkConfig,
    loss: LossConfig,
    fit_config: FitConfig,
    **networks: Any,
) -> TrainableNetwork:
    """Trains a network for a while, and takes what wakes it among the pieces.

    Args:
        session: The data.
        path: The folder of what is trained and found.
        epochs: How long.
        network: What is trained.
        loss: How.
        fit_config: How, but for the epochs.
        **networks: See ``_Session.train``.

    Returns:
        The network, to go on from.
    """
    folder = RunFolder(path / "before_mining")
    fit_config = dataclasses.replace(fit_config, epochs=epochs)
    session.train(
        folder,
        session.config(network, loss, fit_config),
        loss,
        fit_config,
        "before mining",
        **networks,
    )
    found = session.load(folder)
    session.mine(found, path / _MINED_FILE)
    return found


def _first_stage(
    session: _Session,
    settings: Settings,
    folder: RunFolder,
    student: NetworkConfig,
    **networks: Any,
) -> TrainableNetwork:
    """Returns the student with float weights, trained into a folder.

    Args:
        session: The data.
        settings: The whole run's.
        folder: The stage's.
        student: The network, whose weights are one bit afterwards.
        **networks: See ``_Session.train``.
    """
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
        **networks,
    )
    return session.load(folder)


def main() -> None:
    """Trains what the flags say."""
    settings = read_settings()
    session = _Session(settings)
    student = dataclasses.replace(settings.student, classes=session.classes)
    run = run_folder()
    session.write_look_alikes(run)
    session.hear_embeddings(run)
    config = session.config(
        student,
        settings.loss,
        settings.fit,
        first_stage_epochs=settings.first_stage_epochs,
        initial=settings.initial,
    )
    teacher = initial = None
    teachers: dict[str, Any] = {}
    if settings.loss.needs_teacher:
        # Before time is spent on the first.
        more = [
            _load_teacher(session, RunFolder(another), config)
            for another in settings.teacher.more_teachers
        ]
        folder = RunFolder(run.path / "teacher")
        teacher = _teacher(session, settings, folder, config)
        teachers = {"teacher": teacher, "more_teachers": more}
    if settings.first_stage_epochs:
        folder = RunFolder(run.path / "first_stage")
        initial = _first_stage(session, settings, folder, student, **teachers)
    elif epochs := settings.mining_epochs:
        initial = _before_mining(
            session,
            run.path / "student" if teacher else run.path,
            epochs,
            student,
            settings.loss,
            settings.fit,
            **teachers,
        )
    elif settings.initial:
        folder = RunFolder(settings.initial)
        folder.check_fits("run to start from", config, ("network", *_SHARED))
        initial = session.load(folder)
    metrics = session.train(
        run,
        config,
        settings.loss,
        settings.fit,
        FLAGS.architecture,
        initial=initial,
        **teachers,
    )
    best = metrics["history"][metrics["best"]["epoch"]]
    print(f"best epoch {best['epoch'] + 1} of {len(metrics['history'])}:")
    for delta in student.deltas:
        accuracy = best[epoch_accuracy.validation(delta)]
        print(f"  δ = {delta}: {100 * accuracy:.2f} % on validation")
    if settings.rate is not None:
        session.deploy(run, settings.rate)
    print(
        f"curves: {run.curves}\n"
        f"next: python -m bifsmn_tf.evaluate --model={run.path} or "
        f"python -m bifsmn_tf.convert --model={run.path}"
    )


if __name__ == "__main__":
    cli.run(main, GROUPS)
