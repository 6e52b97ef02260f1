"""A wake word from text, in a kitchen: what each part of its training is worth.

No recording of the phrase is trained on. False accepts are counted in people
who order coffee, misses in people who say the phrase once; neither is trained
on, and nothing is chosen by the second phrase.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bifsmn_tf.data.speech_commands import protocol
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import plots
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import recipes
from bifsmn_tf.experiments.commands import read_json
from bifsmn_tf.experiments.results import NOT_RUN
from bifsmn_tf.experiments.results import Experiment
from bifsmn_tf.experiments.results import Results
from bifsmn_tf.experiments.rows import Row
from bifsmn_tf.experiments.runner import Outcome

RATES = (60.0, 20.0, 10.0, 3.0, 1.4)
"""False accepts an hour at which the page says what is missed."""

HELD_OUT_READER = 5
"""Every so many readers validate; the others are trained on."""

REAL_WORD = "stop"

REAL_CLIPS = (5, 20, 100)

_PHRASES = {
    "computer": "ours, computer",
    "alexa": "ours, alexa",
    "computer_two_bits": "ours of two bits, computer",
    "alexa_two_bits": "ours of two bits, alexa",
    "computer_features": "ours without embeddings, computer",
    "alexa_features": "ours without embeddings, alexa",
    "computer_thinnable": "ours of three depths, computer",
    "alexa_thinnable": "ours of three depths, alexa",
}

_PEERS = {
    "microwakeword:alexa": "microWakeWord's *alexa*",
    "openwakeword:alexa": "openWakeWord's *alexa*",
}

_PEOPLE = ("--negatives=RECORDINGS,READERS", "--validation_negatives=OTHERS")

_WHOLE = (
    *_PEOPLE,
    "--voices=espeak,flite,piper",
    "--other_words=RECORDINGS",
)

_THINNABLE = "wake_word_thinnable.flags"

# A training of its own would be far longer: parts are told apart by one
# without a teacher, of three depths.
_SHORT = (
    "--distillation=none",
    "--logit_weight=0",
    "--clips_per_word=1000",
    "--epochs=6",
    "--rooms=30",
)

_PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "clips": (
        "words of espeak-ng alone",
        (
            *("--spoken_minutes=0", "--look_alikes=0", "--keyword_parts=0"),
            *("--rooms=0", "--microphones=0", "--negative_share=0"),
            *("--mining_epochs=0", "--validation_negatives=OTHERS"),
        ),
    ),
    "speech": (
        "and speech that goes on",
        (
            *_PEOPLE,
            *("--look_alikes=0", "--keyword_parts=0"),
            *("--rooms=0", "--microphones=0", "--mining_epochs=0"),
        ),
    ),
    "look_alikes": (
        "and look-alikes, halves of the word",
        (*_PEOPLE, "--rooms=0", "--microphones=0", "--mining_epochs=0"),
    ),
    "voices": (
        "and recorded voices (flite, Piper)",
        (
            *(*_PEOPLE, "--voices=espeak,flite,piper"),
            *("--rooms=0", "--microphones=0", "--mining_epochs=0"),
        ),
    ),
    "rooms": (
        "and rooms, microphones",
        (*_PEOPLE, "--voices=espeak,flite,piper", "--mining_epochs=0"),
    ),
    "other_words": (
        "and other people's words as classes",
        (*_WHOLE, "--mining_epochs=0"),
    ),
    "mining": (
        "and what wakes it",
        (*_WHOLE, "--mining_epochs=4", "--mining_pool=10"),
    ),
    "embedding": (
        "and taught by speech embeddings, without what wakes it",
        (
            *_WHOLE,
            *("--mining_epochs=0", "--embedding_weight=4"),
            "--embedding_hint=1",
        ),
    ),
}

_FRONT_BEFORE = ("--int8_sites=", "--front_outputs=48")
"""As the recipe had it before its front end had 8 bits."""

_MISSED = 0.05
"""Of the words, at which the parts' false accepts are told."""


def _row(
    name: str,
    title: str,
    *flags: str,
    word: str = "computer",
    flagfile: str = "wake_word.flags",
    seeds: tuple[int, ...] = (0,),
) -> Row:
    return Row(
        name,
        title,
        flagfile,
        (f"--words={word}", *flags),
        report="report",
        own_epochs=True,
        seeds=seeds,
    )


