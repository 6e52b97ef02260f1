"""Measures how long one decision takes, beside what else one could run.

    python -m bifsmn_tf.benchmark
    python -m bifsmn_tf.benchmark --model=mine.tflite --model=other.tflite

Without files, networks with random weights: BiFSMN at all its depths, its
full-precision and 8-bit counterparts, DS-CNN and BC-ResNet-1; that needs
TensorFlow. One thread, one process, one clip of features per invoke, the
models in turns.

``--profile`` adds the time of every layer of ours, ``--json``, ``--chart`` and
``--results`` write the outcome as JSON, PNG and a page.
"""

import importlib.util
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from bifsmn_tf import cli
from bifsmn_tf.benchmarking import chart
from bifsmn_tf.benchmarking import report as reports
from bifsmn_tf.benchmarking.measure import measure
from bifsmn_tf.benchmarking.model import BenchmarkModel
from bifsmn_tf.benchmarking.model import Role
from bifsmn_tf.benchmarking.model import from_file
from bifsmn_tf.benchmarking.model import smallest_model
from bifsmn_tf.benchmarking.profile import profile
from bifsmn_tf.errors import UserError

_NETWORKS = [
    "dfsmn",
    "bifsmn",
    "bifsmn_wide",
    "bifsmn_mixed",
    "ds_cnn",
    "bc_resnet",
]

PORTABLE_KERNELS = (
    "portable kernels=feature_conv_portable_1x16_s32,bgemm_portable_4x4_u16,"
    "memory_portable_1x16_u8,dense_portable_1x1_s32,"
    "igemm_portable_1x16_s32"
)

_MODEL = flags.DEFINE_multi_string(
    "model", [], "A .tflite file to measure; it may be repeated."
)
_NETWORK = flags.DEFINE_list(
    "networks",
    None,
    f"The networks with random weights to measure, of {', '.join(_NETWORKS)}; "
    "by default all, or none if files are given.",
)
_ARCHITECTURE = flags.DEFINE_enum(
    "architecture",
    "bifsmn",
    ["bifsmn", "bifsmn_s"],
    "The sizes of BiFSMN and of its full-precision counterparts.",
)
_CLASSES = flags.DEFINE_integer(
    "classes",
    12,
    "How many outputs the networks with random weights have.",
    lower_bound=1,
)
_KERNELS = flags.DEFINE_multi_string(
    "kernels",
    [PORTABLE_KERNELS],
    "NAME=KERNEL,KERNEL: measure BiFSMN with these native kernels, too, beside "
    "the library's own choice. It may be repeated; empty means none. By "
    "default the portable kernels.",
)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 100, "How many turns each model has.", lower_bound=1
)
_TURN = flags.DEFINE_float(
    "turn_milliseconds",
    1.0,
    "About how many milliseconds a turn takes.",
    lower_bound=0.0,
)
_PROFILE = flags.DEFINE_bool(
    "profile", False, "Measure the time of every layer of our networks, too."
)
_CYCLES = flags.DEFINE_string(
    "cycles",
    None,
    "A JSON file of modelled cycles to show beside what was measured: "
    '{"NAME": {"strict": cycles, "ideal": cycles}}.',
)
_JSON = flags.DEFINE_string(
    "json", None, "The file to write the report to, as JSON."
)
_CHART = flags.DEFINE_string(
    "chart", None, "The file to draw the picture to, as PNG."
)
_RESULTS = flags.DEFINE_string(
    "results", None, "The folder to write the page benchmark.md to."
)

_SAVE = flags.DEFINE_string(
    "save_models",
    None,
    "The folder to write the measured files to, and models.json, a list of "
    '{"name", "file", "signature", "kernels"}.',
)

_BUSY = 0.5


def _networks() -> list[str]:
    if _NETWORK.value is None:
        return [] if _MODEL.value else _NETWORKS
    for name in _NETWORK.value:
        if name not in _NETWORKS:
            raise UserError(
                f"--networks: there is no {name}: of {', '.join(_NETWORKS)}"
            )
    return _NETWORK.value


def _kernels() -> dict[str, str]:
    found = {}
    for text in filter(None, _KERNELS.value):
        name, _, kernels = text.partition("=")
        if not name or not kernels:
            raise UserError(f"--kernels is NAME=KERNEL,KERNEL, not {text!r}")
        found[name] = kernels
    return found


