"""Puts trained models and their cards into the package.

    python -m bifsmn_tf.experiments --name=sc12 --data_dir=RECORDINGS
    python -m bifsmn_tf.experiments.publish
    python -m bifsmn_tf.experiments.publish --names=bifsmn_quiet-sc12 --run=RUN
    python -m bifsmn_tf.experiments.publish --names=bifsmn-alexa

Of several seeds the one with the highest validation accuracy is taken whose
model says ``silence`` where there is nothing at all: a microphone that is
switched off sends zeros, which no recording of the validation clips does. A run
that was trained by itself, as its page says, has its model.tflite and
test_tflite.json (of ``evaluate --json``) in its folder.
"""

import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import cast

import numpy as np
from absl import flags

from bifsmn_tf import cli
from bifsmn_tf import pretrained
from bifsmn_tf import whole_file
from bifsmn_tf.data.clips import KEYWORDS
from bifsmn_tf.errors import UserError
from bifsmn_tf.evaluation import tables
from bifsmn_tf.experiments import checkout
from bifsmn_tf.model_file.detection import is_other_word
from bifsmn_tf.model_file.detection import keywords_of
from bifsmn_tf.network.config import SITES
from bifsmn_tf.runtime.spotter import KeywordSpotter

MODELS = {
    "bifsmn-sc12": ("sc12", "bifsmn_board"),
    "bifsmn_s-sc12": ("sc12", "bifsmn_s"),
    "bifsmn_shallow-sc12": ("sc12", "shallow"),
    "bifsmn_tiny-sc12": ("sc12", "half_levels"),
}
"""Names in the package, the experiments and their rows."""

BY_HAND = {"bifsmn_quiet-sc12": "quiet", "bifsmn_stream-sc12": "quiet"}
"""Names in the package of runs that no experiment trains, and their pages."""

PHRASES = {"bifsmn-alexa": "alexa"}
"""Names in the package of wake words from text, and their rows."""

_SITES = {
    "conv2": "second convolution",
    "projection": "projection",
    "memory": "memories",
    "expand": "expanding layers",
    "shrink": "shrinking layers",
}

_FILES = ("run.json", "metrics.json", "test_tflite.json")


def says_silence_to_zeros(model: Path) -> bool:
    """Returns whether a file calls zeros ``silence`` at each of its depths.

    Args:
        model: a .tflite file of :mod:`bifsmn_tf.convert`.
    """
    spotter = KeywordSpotter(model)
    zeros = np.zeros(spotter.metadata.features.samples, np.float32)
    for delta in spotter.deltas:
        spotter.delta = delta
        probabilities = spotter(zeros)
        if max(probabilities, key=lambda k: probabilities[k]) != "silence":
            return False
    return True


def _best(runs: Path, results: Path, row: str) -> tuple[Path, dict[str, Any]]:
    """Finds the run of a row with the highest validation accuracy.

    Args:
        runs: the folder of the experiment's runs.
        results: the experiment's JSON.
        row: the name of the row.

    Returns:
        The folder of the run, and what the JSON says of it; ``seeds`` is how
        many runs the row has.

    Raises:
        UserError: No run is finished, or none says ``silence`` to zeros.
    """
    if not results.is_file():
        raise UserError(f"--results: there is no file {results}")
    finished = [
        run
        for run in json.loads(results.read_text(encoding="utf-8"))["runs"]
        if run["row"] == row and (runs / run["run"] / "model.tflite").is_file()
    ]
    if not finished:
        raise UserError(f"--runs: {runs} has no finished run of {row}")
    for run in sorted(finished, key=lambda r: r["validation"], reverse=True):
        if says_silence_to_zeros(runs / run["run"] / "model.tflite"):
            return runs / run["run"], run | {"seeds": len(finished)}
    raise UserError(
        f"--runs: no model of {row} says silence to zeros: train another seed"
    )


def _read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _more_bits(run: Mapping[str, Any]) -> str:
    """Says what has 8 bits beside the first convolution and the classifier."""
    layers = run["network"].get("int8_sites", [])
    return "".join(f", the {_SITES[layer]}" for layer in layers)


def _two_bits_everywhere(run: Mapping[str, Any]) -> bool:
    network = run["network"]
    two = set(network.get("two_bit_sites", []))
    # Those of 8 bits are named apart.
    return bool(two) and two | set(network.get("int8_sites", [])) == set(SITES)


def _bits_of_all(run: Mapping[str, Any]) -> str:
    """Begins a sentence on the bits of weights and activations."""
    if _two_bits_everywhere(run):
        return "Weights are one bit, and activations two,"
    return "Weights and activations are one bit"