ROWS = (
    _row("computer", "*computer*", *_WHOLE, seeds=recipes.SEEDS),
    _row(
        "alexa",
        "*alexa*, the same recipe",
        *_WHOLE,
        word="alexa",
        seeds=recipes.SEEDS,
    ),
    *(
        _row(
            f"{word}_two_bits",
            f"*{word}*, two bits in every layer, wider front end",
            *_WHOLE,
            *_FRONT_BEFORE,
            "--two_bit_sites=conv2,projection,memory,expand,shrink",
            word=word,
            seeds=recipes.SEEDS,
        )
        for word in ("computer", "alexa")
    ),
    *(
        _row(
            f"{word}_features",
            f"*{word}*, not taught by speech embeddings",
            *_WHOLE,
            *("--embedding_weight=0", "--embedding_hint=0", "--keep=best"),
            *(*_FRONT_BEFORE, "--two_bit_sites=conv2,projection"),
            *("--distillation=hed", "--gamma=0.1", "--logit_weight=2"),
            "--teacher_epochs=16",
            *("--weight_average=0", "--mining_epochs=6"),
            word=word,
        )
        for word in ("computer", "alexa")
    ),
    *(
        _row(
            f"{word}_thinnable",
            f"*{word}*, eight blocks of one bit, three depths",
            *_WHOLE,
            word=word,
            flagfile=_THINNABLE,
        )
        for word in ("computer", "alexa")
    ),
    *(
        _row(f"part_{name}", title, *_SHORT, *flags, flagfile=_THINNABLE)
        for name, (title, flags) in _PARTS.items()
    ),
    *(
        _row(
            f"real_{count}",
            f"and {count} recordings" if count else "synthetic voices alone",
            *_SHORT,
            *_WHOLE,
            "--mining_epochs=0",
            *((f"--recordings=REAL_{count}",) if count else ()),
            word=REAL_WORD,
            flagfile=_THINNABLE,
        )
        for count in (0, *REAL_CLIPS)
    ),
)


def places(data_dir: Path, wake_dir: Path | None, made: Path) -> dict[str, str]:
    """Returns what stands for folders in the flags of rows.

    Args:
        data_dir: the recordings of Speech Commands.
        wake_dir: people, in folders: reading, to train on, and order, computer
            and alexa, to listen to; None for another experiment.
        made: a folder for the parts that these are divided into.

    Raises:
        UserError: A folder is missing.
    """
    found = {"RECORDINGS": str(data_dir)}
    if wake_dir is None:
        return found
    for name in ("reading", "order", "computer", "alexa"):
        if not (wake_dir / name).is_dir():
            raise UserError(
                f"wake_dir: there is no folder {wake_dir / name}; it has to "
                "hold reading, order, computer and alexa"
            )
    readers = sorted((wake_dir / "reading").iterdir())
    held_out = readers[HELD_OUT_READER - 1 :: HELD_OUT_READER]
    found |= {
        "READERS": _linked(
            made / "readers", [x for x in readers if x not in held_out]
        ),
        "OTHERS": _linked(made / "others", held_out),
        "ORDERS": str(wake_dir / "order"),
        "COMPUTER": str(wake_dir / "computer"),
        "ALEXA": str(wake_dir / "alexa"),
    }
    return found | _real(data_dir, made)