def _models() -> list[BenchmarkModel]:
    chosen, kernels = _networks(), _kernels()
    found = [model for path in _MODEL.value for model in from_file(path)]
    if not chosen:
        return [*found, smallest_model()]
    try:
        from bifsmn_tf.benchmarking import networks
    except ImportError as error:
        raise UserError(
            "networks with random weights need TensorFlow: pip install "
            "'bifsmn_tf[train]', or give files with --model"
        ) from error
    for name in _NETWORKS:
        if name in chosen:
            found += networks.make(
                name, _ARCHITECTURE.value, _CLASSES.value, kernels
            )
    return [*found, smallest_model(), networks.smallest_bifsmn()]


def _check_outputs() -> None:
    """Checks, before the measurement, that its outcome can be written."""
    for name, value in (("json", _JSON.value), ("chart", _CHART.value)):
        if value and not Path(value).parent.is_dir():
            raise UserError(
                f"--{name}: there is no folder {Path(value).parent}"
            )
    if _CHART.value and importlib.util.find_spec("matplotlib") is None:
        raise UserError("--chart needs matplotlib: pip install matplotlib")


def _save(models: Sequence[BenchmarkModel], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[bytes, str] = {}
    for model in models:
        name = files.setdefault(model.content, f"{len(files)}.tflite")
        (folder / name).write_bytes(model.content)
    index = [
        {
            "name": m.name,
            "file": files[m.content],
            "signature": m.signature,
            "kernels": m.kernels,
        }
        for m in models
    ]
    text = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    (folder / "models.json").write_text(text, encoding="utf-8")
    print(f"models: {folder / 'models.json'}")


def _measure(models: Sequence[BenchmarkModel], cycles: reports.Cycles) -> dict:
    names = [m.name for m in models]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise UserError(f"{repeated.pop()} is given twice")
    machine = reports.describe_machine()
    if machine["load_average"] > _BUSY:
        print(
            "note: something else is running (load average "
            f"{machine['load_average']}): times are longer than they need be",
            file=sys.stderr,
        )
    invocations = {}
    for model in models:
        try:
            invocations[model.name] = model.invocation()
        except UserError as error:
            raise UserError(f"{model.name}: {error}") from error
    rounds, turn = _ROUNDS.value, _TURN.value
    ways = {
        (name, way): getattr(invocation, way)
        for name, invocation in invocations.items()
        for way in ("invoke", "call")
    }
    times = measure(ways, rounds, turn)
    for name, invocation in invocations.items():
        try:
            invocation.check()
        except RuntimeError as error:
            raise UserError(f"{name}: {error}") from error
    profiles = {
        m.name: profile(invocations[m.name], m.content, rounds)
        for m in models
        if _PROFILE.value and m.role in (Role.OURS, Role.VARIANT)
    }
    return reports.make(
        models,
        {m.name: times[m.name, "invoke"] for m in models},
        {m.name: times[m.name, "call"] for m in models},
        profiles,
        cycles,
        settings={
            "networks": _networks(),
            "architecture": _ARCHITECTURE.value,
            "classes": _CLASSES.value,
            "threads": 1,
            "rounds": rounds,
            "turn_milliseconds": turn,
        },
        machine=machine,
        command=shlex.join(
            ["python", "-m", "bifsmn_tf.benchmark", *sys.argv[1:]]
        ),
    )


def main() -> None:
    """Measures what the flags say."""
    _check_outputs()
    cycles = reports.read_cycles(_CYCLES.value) if _CYCLES.value else {}
    models = _models()
    if _SAVE.value:
        _save(models, Path(_SAVE.value))
    report = _measure(models, cycles)
    print(reports.text(report))
    if _JSON.value:
        Path(_JSON.value).write_text(json.dumps(report, indent=1) + "\n")
        print(f"report: {_JSON.value}")
    if _CHART.value:
        chart.latencies(report, _CHART.value)
        print(f"chart: {_CHART.value}")
    if _RESULTS.value:
        folder = Path(_RESULTS.value)
        folder.mkdir(parents=True, exist_ok=True)
        page = reports.page(report)
        (folder / "benchmark.md").write_text(page, encoding="utf-8")
        print(f"page: {folder / 'benchmark.md'}")


if __name__ == "__main__":
    cli.run(main)