def _chosen_epoch(run: Mapping[str, Any]) -> str:
    """Says which epoch's weights these are."""
    if run["training"].get("keep") != "last":
        return "The epoch was chosen by validation"
    if run["training"].get("weight_average"):
        return "The weights are an average over the last epochs"
    return "The weights are those of the last epoch"


def _two_bits(run: Mapping[str, Any]) -> str:
    """Says what reads activations of two bits."""
    layers = run["network"].get("two_bit_sites", [])
    if not layers or _two_bits_everywhere(run):
        return ""
    *others, last = [f"the {_SITES[layer]}" for layer in layers]
    names = f"{', '.join(others)} and {last}" if others else last
    return f" Activations into {names} have two bits."


def _accuracies(test: Mapping[str, Any]) -> str:
    rows = []
    for delta, figures in test["deltas"].items():
        low, high = figures["interval"]
        accuracy = (
            f"{100 * figures['accuracy']:.1f} % "
            f"({100 * low:.1f}-{100 * high:.1f})"
        )
        rows.append((delta, f"{figures['correct']:,}", accuracy))
    return tables.markdown(("δ", "correct", "accuracy"), rows)


def _input(run: Mapping[str, Any]) -> str:
    """Says what a model takes."""
    if run["network"].get("streaming"):
        return "a stream of sound, of which it computes each moment once"
    return "one second of sound"


def _surroundings(run: Mapping[str, Any]) -> str:
    """Says what the test clips of a streaming model stand in."""
    if run["network"].get("streaming"):
        return ", each clip behind more than a second of other clips"
    return ""


def _in_streams(name: str, results: Path) -> Mapping[str, Any] | None:
    """Returns how a model does in speech that goes on, if that was measured.

    Args:
        name: in the package.
        results: the folder of results; ``quiet/packaged.json`` has, by name,
            what quiet.md says of the file that is in the package.
    """
    path = results / "quiet" / "packaged.json"
    if not path.is_file():
        return None
    measured = json.loads(path.read_text(encoding="utf-8"))
    return cast(dict[str, Mapping[str, Any]], measured).get(name)


def _false_accepts(name: str, results: Path) -> list[str]:
    measured = _in_streams(name, results)
    if measured is None:
        return []
    missed = 100 * measured["missed"] / measured["words"]
    threshold = measured["threshold"]
    at = f"the threshold {threshold:g}" if threshold else "its own thresholds"
    return [
        f"* **False accepts**: {measured['false_accepts_per_hour']:,} an hour "
        f"of speech at {at}, missing {missed:.0f} % of "
        f"{measured['words']:,} words (results/quiet.md).",
    ]


def _curve(name: str, results: Path) -> list[str]:
    """Returns the section of false accepts against what is missed."""
    measured = _in_streams(name, results)
    if measured is None or "curve" not in measured:
        return []
    words = measured["words"]
    rows = [
        (
            f"{at['threshold']:g}",
            f"{at['false_accepts_per_hour']:,}",
            f"{100 * at['missed'] / words:.1f} %",
        )
        for at in measured["curve"]
    ]
    return [
        "",
        "## Missed and false",
        "",
        f"Of {words:,} words, and in 45 minutes of people who say none of "
        "them, at full depth (results/quiet.md):",
        "",
        tables.markdown(("threshold", "false accepts an hour", "missed"), rows),
    ]


def _seed_choice(found: Mapping[str, Any] | None) -> str:
    if found is None or found["seeds"] == 1:
        return ""
    return (
        f", and of {found['seeds']} seeds the one among those whose model says "
        "`silence` to digital silence"
    )


def _other_sound(run: Mapping[str, Any]) -> str:
    """Says what else a run was trained on."""
    if not run.get("training", {}).get("negatives"):
        return ""
    return (
        " Trained beside speech without a keyword: other words of that data "
        "set, people reading (LibriSpeech, V. Panayotov and others, CC BY 4.0) "
        "and sentences of voices of espeak-ng, flite and Piper."
    )


def _taught_by_embeddings(run: Mapping[str, Any]) -> str:
    """Says who else taught a run, and what is not known of it."""
    if not run["training"].get("embedding_weight"):
        return ""
    hints = ""
    if run["training"].get("embedding_hint"):
        hints = " and by hints of it"
    return (
        f" Taught by two layers on Google's speech embedding{hints} (J. Lin "
        "and others, arXiv:2002.01322, Apache-2.0), whose authors trained it "
        "on speech of very many people: whether the phrase was among it is "
        "not known."
    )