def _real(data_dir: Path, made: Path) -> dict[str, str]:
    """Divides the recordings of a word into some to train on and the test."""
    spoken = data_dir / REAL_WORD
    if not spoken.is_dir():
        raise UserError(f"data_dir: there is no folder {spoken}")
    held_out = protocol.held_out(data_dir)
    files = sorted(spoken.glob("*.wav"))
    name_of = {path: f"{REAL_WORD}/{path.name}" for path in files}
    # Neither is trained on, and nothing is chosen by either.
    test = [x for x in files if name_of[x] in held_out]
    train = [x for x in files if name_of[x] not in held_out]
    found = {REAL_WORD.upper(): _linked(made / "test" / REAL_WORD, test)}
    for count in REAL_CLIPS:
        folder = made / f"real_{count}"
        # By speaker, as the names begin: each of another one.
        step = max(1, len(train) // count)
        _linked(folder / REAL_WORD, train[::step][:count])
        found[f"REAL_{count}"] = str(folder)
    return found


def _linked(folder: Path, files: Sequence[Path]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        link = folder / path.name
        if not link.is_symlink():
            link.symlink_to(path.resolve())
    return str(folder)


def missed(report: Mapping[str, Any], rate: float) -> float | None:
    """Returns the least that is missed at a rate of false accepts or less.

    Args:
        report: of a model, as ``curve.report`` makes it.
        rate: false accepts an hour.

    Returns:
        The share of words; None where no threshold is so quiet.
    """
    return _least(report, "miss_rate", "false_accepts_per_hour", rate)


def false_accepts(report: Mapping[str, Any], miss_rate: float) -> float | None:
    """Returns the fewest false accepts an hour where no more is missed.

    Args:
        report: of a model, as ``curve.report`` makes it.
        miss_rate: the share of words that may be missed.

    Returns:
        None where more is missed at every threshold.
    """
    return _least(report, "false_accepts_per_hour", "miss_rate", miss_rate)


def _least(
    report: Mapping[str, Any], wanted: str, limited: str, limit: float
) -> float | None:
    """Returns the least of a figure at thresholds that keep a limit."""
    figures = report["all"]
    return min(
        (
            value
            for value, other in zip(
                figures[wanted], figures[limited], strict=True
            )
            if other <= limit
        ),
        default=None,
    )


def _heard(results: Results, outcome: Outcome) -> dict[str, Any] | None:
    """Listens to people with a run's file, or says what the JSON keeps."""
    if not outcome.kept:
        report = _listened(results, outcome)
        if report is None:
            return None
        outcome.report["heard"] = {
            **_kept(report),
            "minutes": _minutes(outcome),
        }
    heard: dict[str, Any] | None = outcome.report.get("heard")
    return heard and {**heard, "seed": outcome.seed}


def _kept(report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the page needs of what was heard."""
    figures = report["all"]
    return {
        "hours": report["hours"],
        "all": {
            "words": figures["words"][:1],
            **{
                key: figures[key]
                for key in ("false_accepts_per_hour", "miss_rate")
            },
        },
    }


def _listened(results: Results, outcome: Outcome) -> dict[str, Any] | None:
    (word,) = (
        flag.partition("=")[2]
        for flag in outcome.row.flags
        if flag.startswith("--words=")
    )
    model = outcome.folder / "model.tflite"
    found = _listen(results, outcome.folder, str(model), word)
    return found and next(iter(found["models"].values()))


def _listen(
    results: Results, folder: Path, model: str, word: str, name: str = "people"
) -> dict[str, Any] | None:
    places_ = results.runner.places
    return results.commands.make(
        folder,
        name,
        "bifsmn_tf.evaluate_stream",
        f"--model={model}",
        f"--streams={places_['ORDERS']}",
        "--join",
        f"--trials={word}={places_[word.upper()]}",
    )


def _peers(results: Results) -> dict[str, dict[str, Any] | None]:
    found: dict[str, dict[str, Any] | None] = {}
    for model in _PEERS:
        folder = results.runner.folder / f"peer_{model.partition(':')[0]}"
        folder.mkdir(parents=True, exist_ok=True)
        heard = _listen(results, folder, model, "alexa")
        found[model] = heard and next(iter(heard["models"].values()))
    return found


def _cells(report: Mapping[str, Any] | None) -> list[str]:
    if report is None:
        return [NOT_RUN, *[""] * (len(RATES) - 1)]
    values = [missed(report, rate) for rate in RATES]
    return ["-" if x is None else f"{100 * x:.1f}" for x in values]


_HEAD = ("% missed at false accepts an hour:", *(f"{x:g}" for x in RATES))


def _table(
    results: Results,
    names: Sequence[str],
    reports: Mapping[str, Sequence[Mapping[str, Any]]],
    more: Mapping[str, Mapping[str, Any] | None] | None = None,
) -> str:
    lines = []
    for name in names:
        row = results.row(name)
        if row is None:
            continue
        found = reports.get(name, ())
        for report in found or (None,):
            title = row.title
            if report is not None and len(found) > 1:
                title = f"{title}, seed {report['seed']}"
            lines.append([title, *_cells(report)])
    for title, report in (more or {}).items():
        lines.append([title, *_cells(report)])
    return tables.markdown(_HEAD, lines)


def _parts_table(
    results: Results, reports: Mapping[str, Sequence[Mapping[str, Any]]]
) -> str:
    """Returns what each part is worth, in false accepts and in misses."""
    lines = []
    for part in _PARTS:
        row = results.row(f"part_{part}")
        if row is None:
            continue
        report = _first(reports, row.name)
        an_hour = ""
        if report is not None:
            found = false_accepts(report, _MISSED)
            an_hour = "-" if found is None else f"{found:.0f}"
        lines.append([row.title, *_cells(report), an_hour])
    head = (*_HEAD, f"an hour at {100 * _MISSED:g} % missed")
    return tables.markdown(head, lines)


def _first(
    reports: Mapping[str, Sequence[Mapping[str, Any]]], name: str
) -> Mapping[str, Any] | None:
    return next(iter(reports.get(name, ())), None)


def _curve(report: Mapping[str, Any]) -> list[tuple[float, float]]:
    figures = report["all"]
    return list(
        zip(
            figures["false_accepts_per_hour"], figures["miss_rate"], strict=True
        )
    )


def _draw(
    results: Results,
    picture: str,
    curves: Mapping[str, Mapping[str, Any] | None],
    title: str,
) -> list[str]:
    there = {name: report for name, report in curves.items() if report}
    if not there:
        return []
    plots.detection_error_trade_off(
        {name: _curve(report) for name, report in there.items()},
        results.folder / picture,
        hours=min(report["hours"] for report in there.values()),
        words=max(report["all"]["words"][0] for report in there.values()),
        title=title,
    )
    return [results.picture(picture, title), ""]


def _minutes(outcome: Outcome) -> float:
    """Returns what a run took, its teacher's training and others before it."""
    seconds = 0.0
    for part in (".", "teacher", "before_mining"):
        metrics = read_json(outcome.folder / part / "metrics.json")
        if metrics:
            seconds += sum(entry["seconds"] for entry in metrics["history"])
    return seconds / 60


def _body(results: Results) -> list[str]:
    reports = {
        row.name: [
            report
            for outcome in results.of(row.name)
            if (report := _heard(results, outcome)) is not None
        ]
        for row in results.rows
    }
    results.figures["missed"] = {
        name: {
            str(report["seed"]): {
                f"{rate:g}": missed(report, rate) for rate in RATES
            }
            for report in found
        }
        for name, found in reports.items()
        if found
    }
    parts = [f"part_{name}" for name in _PARTS]
    real = [f"real_{count}" for count in (0, *REAL_CLIPS)]
    lines: list[str] = []
    if any(results.row(name) for name in _PHRASES):
        peers = {_PEERS[x]: y for x, y in _peers(results).items()}
        curves = {
            title: _first(reports, name) for name, title in _PHRASES.items()
        }
        plain = {x.replace("*", ""): y for x, y in peers.items()}
        lines += [
            "## Two phrases",
            "",
            _table(results, list(_PHRASES), reports, peers),
            "",
            *_draw(
                results, "phrases.png", curves | plain, "phrases, people alone"
            ),
            *(
                f"Training `{name}`, seed {report['seed']}, took "
                f"{report['minutes']:.0f} minutes in steps."
                for name in _PHRASES
                for report in reports.get(name, ())
            ),
            "",
        ]
    if any(results.row(name) for name in parts):
        lines += [
            "## What each part is worth",
            "",
            "*computer*, short trainings without a teacher in full precision, "
            "each with all that stands above it, but where it says without.",
            "",
            _parts_table(results, reports),
            "",
            *_draw(
                results,
                "parts.png",
                {
                    _PARTS[name][0]: _first(reports, f"part_{name}")
                    for name in _PARTS
                },
                "computer, part by part",
            ),
        ]
    if any(results.row(name) for name in real):
        lines += [
            "## What recordings are worth",
            "",
            f"*{REAL_WORD}* from text, and with recordings of it by people "
            "(`--recordings`), each of another one; short trainings as above. "
            "Missed are clips of other people (the validation and "
            "test lists), each on its own.",
            "",
            _table(results, real, reports),
            "",
            *_draw(
                results,
                "recordings.png",
                {
                    row.title: _first(reports, name)
                    for name in real
                    if (row := results.row(name)) is not None
                },
                f"{REAL_WORD}, with recordings of people",
            ),
        ]
    return lines


EXPERIMENT = Experiment(
    "wake_word",
    "A wake word from text",
    "`configs/wake_word.flags`: no recording of the phrase is trained on but "
    "where a row says so. The sound: 45 minutes of people ordering coffee, for "
    "false accepts, and people saying the phrase once each, with a second of "
    "silence around; full depth, smoothed as the run itself chose on its "
    "validation sound. `READERS` and "
    f"`OTHERS` are the readers, every {HELD_OUT_READER}th of them held out to "
    "validate; `RECORDINGS` other words by people (Speech Commands).",
    ROWS,
    _body,
    keeps=True,
)
