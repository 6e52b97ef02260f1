"""BiFSMN that reads a stream, against the one that reads clips.

The same data, recipe and protocol as in :mod:`~bifsmn_tf.experiments.sc10`;
each clip stands behind other clips, and the deployed .tflite hears it step by
step.
"""

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bifsmn_tf.audio.samples import FloatArray
from bifsmn_tf.audio.samples import to_float
from bifsmn_tf.data import datasets
from bifsmn_tf.data import evaluation
from bifsmn_tf.data.clips import Clips
from bifsmn_tf.data.context import context_of
from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import comparison
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.runner import Outcome
from bifsmn_tf.runtime.spotter import KeywordSpotter

STREAM = recipes.STREAM

ROWS = (recipes.STREAM_TEACHER, STREAM)

_LATER = range(-2, 4)
"""Steps behind the one in which a clip ends."""

_SEED = 1
"""Of the level and the noise in front of clips."""


def _body(results: Results) -> list[str]:
    lines = comparison.table(
        results,
        columns={"file, bytes": comparison.file_bytes},
        reference=recipes.STREAM_TEACHER.name,
    )
    lines += [
        "The same network of clips, with the same features, is right in "
        "92.7 ± 0.1 / 93.0 ± 0.2 / 92.9 ± 0.0 % (sc10.md, *BiFSMN, wider front "
        "end, board's features*).",
        "",
    ]
    outcomes = results.of(STREAM.name)
    if outcomes:
        lines += _surroundings(results, outcomes[0])
    for row in results.rows:
        for outcome in results.of(row.name)[:1]:
            picture = f"curves_{row.name}.png"
            plots.training_curves(
                outcome.metrics["history"], results.folder / picture
            )
            lines.append(results.picture(picture, f"training of {row.title}"))
    return [*lines, ""]


def _surroundings(results: Results, outcome: Outcome) -> list[str]:
    """Measures what stands before a clip, and when one looks."""
    model = KeywordSpotter(outcome.folder / "model.tflite")
    clips = _test_clips(outcome, results.commands.data_dir)
    network, features = model.metadata.network, model.metadata.features
    context = context_of(network, clips)
    assert context is not None
    usual = evaluation.stretches(clips, features, context)
    starts = [
        context.start(to_float(clip), features, 0, i)
        for i, clip in enumerate(clips.waveforms)
    ]
    rng = np.random.default_rng(_SEED)
    in_front: dict[str, Callable[[FloatArray], FloatArray]] = {
        "other clips, as above": lambda before: before,
        "other clips, 20 dB louder, cut off at full scale": lambda before: (
            np.clip(10 * before, -1, 1)
        ),
        "other clips, 20 dB quieter": lambda before: before / 10,
        "white noise, 40 dB below full scale": lambda before: (
            0.01 * rng.standard_normal(len(before)).astype(np.float32)
        ),
        "digital zeros": np.zeros_like,
    }
    rows = []
    for title, change in in_front.items():
        sounds = usual.copy()
        for sound, start in zip(sounds, starts, strict=True):
            sound[:start] = change(sound[:start])
        found = _accuracies(model, sounds, clips, [0])
        rows.append([title, *(f"{100 * found[d][0]:.1f}" for d in found)])
    later = _accuracies(model, usual, clips, _LATER)
    length = network.step_frames * features.hop / features.sample_rate
    times = [
        [
            f"{step:+d} ({1000 * step * length:+.0f} ms)",
            *(f"{100 * later[d][i]:.1f}" for d in later),
        ]
        for i, step in enumerate(_LATER)
    ]
    results.figures["surroundings"] = {row[0]: row[1:] for row in rows}
    results.figures["steps_later"] = {row[0]: row[1:] for row in times}
    depths = [f"δ = {d}" for d in model.deltas]
    return [
        "## What stands in front of a clip",
        "",
        f"The file of seed {outcome.seed}, test clips, accuracy in %:",
        "",
        tables.markdown(("in front of the clip", *depths), rows),
        "",
        "## When one looks",
        "",
        "A clip ends somewhere in a step; 0 is the decision at the end of that "
        "step. Behind it there is silence.",
        "",
        tables.markdown(("step", *depths), times),
        "",
    ]


def _test_clips(outcome: Outcome, data_dir: str) -> Clips:
    dataset = outcome.run["dataset"]
    return datasets.load(
        dataset["name"],
        data_dir,
        splits=("test",),
        cache_dir=str(Path(outcome.folder).parent / "cache"),
        label_names=tuple(outcome.run["label_names"]),
        **dataset["options"],
    ).splits["test"]


def _accuracies(
    model: KeywordSpotter,
    sounds: FloatArray,
    clips: Clips,
    later: Sequence[int],
) -> dict[int, list[float]]:
    """Returns the accuracy of each depth some steps behind the end."""
    assert model.steps is not None
    silence = np.zeros(max(later) * model.steps.samples, np.float32)
    found = {}
    for delta in model.deltas:
        model.delta = delta
        logits = np.stack(
            [
                model.steps.decisions(np.concatenate([sound, silence]), delta)
                for sound in sounds
            ]
        )
        last = logits.shape[1] - 1 - max(later)
        right = logits.argmax(axis=-1) == clips.labels[:, np.newaxis]
        found[delta] = [float(right[:, last + step].mean()) for step in later]
    return found


EXPERIMENT = Experiment(
    "stream",
    "A network that reads a stream",
    "`--architecture=bifsmn_stream`: causal from the first convolution to the "
    "classifier, nothing padded in time, one bit everywhere, the wider front "
    "end and board's features of [sc10.md](sc10.md), `look_back` 1. It is "
    "trained on stretches of sound with a clip near the end, behind other "
    "clips (70 %), noise (15 %) or digital silence, and so is its "
    "full-precision teacher; HED compares their states at the same moments. "
    "Here each test clip stands behind other test clips, more than a second of "
    "them, and ends at a random place in a step; the decision at the end of "
    "that step counts.",
    ROWS,
    _body,
)