def _never_events(labels: Sequence[str]) -> str:
    """Says which classes beside keywords a model has."""
    others = [f"`{label}`" for label in labels if is_other_word(label)]
    if not others:
        return "`unknown` and `silence`"
    return (
        f"`unknown`, `silence` and {', '.join(others)}, which are never an "
        "event"
    )


def _making(experiment: str, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"By the commands of results/{experiment}.md."]
    return [
        f"    python -m bifsmn_tf.experiments --name={experiment} "
        "--data_dir=RECORDINGS",
        "    python -m bifsmn_tf.experiments.publish",
        "",
        f"Row `{found['row']}`, seed {found['seed']}: "
        f"`python -m {found['command']} {' '.join(found['flags'])}`"
        f"{_ensemble(found)}.",
    ]


def _ensemble(found: Mapping[str, Any]) -> str:
    """Says which runs taught a run together."""
    if not found.get("ensemble"):
        return ""
    seeds = ", ".join(map(str, found["ensemble"]))
    return f", taught by `{found['teacher']}` of seeds {seeds}"


def _all_depths(run: Mapping[str, Any]) -> str:
    return ", for all depths" if len(run["network"]["deltas"]) > 1 else ""


def _whole(keywords: Sequence[str]) -> str:
    """Says what the whole data set has more than the part here."""
    missing = len(KEYWORDS) - len(keywords)
    more = f" and {missing} more keywords" if missing else ""
    return f"more speakers{more}"


def _card(
    name: str,
    experiment: str,
    folder: Path,
    found: Mapping[str, Any] | None,
    results: Path,
) -> str:
    run, metrics, test = (_read(folder, file) for file in _FILES)
    keywords = keywords_of(run["label_names"])
    size = (folder / "model.tflite").stat().st_size
    lines = [
        f"# {name}",
        "",
        f"A keyword spotter. {_bits_of_all(run)} everywhere but in the first "
        f"convolution{_more_bits(run)} and the classifier (8 bits)."
        f"{_two_bits(run)}",
        "",
        f'    spotter = bifsmn_tf.KeywordSpotter("{name}")',
        "",
        f"* **Keywords**: {', '.join(keywords)}; besides, "
        f"{_never_events(run['label_names'])}.",
        f"* **Input**: {_input(run)}, 16 kHz; other rates are resampled.",
        f"* **File**: {size:,} bytes{_all_depths(run)}.",
        *_false_accepts(name, results),
        *_curve(name, results),
        "",
        "## Accuracy",
        "",
        f"{test['clips']:,} test clips of speakers that are in no other part, "
        "this file in the stock ai-edge-litert runtime, with 95 % Wilson "
        f"intervals{_surroundings(run)}:",
        "",
        _accuracies(test),
        "",
        f"What it stands beside: results/{experiment}.md in the repository. "
        "**Not comparable with "
        f"figures on the whole data set**, which has {_whole(keywords)}.",
        "",
        "## Data and licence",
        "",
        "Trained on a part of Google Speech Commands V0.02 by P. Warden "
        "(arXiv:1804.03209), which is licensed under CC BY 4.0 "
        "(https://creativecommons.org/licenses/by/4.0/); recordings by "
        f"volunteers. `{run['dataset']['name']}`, its own division of "
        f"speakers; validation accuracy {100 * metrics['best']['score']:.1f} % "
        f"(mean over δ), by which the epoch was chosen{_seed_choice(found)}."
        f"{_other_sound(run)}",
        "",
        "## What it is for, and what not",
        "",
        "For trying things out, as a start for one's own training, and as a "
        "reference. The speakers are mostly English-speaking adults who read "
        "single words into their own microphones; expect less with other "
        "accents, children, distance, or noise that is not like that of the "
        "data set. A word that sounds like a keyword may be taken for one. It "
        "does not recognise speakers, and must not be what safety depends on.",
        "",
        "## How it was made",
        "",
        *_making(experiment, found),
        "",
    ]
    return "\n".join(lines)


