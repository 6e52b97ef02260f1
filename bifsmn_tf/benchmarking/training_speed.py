"""How fast the distillation step trains, beside two plainer ways to write it.

One update of a BiFSMN with a teacher and HED at all its depths, in clips/s::

    python -m bifsmn_tf.benchmarking.training_speed --batch_size=96

Three ways take turns in one run, on the same weights and batches:

``project``
    :class:`~bifsmn_tf.distillation.trainer.Trainer`: the front end once, each
    block once for all the depths that run through it, and what lies between
    two linear layers, and Adam, as operations of our own
    (:mod:`~bifsmn_tf.network.fused`).
``plain``
    Stock Larq and Keras layers (:mod:`~bifsmn_tf.baselines.plain`), one pass
    over the whole network for each δ, and the losses as their equations are
    written.
``separate``
    The project's layers and losses, one pass over the whole network for each
    δ.

They compute the same loss, which is checked before anything is timed.
``--profile`` says what the project's step consists of instead.
"""

import itertools
import json
import statistics
import time
from typing import Any

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf import whole_file
from bifsmn_tf._keras import set_random_seed
from bifsmn_tf._keras import tf
from bifsmn_tf.benchmarking import training_profile
from bifsmn_tf.benchmarking.training_steps import WAYS
from bifsmn_tf.evaluation import tables
from bifsmn_tf.network import fused
from bifsmn_tf.network.architectures import ARCHITECTURES
from bifsmn_tf.network.fsmn import FSMN
from bifsmn_tf.training import threads

_TEACHERS = {"bifsmn": "dfsmn", "bifsmn_s": "dfsmn_s"}


def networks(
    architecture: str, classes: int, seed: int = 0
) -> tuple[FSMN, FSMN]:
    """Makes an untrained student and an untrained teacher.

    Args:
        architecture: The student's, ``"bifsmn"`` or ``"bifsmn_s"``.
        classes: The outputs of both.
        seed: The seed of their weights.

    Raises:
        ValueError: There is no teacher for this architecture.
    """
    if architecture not in _TEACHERS:
        raise ValueError(
            f"no distillation to {architecture!r}: one of {list(_TEACHERS)}"
        )
    set_random_seed(seed)
    student = FSMN(ARCHITECTURES[architecture](classes))
    teacher = FSMN(ARCHITECTURES[_TEACHERS[architecture]](classes))
    teacher.trainable = False
    return student, teacher


def measure(
    architecture: str = "bifsmn",
    batch_size: int = 96,
    steps: int = 20,
    rounds: int = 5,
    classes: int = 12,
    gamma: float = 0.01,
) -> dict[str, Any]:
    """Times the three ways in turns.

    Args:
        architecture: The student's.
        batch_size: How many clips a step has.
        steps: How many steps a way makes in its turn.
        rounds: How many turns each way has.
        classes: The outputs of the classifier.
        gamma: γ of Eq. 15.

    Returns:
        Plain values: the settings, ``isa`` (the level of instructions of our
        operations), ``clips_per_second`` of the median turn by way, and
        ``ratios`` of the project's way to the others.

    Raises:
        RuntimeError: The ways do not compute the same loss.
    """
    generator = np.random.default_rng(0)
    batches = [
        _batch(architecture, batch_size, classes, generator) for _ in range(4)
    ]
    made = {
        way: make(*networks(architecture, classes), gamma)
        for way, make in WAYS.items()
    }
    first = {way: float(step(*batches[0])) for way, step in made.items()}
    if not np.allclose(list(first.values()), first["plain"], rtol=1e-3):
        raise RuntimeError(f"the ways do not compute the same loss: {first}")
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, step in made.items():
            start = time.perf_counter()
            for batch in itertools.islice(itertools.cycle(batches), steps):
                loss = step(*batch)
            loss.numpy()
            seconds[way].append(time.perf_counter() - start)
    speed = {
        way: batch_size * steps / statistics.median(turns)
        for way, turns in seconds.items()
    }
    return {
        "isa": fused.isa(),
        "architecture": architecture,
        "batch_size": batch_size,
        "steps": steps,
        "rounds": rounds,
        "clips_per_second": {w: round(s, 1) for w, s in speed.items()},
        "ratios": {
            f"project / {way}": round(speed["project"] / speed[way], 3)
            for way in ("plain", "separate")
        },
    }