def _phrase_card(
    name: str, folder: Path, found: Mapping[str, Any], results: Path
) -> str:
    """Returns the card of a wake word.

    Args:
        name: in the package.
        folder: of the run, with what was heard of people.
        found: what the experiment's JSON says of the run.
        results: the folder of results.
    """
    run = _read(folder, "run.json")
    labels = run["label_names"]
    (phrase,) = keywords_of(labels)
    page = json.loads(
        (results / "wake_word" / "results.json").read_text(encoding="utf-8")
    )
    missed = page["figures"]["missed"][found["row"]][str(found["seed"])]
    rows = [
        (rate, "-" if share is None else f"{100 * share:.1f} %")
        for rate, share in missed.items()
    ]
    people = _read(folder, "people.json")["models"]
    own = next(iter(people.values()))["own"]
    figures = own["figures"]
    size = (folder / "model.tflite").stat().st_size
    lines = [
        f"# {name}",
        "",
        f"The wake word *{phrase}*, trained from text: no recording of it was "
        f"trained on. {_bits_of_all(run)} everywhere but in the first "
        f"convolution{_more_bits(run)} and the classifier (8 bits)."
        f"{_two_bits(run)} An example "
        "of what the commands make, not a product: measure it where it is to "
        "be used.",
        "",
        f'    spotter = bifsmn_tf.KeywordSpotter("{name}")',
        "",
        f"* **Keyword**: {phrase}; besides, {_never_events(labels)}.",
        f"* **Input**: {_input(run)}, 16 kHz; other rates are resampled.",
        f"* **File**: {size:,} bytes{_all_depths(run)}.",
        f"* **False accepts**: {figures['false_accepts_per_hour']:.2g} an hour "
        f"of people ordering coffee at its own threshold, "
        f"missing {figures['missed']} of {figures['words']} people "
        f"({figures['miss_rate']:.0%}) (results/wake_word.md).",
        "",
        "## Missed and false",
        "",
        f"Of {figures['words']} people who say the phrase once, this file "
        "misses at false accepts an hour in 45 minutes of speech:",
        "",
        tables.markdown(("false accepts an hour", "missed"), rows),
        "",
        "## Data and licence",
        "",
        "Positive examples are voices of espeak-ng, flite and Piper."
        f"{_taught_by_embeddings(run)} Trained "
        "against other words of Google Speech Commands V0.02 by P. Warden "
        "(arXiv:1804.03209) and people reading (LibriSpeech, V. Panayotov and "
        "others), both licensed under CC BY 4.0 "
        "(https://creativecommons.org/licenses/by/4.0/). "
        f"{_chosen_epoch(run)}; the threshold was chosen for five false "
        "accepts an hour of validation sound full of words that sound alike. "
        "The recordings of people that it is measured on (Picovoice's "
        "benchmarks, Apache-2.0) were not trained on.",
        "",
        "## What it is for, and what not",
        "",
        "For trying things out. It must not be what safety depends on.",
        "",
        "## How it was made",
        "",
        "    python -m bifsmn_tf.experiments --name=wake_word "
        f"--data_dir=RECORDINGS --wake_dir=PEOPLE --rows={found['row']}",
        f"    python -m bifsmn_tf.experiments.publish --names={name}",
        "",
        f"Row `{found['row']}`, seed {found['seed']}: "
        f"`python -m {found['command']} {' '.join(found['flags'])}`.",
        "",
    ]
    return "\n".join(lines)


def _define_flags() -> None:
    flags.DEFINE_string(
        "runs", "runs/experiments", "The folder of the experiment's runs."
    )
    flags.DEFINE_string(
        "results",
        "results",
        "The folder of the JSON that the experiments have written.",
    )
    flags.DEFINE_list(
        "names", None, "The models to publish; by default all of experiments."
    )
    flags.DEFINE_string(
        "run", None, "The folder of a run that no experiment trains."
    )


def main() -> None:
    """Publishes what the flags say."""
    checkout.check()
    settings = flags.FLAGS
    for name in settings.names or MODELS:
        found = None
        if name in BY_HAND:
            if settings.run is None:
                raise UserError(f"--run: {name} is of a run of its own")
            experiment, folder = BY_HAND[name], Path(settings.run)
        elif name in PHRASES:
            experiment, row = "wake_word", PHRASES[name]
            results = Path(settings.results) / experiment / "results.json"
            folder, found = _best(Path(settings.runs), results, row)
        elif name in MODELS:
            experiment, row = MODELS[name]
            results = Path(settings.results) / experiment / "results.json"
            folder, found = _best(Path(settings.runs), results, row)
        else:
            known = ", ".join((*MODELS, *BY_HAND, *PHRASES))
            raise UserError(f"--names: one of {known}, not {name}")
        target = pretrained.FOLDER / f"{name}.tflite"
        whole_file.write_bytes(target, (folder / "model.tflite").read_bytes())
        card = (
            _phrase_card(name, folder, found, Path(settings.results))
            if name in PHRASES and found
            else _card(name, experiment, folder, found, Path(settings.results))
        )
        whole_file.write_text(target.with_suffix(".md"), card)
        print(f"{target}: {folder.name}")


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