def profile(
    architecture: str = "bifsmn",
    batch_size: int = 96,
    steps: int = 10,
    classes: int = 12,
) -> dict[str, float]:
    """Returns what a step of the project's way consists of.

    Args:
        architecture: The student's.
        batch_size: How many clips a step has.
        steps: How many are measured.
        classes: The outputs of the classifier.

    Returns:
        Milliseconds by kind, as
        :func:`~bifsmn_tf.benchmarking.training_profile.profile`.
    """
    batch = _batch(architecture, batch_size, classes, np.random.default_rng(0))
    step = WAYS["project"](*networks(architecture, classes), 0.01)
    return training_profile.profile(lambda: step(*batch).numpy(), steps)


def _batch(
    architecture: str,
    batch_size: int,
    classes: int,
    generator: np.random.Generator,
) -> tuple[tf.Tensor, tf.Tensor]:
    config = ARCHITECTURES[architecture](classes)
    shape = (batch_size, config.frames, config.mels)
    return (
        tf.constant(generator.normal(size=shape), tf.float32),
        tf.constant(generator.integers(0, classes, batch_size), tf.int32),
    )


def table(results: dict[str, Any]) -> str:
    """Returns the results of :func:`measure` as text."""
    speeds, ratios = results["clips_per_second"], results["ratios"]
    title = (
        f"{results['architecture']}, batch {results['batch_size']}, "
        f"{results['rounds']} rounds of {results['steps']} steps, "
        f"our operations at level {results['isa'] or 'none'}"
    )
    return "\n".join(
        (
            title,
            tables.plain(
                ("", "clips/s"),
                [(way, f"{speed:.1f}") for way, speed in speeds.items()],
            ),
            *(f"{name}: {ratio:.2f}" for name, ratio in ratios.items()),
        )
    )


def _shares(milliseconds: dict[str, float]) -> str:
    total = sum(milliseconds.values())
    return tables.plain(
        ("", "ms a step", "share"),
        [
            (what, f"{value:.2f}", f"{100 * value / total:.1f} %")
            for what, value in [*milliseconds.items(), ("all", total)]
        ],
    )


def _define_flags() -> None:
    flags.DEFINE_enum(
        "architecture",
        "bifsmn",
        list(_TEACHERS),
        "The student's architecture.",
    )
    flags.DEFINE_integer(
        "batch_size", 96, "How many clips a step has.", lower_bound=1
    )
    flags.DEFINE_integer(
        "steps", 20, "How many steps a way makes in its turn.", lower_bound=1
    )
    flags.DEFINE_integer(
        "rounds", 5, "How many turns each way has.", lower_bound=1
    )
    flags.DEFINE_integer(
        "threads",
        0,
        "How many threads TensorFlow uses, shared as in a training; 0 for one "
        "a processor.",
        lower_bound=0,
    )
    flags.DEFINE_bool(
        "profile",
        False,
        "Measure what --steps steps of the project's way consist of, by kinds "
        "of operations, instead of the three ways.",
    )
    flags.DEFINE_string("json", None, "The file to write the results to, too.")


def main() -> None:
    """Measures what the flags say."""
    settings = flags.FLAGS
    threads.use(settings.threads)
    results: dict[str, Any]
    if settings.profile:
        results = profile(
            settings.architecture, settings.batch_size, settings.steps
        )
        print(_shares(results))
    else:
        results = measure(
            settings.architecture,
            settings.batch_size,
            settings.steps,
            settings.rounds,
        )
        print(table(results))
    if settings.json:
        whole_file.write_text(
            settings.json, json.dumps(results, indent=1) + "\n"
        )


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
